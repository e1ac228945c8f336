"""The ledger is audited each night, and anchored outside the database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from iocash.db import clock
from iocash.worker import Interrupted
from tests.support import people, sandbox
from tests.support.backoffice import Office
from tests.support.threads import at_once
from wallets import anchors
from wallets.duties.audits import AuditLedger, WriteAnchor
from wallets.models import Audit

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
SPOIL = "UPDATE wallets_wallet SET received = received + 1 WHERE id = %s"


@pytest.fixture
def nightfall() -> None:
    """The duties are planned, and a day passes."""
    sandbox.make()
    for duty in (AuditLedger(), WriteAnchor()):
        duty.perform()
    sandbox.set_clock(clock.now() + DAY)


@pytest.fixture
def kept(tmp_path: Path, settings: Any) -> Path:
    settings.ANCHORS_DIR = str(tmp_path)
    return tmp_path


def pass_a_day() -> None:
    sandbox.set_clock(clock.now() + DAY)


def spoil(wallet: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SPOIL, [wallet.pk])


@pytest.mark.slow
def test_ledger_is_audited_once_a_night(alices, nightfall):
    duty = AuditLedger()
    assert [duty.perform(), duty.perform()] == [1, 0]
    pass_a_day()
    assert duty.perform() == 1
    assert [each.finding for each in Audit.objects.all()] == ["", ""]


@pytest.mark.slow
def test_result_is_on_the_first_page(alices, nightfall, staff):
    AuditLedger().perform()
    assert "Right" in Office(staff).get("/admin/")


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_finding_is_stored_and_logged(alices, nightfall, caplog):
    spoil(alices)
    assert AuditLedger().perform() == 1
    assert str(alices.pk) in Audit.objects.get().finding
    assert "the audit of the ledger has failed" in caplog.text


@pytest.mark.slow
def test_audit_that_is_interrupted_is_run_again(alices, nightfall):
    duty = AuditLedger()
    duty.ended = Event()
    duty.ended.set()
    with pytest.raises(Interrupted):
        duty.perform()
    assert not Audit.objects.exists()
    assert AuditLedger().perform() == 1


class CountedRests(Event):
    """Notes how long a duty rests, and for how long it has worked before."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: list[float] = []
        self.began = monotonic()

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.shares.append(timeout / (monotonic() - self.began))
        self.began = monotonic()
        return False


def test_audit_rests_as_long_as_each_step_took(alices, nightfall):
    duty = AuditLedger()
    duty.ended = rests = CountedRests()
    assert duty.perform() == 1
    whole = rests.shares[1:]  # until the first rest, the run begins
    assert len(whole) > 10
    assert all(0.9 < share <= 1 for share in sorted(whole)[len(whole) // 2 :]), whole


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_processes_audit_once(alices):
    duties = [AuditLedger() for _ in range(3)]
    for duty in duties:
        duty.first_due_at = lambda now: now  # type: ignore[method-assign]
    assert sorted(at_once(*[duty.perform for duty in duties])) == [0, 0, 1]
    assert Audit.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_serving_role_may_audit(alices, kept, as_serving):
    for duty in (AuditLedger(), WriteAnchor()):
        duty.first_due_at = lambda now: now  # type: ignore[method-assign]
        assert duty.perform() == 1


# --- Anchors -------------------------------------------------------------------------------------


def test_anchor_of_each_night_follows_the_one_before(alices, bobs, nightfall, kept):
    assert WriteAnchor().perform() == 1
    people.transfer(alices, bobs, 1_00)
    pass_a_day()
    assert WriteAnchor().perform() == 1
    first, second = (each.read_text().splitlines() for each in sorted(kept.glob("*.txt")))
    assert second[0].endswith(first[-1].split()[-1])
    moved = [line for line in second if line.startswith("movement ")]
    assert len(moved) == 2
    assert {each.stat().st_mode & 0o777 for each in kept.iterdir()} == {0o600}


def test_written_anchor_is_the_commands(alices, nightfall, kept, tmp_path):
    WriteAnchor().perform()
    (own,) = kept.glob("iocash-anchor-*.txt")
    call_command("anchor", str(tmp_path / "other"))
    assert (
        own.read_text().splitlines()[1:-1] == ((tmp_path / "other").read_text().splitlines()[1:-1])
    )
    with own.open() as lines:
        assert anchors.compare(lines) is None


@pytest.mark.slow
def test_audit_finds_what_differs_from_the_last_anchor(alices, bobs, nightfall, kept):
    """The anchor has a transfer that the ledger has lost without a trace."""
    with transaction.atomic():
        people.transfer(alices, bobs, 1_00)
        WriteAnchor().perform()
        transaction.set_rollback(True)
    AuditLedger().perform()
    assert Audit.objects.get().finding.startswith("anchor")


def test_damaged_anchor_fails_the_duties(alices, nightfall, kept):
    WriteAnchor().perform()
    (file,) = kept.glob("*.txt")
    file.write_text(file.read_text().replace("wallet", "purse", 1))
    pass_a_day()
    for duty in (AuditLedger(), WriteAnchor()):
        with pytest.raises(anchors.BadAnchor):
            duty.perform()
    assert [*kept.glob("*.txt")] == [file]


def test_without_a_folder_no_anchor_is_written(alices, nightfall):
    assert WriteAnchor().perform() == 0
