"""The page about making a sandbox: its commands make one of an empty database.

Takes 15 s, for a database of its own.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import dev
from tests.support.embedded_postgres import linux
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = [pytest.mark.ci, linux]

PAGE = (dev.ROOT / "docs" / "operations" / "sandbox.md").read_text()
BLOCKS = re.findall(r"```sh make\n(.+?)\n```", PAGE, re.DOTALL)


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path_factory.mktemp("sandbox"))
    yield scratch
    scratch.remove()


def test_commands_of_the_page_make_a_sandbox(empty: Scratch, tmp_path: Path):
    (commands,) = (block.replace("\\\n", "").splitlines() for block in BLOCKS)
    printed = [empty.run(*shlex.split(line)[1:]) for line in commands]
    assert len(printed) == PAGE.count("\npython manage.py ") == 3
    key = printed[-1].strip()
    with Served(empty.address(), tmp_path / "server.log") as server:
        status, headers, me = server.call("GET", "/api/v1/me", secret=key)
        assert (status, me["mode"], headers.get("x-sandbox")) == (200, "SANDBOX", "true")
        assert "sandbox:write" in me["scopes"]
        body = {"advance": "P1M"}
        status, _, clock = server.call("POST", "/api/v1/sandbox/clock", body, secret=key)
        assert (status, clock["remaining"]) == (200, None)
