"""What `dev.py run` prints: its links open, and its variables are those of the guides."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from iocash import demo
from wallets.management.commands import seed_demo

pytestmark = pytest.mark.django_db

URL = "http://testserver"


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The log-in of a new demo, in the file where `dev.py run` looks for it."""
    monkeypatch.setattr(demo, "STATE", tmp_path)
    facts = seed_demo.seed()
    (tmp_path / "demo.json").write_text(json.dumps(facts))
    return facts


def links() -> list[str]:
    """The addresses that a terminal lets people click, with the word before each."""
    return re.findall(rf"^(?:API|Docs|Back office) +{URL}(\S+)", demo.welcome(URL), re.MULTILINE)


@pytest.mark.slow
def test_every_printed_link_opens_in_a_browser(facts: dict[str, str]) -> None:
    browser = Browser(headers={"accept": "text/html"})
    browser.force_login(get_user_model().objects.get(username=facts["staffUser"]))
    assert len(links()) == 3
    for link in links():
        answer = browser.get(link)
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_guides_begin_with_the_printed_variables(
    facts: dict[str, str],
) -> None:
    printed = re.findall(r"^export (\w+)=", demo.welcome(URL), re.MULTILINE)
    page = Browser().get("/api/docs/idempotency").text
    assert printed == re.findall(r"export (\w+)=", page) == ["API", "KEY", "ALICE", "BOB"]
