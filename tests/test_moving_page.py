"""The commands of `docs/operations/moving.md`, run on two servers as the page has them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iocash.postgres import CHECKOUT
from tests.support.group_servers import TwoGroups, two_groups

PAGE = CHECKOUT / "docs" / "operations" / "moving.md"
BLOCKS = dict(re.findall(r"^```sh (\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
WRITE = """
import json, django
django.setup()
from tests.support import people
client = people.a_client("Moving")
people.cash_in(people.first_wallet(people.a_user(client, people.ALICE)), 5_00)
print(json.dumps(str(client.id)))
"""


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoGroups]:
    with two_groups(tmp_path_factory.mktemp("groups")) as both:
        yield both


def run(groups: TwoGroups, name: str) -> tuple[int, str]:
    """Run a block of the page with `CLIENT`; return its exit code and what it prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", BLOCKS[name]],
        cwd=CHECKOUT,
        env=os.environ | groups.environment | {"CLIENT": "Moving", "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.ci
def test_commands_of_the_page_work(groups):
    """Takes 60 s."""
    client = json.loads(groups.home.run("-c", WRITE).splitlines()[-1])
    code, said = run(groups, "back")
    assert (code, "No move to west is under way" in said) == (1, True), said
    for name, word in (
        ("check", "The ledger is correct"),
        ("move", "The client is active in west"),
        ("audit", "The ledger is correct"),
    ):
        code, said = run(groups, name)
        assert code == 0, said
        assert word in said
    assert groups.statuses(client) == ("MOVED", "ACTIVE")
    code, said = run(groups, "move")
    assert (code, "The client is in west already" in said) == (1, True), said
    code, said = run(groups, "purge")
    assert (code, "rows in home" in said) == (0, True), said
    assert groups.statuses(client) == ("", "ACTIVE")
    groups.audit()


@pytest.mark.ci
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Nobody", "--to", "west"), "No client has the name Nobody"),
        (("Moving", "--to", "east"), "The group must be one of home, west"),
    ],
)
def test_wrong_words_are_refused(groups, words, said):
    """Takes 5 s."""
    done = groups.manage("move_client", *words)
    assert done.returncode == 1
    assert said in done.stderr
