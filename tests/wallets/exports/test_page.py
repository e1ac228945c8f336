"""`docs/operations/export.md`: its commands, run on two servers as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iocash.postgres import CHECKOUT
from tests.support.scratch_postgres import Scratch

PAGE = CHECKOUT / "docs" / "operations" / "export.md"
BLOCK = re.compile(
    r"^ *```sh\n *# (on the old server|on the new server|anywhere)\n(.*?)^ *```$", re.M | re.S
)


def steps() -> list[tuple[str, str]]:
    """Where each block is run, and its commands."""
    return BLOCK.findall(PAGE.read_text())


def test_every_block_says_where_it_is_run():
    assert len(steps()) == PAGE.read_text().count("```sh") == 6


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A second server, without a client."""
    scratch = Scratch(tmp_path_factory.mktemp("second"))
    scratch.manage("migrate", "--verbosity", "0")
    yield scratch
    scratch.remove()


@pytest.mark.ci
def test_commands_of_the_page_move_a_client(demo, postgres, empty, tmp_path):
    """As the roles of production, in processes of their own. Takes 100 s."""
    (tmp_path / "passphrase").write_text("correct horse\n")
    client = postgres.ask("SELECT client_id FROM wallets_wallet LIMIT 1")
    person = postgres.ask(f"SELECT id FROM users_user WHERE client_id = '{client}' LIMIT 1")
    postgres.tell("UPDATE users_client SET status = 'SUSPENDED'")
    values = {
        "CLIENT": str(client),
        "FOLDER": str(tmp_path / "export"),
        "PASSPHRASE": str(tmp_path / "passphrase"),
        "ANCHOR": str(tmp_path / "anchor.txt"),
        "PERSON": str(person),
        "PERSONAL": str(tmp_path / "person"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for where, commands in in_order(steps()):
        server, documents = postgres, {}
        if where == "on the new server":
            server, documents = empty, {"DOCUMENTS_DIR": str(tmp_path / "documents")}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=CHECKOUT,
            env=server.environment() | values | documents,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, commands + done.stdout + done.stderr
    assert empty.ask("SELECT sum(balance) FROM wallets_wallet") == postgres.ask(
        f"SELECT sum(balance) FROM wallets_wallet WHERE client_id = '{client}'"
    )
    assert (tmp_path / "person" / "data.pdf").exists()


def in_order(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The anchor and the audit come before the export, as the page says of a move."""
    return sorted(found, key=lambda step: "manage.py anchor" not in step[1])
