"""Approved files are put into the folder of the bank once, whatever is killed."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from iocash import errors
from iocash.worker.loop import perform_once
from tests.support import bank_files, staff
from tests.support.bank_files import approve, build, content_of, some_cash_outs
from tests.support.threads import at_once
from users.models import DutyState
from wallets.bank import files, folder
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


def kill_at(monkeypatch: Any, name: str, after: int = 0) -> None:
    """End the process when it calls a function of the folder, after so many calls before."""
    real, calls = getattr(folder, name), count()

    def end(*values: Any) -> Any:
        if next(calls) >= after:
            raise Killed
        return real(*values)

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


@pytest.mark.parametrize(
    "place",
    ["write_hidden", "send_if_approved", "mark_file_sent", "move_into_place", "hidden_path"],
)
def test_killed_process_puts_the_file_there_once(approved, there, monkeypatch, place):
    kill_at(monkeypatch, place)
    assert all(name.startswith(".") for name in names_in(there))
    assert PlaceBankFiles().perform() == 1
    assert names_in(there) == [approved.name]
    assert PlaceBankFiles().perform() == 0


def test_file_is_moved_once_if_the_process_is_killed_after_that(approved, there, monkeypatch):
    kill_at(monkeypatch, "flush_folder", after=1)
    assert names_in(there) == [approved.name]
    assert [PlaceBankFiles().perform() for _ in range(2)] == [1, 0]
    approved.refresh_from_db()
    assert (names_in(there), approved.lost_at) == ([approved.name], None)
    assert approved.dropped_at


def test_file_that_may_have_been_taken_away_is_not_put_there_again(
    approved, there, monkeypatch, caplog
):
    """The process was killed after the move, and the bank's software was fast. People decide."""
    kill_at(monkeypatch, "flush_folder", after=1)
    (there / approved.name).unlink()
    assert [PlaceBankFiles().perform() for _ in range(3)] == [1, 0, 0]
    assert names_in(there) == []
    approved.refresh_from_db()
    assert (approved.state, approved.dropped_at) == ("SENT", None)
    assert approved.lost_at
    assert "may not be in the folder" in caplog.text
    _, content = files.take_file(file_id=approved.id, by=bank_files.by_member("operator"))
    assert content == content_of(approved)


def test_hidden_file_that_was_removed_is_written_again(approved, there, monkeypatch):
    kill_at(monkeypatch, "send_if_approved")
    (hidden,) = there.iterdir()
    hidden.unlink()
    assert PlaceBankFiles().perform() == 1
    assert names_in(there) == [approved.name]


def test_hidden_file_that_is_removed_while_it_is_placed_sends_nothing(approved, there, monkeypatch):
    claim = folder.send_if_approved

    def clean_then_claim(place: Path, file_id: Any) -> bool:
        next(there.iterdir()).unlink()
        return claim(place, file_id)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "send_if_approved", clean_then_claim)
        PlaceBankFiles().perform()
    approved.refresh_from_db()
    assert approved.state == "APPROVED"
    assert PlaceBankFiles().perform() == 1
    assert names_in(there) == [approved.name]


def test_downloaded_file_is_not_put_there(approved, there, monkeypatch):
    """Somebody downloads it while the worker prepares it."""
    kill_at(monkeypatch, "send_if_approved")
    files.take_file(file_id=approved.id, by=bank_files.by_member("operator"))
    assert PlaceBankFiles().perform() == 0
    assert names_in(there) == []
    approved.refresh_from_db()
    assert (approved.placed_at is not None, approved.dropped_at) == (True, None)


def test_download_between_preparing_and_claiming_wins(approved, there, monkeypatch):
    claim = folder.send_if_approved

    def take_then_claim(place: Path, file_id: Any) -> bool:
        files.take_file(file_id=file_id, by=bank_files.by_member("operator"))
        return claim(place, file_id)

    monkeypatch.setattr(folder, "send_if_approved", take_then_claim)
    PlaceBankFiles().perform()
    monkeypatch.undo()
    assert PlaceBankFiles().perform() == 0
    assert names_in(there) == []
    approved.refresh_from_db()
    assert approved.sent_by.startswith("staff:")


def test_file_in_the_folder_is_not_downloaded_too(approved, there):
    PlaceBankFiles().perform()
    with pytest.raises(errors.InvalidFields) as refused:
        files.take_file(file_id=approved.id, by=bank_files.by_member("operator"))
    assert "It is not handed over twice." in refused.value.errors[0].detail


def test_file_that_is_about_to_be_moved_is_not_downloaded(approved, there, monkeypatch):
    kill_at(monkeypatch, "move_into_place")
    with pytest.raises(errors.InvalidFields):
        files.take_file(file_id=approved.id, by=bank_files.by_member("operator"))


def test_file_is_readable_for_its_owner_only(approved, there, monkeypatch):
    umask = os.umask(0)
    try:
        kill_at(monkeypatch, "send_if_approved")
        modes = [each.stat().st_mode & 0o777 for each in there.iterdir()]
        PlaceBankFiles().perform()
    finally:
        os.umask(umask)
    modes += [each.stat().st_mode & 0o777 for each in there.iterdir()]
    assert modes == [0o600, 0o600]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_download_and_worker_at_once_hand_it_over_once(approved, there):
    by = bank_files.by_member("operator")

    def download() -> bool:
        try:
            files.take_file(file_id=approved.id, by=by)
        except errors.InvalidFields:
            return False
        return True

    taken, _, _ = at_once(download, PlaceBankFiles().perform, PlaceBankFiles().perform)
    while PlaceBankFiles().perform():
        continue
    assert names_in(there) == ([] if taken else [approved.name])


def test_folder_that_is_missing_sends_nothing(approved, settings):
    settings.BANK_FILES_DIR = "/nowhere"
    with pytest.raises(OSError, match="nowhere"):
        PlaceBankFiles().perform()
    approved.refresh_from_db()
    assert (approved.state, approved.placed_at) == ("APPROVED", None)


def test_folder_that_goes_away_after_the_claim_is_waited_for(
    approved, there, settings, monkeypatch
):
    kill_at(monkeypatch, "move_into_place")
    settings.BANK_FILES_DIR = str(there / "unmounted")
    with pytest.raises(OSError, match="unmounted"):
        PlaceBankFiles().perform()
    settings.BANK_FILES_DIR = str(there)
    assert PlaceBankFiles().perform() == 1
    assert names_in(there) == [approved.name]


def test_error_of_the_folder_is_on_the_page_of_duties_and_tried_again(approved, there, settings):
    settings.BANK_FILES_DIR = str(there / "missing")
    duty = PlaceBankFiles()
    assert not perform_once(duty, DutyState.objects.add_report)
    page = staff.somebody(staff.ADMINISTRATOR).get(reverse("admin:duties")).text
    assert "FileNotFoundError" in page
    Path(settings.BANK_FILES_DIR).mkdir()
    assert perform_once(duty, DutyState.objects.add_report)
    assert names_in(Path(settings.BANK_FILES_DIR)) == [approved.name]
