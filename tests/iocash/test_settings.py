"""What the environment decides: redirects, Strict-Transport-Security, former secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client as Browser

import dev

ASK = """
import json
from iocash import settings
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.startswith("SEC")
    and name != "SECURE_PROXY_SSL_HEADER"}))
"""


def production(**environment: str) -> dict[str, Any]:
    """Read the settings as a process with this environment does."""
    said = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=dev.ROOT,
        env={"PATH": os.defpath, **dev.PRODUCTION, **environment},
        capture_output=True,
        check=True,
    ).stdout
    facts: dict[str, Any] = json.loads(said)
    return facts


@pytest.mark.slow
def test_hsts_covers_only_this_host_by_default():
    plain = production()
    assert plain["SECURE_HSTS_SECONDS"] == 31_536_000
    assert not plain["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert not plain["SECURE_HSTS_PRELOAD"]
    more = production(HSTS_INCLUDE_SUBDOMAINS="1", HSTS_PRELOAD="1")
    assert more["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert more["SECURE_HSTS_PRELOAD"]


@pytest.mark.slow
def test_former_secrets_are_read_from_the_environment():
    assert production()["SECRET_KEY_FALLBACKS"] == []
    former = production(SECRET_KEY_FALLBACKS="one two")["SECRET_KEY_FALLBACKS"]
    assert former == ["one", "two"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/unknown", 404),
        ("/.env", 404),
        ("/api", 404),
        ("/api/v9", 404),
        ("/api/v1", 401),
        ("/livez", 200),
        ("/readyz", 200),
        ("/", 301),
        ("/admin/", 301),
        ("/.well-known/security.txt", 301),
        ("/.well-known/security.txt/more", 404),
        ("/static/iocash/api.css", 301),
    ],
)
def test_only_web_pages_redirect_to_https(settings, path, status):
    settings.SECURE_SSL_REDIRECT = True
    response = Browser().get(path)
    assert response.status_code == status
    if status != 301:
        assert response.headers["Content-Type"] == "application/json"


def test_wrong_date_stops_the_start():
    with pytest.raises(subprocess.CalledProcessError) as stopped:
        production(SECURITY_EXPIRES="30 June")
    assert b"SECURITY_EXPIRES must be like 2027-06-30" in stopped.value.stderr


ASK_DATABASES = """
import json
from iocash import settings
print(json.dumps({
    "default": settings.DATABASES["default"]["HOST"], "owner": settings.DATABASES["owner"]["USER"],
    "groups": {name: own["default"]["HOST"] for name, own in settings.GROUPS.items()},
    "limited": [
        own[alias]["OPTIONS"]["application_name"]
        for own in settings.GROUPS.values() for alias in own
    ],
}))
"""
URLS = {
    "DATABASE_URL": "postgresql://app@one/iocash",
    "DATABASE_GROUPS": "west=postgresql://app@two/iocash east=postgresql://app@three/iocash",
    "DATABASE_OWNER_GROUPS": "west=postgresql://owner@two/iocash",
}


def databases(**environment: str) -> dict[str, Any]:
    """Ask a process with this environment for its databases."""
    said = subprocess.run(
        [sys.executable, "-c", ASK_DATABASES],
        cwd=dev.ROOT,
        env={"PATH": os.defpath, **dev.PRODUCTION, **URLS, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(said.stdout) if not said.returncode else {"error": said.stderr}


def test_groups_have_their_own_databases():
    found = databases()
    assert found["groups"] == {"home": "one", "west": "two", "east": "three"}
    assert (found["default"], found["limited"]) == ("one", ["iocash"] * 6)


def test_group_of_the_process_is_its_default_database():
    found = databases(GROUP="west")
    assert (found["default"], found["owner"]) == ("two", "owner")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"GROUP": "north"}, "GROUP must be one of home, west, east"),
        ({"DATABASE_GROUPS": "home=postgresql://app:hidden@two/iocash"}, "must be like"),
        ({"DATABASE_GROUPS": "West=postgresql://app:hidden@two/iocash"}, "must be like"),
        ({"DATABASE_GROUPS": "w=postgresql://a:hidden@b/c w=postgresql://a@b/d"}, "must be like"),
        ({"DATABASE_OWNER_GROUPS": "north=postgresql://a@b/c"}, "does not: north"),
    ],
)
def test_malformed_groups_stop_the_start_and_quote_no_url(environment, words):
    error = databases(**environment)["error"]
    assert words in error
    assert "hidden" not in error.splitlines()[-1]
