"""Moves that are refused, that differ, or that are killed: the client is active in one group."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.db import connections

from iocash.postgres import CHECKOUT
from tests.support import people
from tests.support.second_group import inside, owner_conninfo, require_nothing_there, statuses
from users.models import Client
from wallets.models import Movement

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ci]

PROGRAM = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")
import django
django.setup()
from functools import partial
from uuid import UUID
import psycopg
from wallets import moves
from wallets.moves import Move, GroupSide
here, there, client, stage, role = sys.argv[1:]
def killed(name):
    whole = getattr(moves.records, name, None) or getattr(moves, name)
    def once(*values):
        if when == "before":
            os.kill(os.getpid(), 9)
        whole(*values)
        os.kill(os.getpid(), 9)
    return once
if stage:
    name, when = stage.split()
    setattr(moves.records if hasattr(moves.records, name) else moves, name, killed(name))
home = GroupSide("home", partial(psycopg.connect, here))
west = GroupSide("west", partial(psycopg.connect, there))
move = Move(home, west, UUID(client), role, print)
(move.back if os.environ.get("BACK") else move.forward)()
"""
STAGES = [
    f"{name} {when}"
    for name in ("begin_move", "record_there", "copy_shared_rows", "note_progress", "freeze_client")
    for when in ("before", "after")
] + [
    f"{name} {when}"
    for name in ("require_right_chains", "require_same_rows_in_both", "switch_group", "end_move")
    for when in ("before", "after")
]


def start(west: str, client: Client, stage: str = "", **values: str) -> subprocess.Popen[str]:
    """Begin a move in another process; it is killed before or after a step."""
    role = connections["default"].settings_dict["USER"]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, owner_conninfo(), west, str(client.id), stage, role],
        cwd=CHECKOUT,
        env={"DEBUG": "1", "PATH": "/usr/bin:/bin", **values},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("is_back", [False, True], ids=["again", "back"])
def test_killed_move_ends_in_one_group(client_demo, alices, bobs, west, stage, is_back):
    """Takes 8 s."""
    people.transfer(alices, bobs, 1_00)
    killed = start(west, client_demo, stage)
    said, _ = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, said
    assert statuses(west, client_demo).count("ACTIVE") <= 1
    require_right_books(west)
    after = start(west, client_demo, **({"BACK": "1"} if is_back else {}))
    said, _ = after.communicate(timeout=60)
    if is_back and after.returncode == 0:
        assert statuses(west, client_demo) == ("ACTIVE", "")
        require_nothing_there(west, client_demo)
        people.transfer(alices, bobs, 1_00)
    elif stage == "end_move after":
        assert "is not in home" in said
        assert statuses(west, client_demo) == ("MOVED", "ACTIVE")
    elif is_back:
        assert "is active in west" in said or "No move to west is under way" in said
    else:
        assert statuses(west, client_demo) == ("MOVED", "ACTIVE"), said
        with inside(west):
            people.transfer(alices, bobs, 1_00)
            assert Movement.objects.filter(wallet=alices).count() == 3
    require_right_books(west)


def require_right_books(west: str) -> None:
    call_command("audit", "--all")
    with inside(west):
        call_command("audit", "--all")
