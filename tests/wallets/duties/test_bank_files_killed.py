"""Workers are killed by a signal between any two steps with the folder of the bank."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import bank_files
from tests.support.duties import working
from tests.support.embedded_postgres import linux
from tests.support.server import PATIENCE, database_of_tests
from wallets.duties.bank_files import PlaceBankFiles
from wallets.models import BankFile

pytestmark = [linux, pytest.mark.ci, pytest.mark.django_db(transaction=True)]

PROGRAM = """
import os, signal
from itertools import count
from wallets.bank import folder
from wallets.duties.bank_files import PlaceBankFiles
real, calls = folder.{name}, count()
def die(*values):
    is_last = next(calls) == {before}
    if is_last and not {is_done}:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(*values)
    if is_last:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
folder.{name} = die
PlaceBankFiles().perform()
"""
STEPS = [
    ("write_hidden", 0, False),
    ("write_hidden", 0, True),
    ("prepare_file", 0, True),
    ("mark_file_sent", 0, True),
    ("send_if_approved", 0, True),
    ("flush_folder", 1, False),
    ("move_into_place", 0, True),
]
"""The function at which a worker is killed, after how many calls of it, and whether after it."""


@pytest.fixture
def approved(client_demo: Any, alices: Any) -> BankFile:
    members = bank_files.two_members()
    account = bank_files.an_account(client_demo)
    built = bank_files.build(account, bank_files.some_cash_outs(alices, 1_00), members[0])
    return bank_files.approve(built, members[1])


def taken_away(folder: Path) -> int:
    """Take all files from the folder, as the software of the bank does; return how many."""
    found = [each for each in folder.iterdir() if not each.name.startswith(".")]
    for each in found:
        each.unlink()
    return len(found)


@pytest.mark.parametrize(("name", "before", "is_done"), STEPS)
def test_killed_worker_hands_a_file_over_once(approved, tmp_path, settings, name, before, is_done):
    """Takes 30 s in all."""
    there = tmp_path / "bank"
    there.mkdir()
    code = PROGRAM.format(name=name, before=before, is_done=is_done)
    program = ("manage.py", "shell", "-c", code)
    log = tmp_path / "log"
    worker = working(database_of_tests(), log, program=program, BANK_FILES_DIR=str(there))
    with worker as process:
        assert process.wait(PATIENCE) == -9, log.read_text()
    taken = taken_away(there)
    settings.BANK_FILES_DIR = str(there)
    while PlaceBankFiles().perform():
        continue
    assert taken + taken_away(there) == 1
    approved.refresh_from_db()
    is_doubted = name == "flush_folder"
    assert (approved.state, approved.lost_at is not None) == ("SENT", is_doubted)
    assert (approved.dropped_at is None) == is_doubted
