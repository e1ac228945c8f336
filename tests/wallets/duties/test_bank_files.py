"""Approved files are put into the folder of the bank once, whatever is killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import bank_files
from tests.support.bank_files import approve, build, content_of, some_cash_outs
from wallets.bank import folder
from wallets.duties.bank_files import PlaceBankFiles
from wallets.models import BankFile

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def there(tmp_path: Path, settings: Any) -> Path:
    settings.BANK_FILES_DIR = str(tmp_path)
    return tmp_path


@pytest.fixture
def built(client_demo: Any, alices: Any) -> BankFile:
    members = bank_files.two_members()
    return build(bank_files.an_account(client_demo), some_cash_outs(alices, 1_00), members[0])


@pytest.fixture
def approved(built: BankFile) -> BankFile:
    return approve(built, bank_files.by_member("another"))


def names_in(place: Path) -> list[str]:
    return sorted(each.name for each in place.iterdir())


def kill_at(monkeypatch: Any, name: str) -> None:
    def end(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(folder, name, end)
        with pytest.raises(Killed):
            PlaceBankFiles().perform()


def test_approved_file_is_put_into_the_folder_once(approved, there):
    assert [PlaceBankFiles().perform() for _ in range(2)] == [1, 0]
    assert names_in(there) == [approved.name]
    assert (there / approved.name).read_bytes() == content_of(approved)
    approved.refresh_from_db()
    assert (approved.state, approved.sent_by) == ("SENT", "system:work")


def test_file_that_waits_for_its_approval_is_not_put_there(built, there):
    assert PlaceBankFiles().perform() == 0
    assert names_in(there) == []


def test_without_a_folder_nothing_is_put_anywhere(approved):
    assert PlaceBankFiles().perform() == 0
    approved.refresh_from_db()
    assert approved.state == "APPROVED"


@pytest.mark.parametrize("place", ["write_hidden", "hidden_path", "flush_folder", "mark_sent"])
def test_killed_process_puts_the_file_there_once(approved, there, monkeypatch, place):
    """What the bank's software has taken away is not put there again."""
    kill_at(monkeypatch, place)
    taken = [each for each in there.iterdir() if not each.name.startswith(".")]
    for each in taken:
        each.unlink()
    assert PlaceBankFiles().perform() == 1
    assert names_in(there) == ([] if taken else [approved.name])
    assert PlaceBankFiles().perform() == 0


def test_folder_that_is_missing_sends_nothing(approved, settings):
    settings.BANK_FILES_DIR = "/nowhere"
    with pytest.raises(OSError, match="nowhere"):
        PlaceBankFiles().perform()
    approved.refresh_from_db()
    assert (approved.state, approved.placed_at) == ("APPROVED", None)
