"""Clients made by other people's generators compile, and the whole story can be told with each.

Takes minutes; needs Java and Node.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from tests.generators.clients import CLIENTS, Client
from tests.support.scratch_postgres import Scratch
from tests.support.server import PATIENCE, Served

pytestmark = pytest.mark.ci

ASKED = re.compile(r"Code of ([0-9a-f-]{36}): ")
"""What a story says when it wants the code that was sent to a user's phone."""

Folder = Callable[[Client], Path]

EACH = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


@EACH
def test_client_is_generated(staged: Folder, client: Client):
    assert any(staged(client).iterdir())


@EACH
def test_story_compiles_with_the_client(compiled: Folder, client: Client):
    assert any(compiled(client).iterdir())


@EACH
def test_story_plays(compiled: Folder, client: Client, postgres: Scratch, server: Served):
    folder = compiled(client)
    key = postgres.manage("issue_key", client.name).strip()
    postgres.tell("UPDATE users_apikey SET scopes = scopes || '{cash-in:write,movements:write}'")
    status, said = play(client.command(folder), folder, server, key)
    assert status == 0, said


def play(command: list[str], folder: Path, server: Served, key: str) -> tuple[int, str]:
    """Run a story, telling it the codes it asks for; return its exit code and what it said."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"IOCASH_URL": server.url, "IOCASH_KEY": key},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    )
    assert process.stdin
    assert process.stdout
    said, told = b"", 0
    end = Timer(4 * PATIENCE, process.kill)
    end.start()
    with process:
        while piece := process.stdout.read(4096):
            said += piece
            for user in ASKED.findall(said.decode(errors="replace"))[told:]:
                process.stdin.write(f"{code_of(user, server.log)}\n".encode())
                told += 1
    end.cancel()
    return process.returncode, said.decode(errors="replace")


def code_of(user: str, log: Path) -> Any:
    """Return the code that the server wrote for a user."""
    deadline = time.monotonic() + PATIENCE
    while not (codes := re.findall(rf"OTP (\d{{6}}) for user {user}", log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    return codes[-1]
