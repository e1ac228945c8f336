"""Parts: the anchors between those of two nights, with what has settled since the one before."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

import dev
from iocash.db import clock
from tests.support import people, sandbox
from wallets import anchors
from wallets.anchors import folder
from wallets.duties.audits import AuditLedger, WriteAnchor
from wallets.models import Audit

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def kept(tmp_path: Path, settings: Any, alices: Any) -> Path:
    """A folder with a full anchor."""
    settings.ANCHORS_DIR = str(tmp_path)
    sandbox.make()
    assert WriteAnchor().perform() == 1
    return tmp_path


def pass_time(time: timedelta) -> None:
    sandbox.set_clock(clock.now() + time)


def last(kept: Path) -> Path:
    found = folder.newest_anchor(kept)
    assert found
    return found


def newest(kept: Path) -> list[str]:
    return last(kept).read_text().splitlines()


def kinds(lines: list[str]) -> dict[str, int]:
    words = [line.split()[0] for line in lines]
    return {word: words.count(word) for word in words}


def test_part_has_movements_since_the_previous_anchor(kept, alices, bobs):
    full = newest(kept)
    people.transfer(alices, bobs, 1_00)
    pass_time(5 * MINUTE)
    assert WriteAnchor().perform() == 1
    part = newest(kept)
    assert part[0].endswith(f" after {full[-1].split()[-1]}")
    assert kinds(part) == {"iocash-anchor": 1, "movement": 2, "wallet": 2, "root": 1}
    people.transfer(alices, bobs, 1_00)
    pass_time(5 * MINUTE)
    assert WriteAnchor().perform() == 1
    second = newest(kept)
    assert second[0].endswith(f" after {part[-1].split()[-1]}")
    seqs = {line.split()[2] for line in second if line.startswith("movement ")}
    assert seqs == {"3", "2"}


def test_part_is_due_after_some_minutes_and_only_with_news(kept, alices, settings):
    settings.ANCHOR_MINUTES = 10
    people.cash_in(alices, 1_00)
    pass_time(9 * MINUTE)
    assert WriteAnchor().perform() == 1  # the first was planned with the default
    pass_time(9 * MINUTE)
    people.cash_in(alices, 1_00)
    assert WriteAnchor().perform() == 0
    pass_time(2 * MINUTE)
    assert [WriteAnchor().perform(), WriteAnchor().perform()] == [1, 0]
    pass_time(11 * MINUTE)
    assert WriteAnchor().perform() == 0
    assert len(list(kept.glob("*.txt"))) == 3


def test_no_part_is_written_with_zero_minutes(kept, alices, settings):
    settings.ANCHOR_MINUTES = 0
    people.cash_in(alices, 1_00)
    pass_time(10 * MINUTE)
    assert WriteAnchor().perform() == 0


def test_full_anchor_has_the_movements_of_the_parts_too(kept, alices, bobs):
    first = newest(kept)
    people.transfer(alices, bobs, 1_00)
    pass_time(5 * MINUTE)
    WriteAnchor().perform()
    people.transfer(alices, bobs, 1_00)
    pass_time(DAY)
    assert WriteAnchor().perform() == 1
    assert not folder.is_part(last(kept))
    assert newest(kept)[0].endswith(f" after {first[-1].split()[-1]}")
    assert kinds(newest(kept))["movement"] == 4


@pytest.mark.slow
def test_part_passes_the_public_verifier(kept, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    pass_time(5 * MINUTE)
    WriteAnchor().perform()
    part = last(kept)
    done = subprocess.run(
        [sys.executable, dev.ROOT / "docs" / "verify.py", "anchor", part],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with part.open() as lines:
        assert anchors.compare(lines) is None


@pytest.mark.slow
@pytest.mark.spoils_the_books
@pytest.mark.parametrize("later", [False, True])
def test_payment_that_a_failover_has_lost_is_found_by_its_part(kept, alices, bobs, later, caplog):
    """Also if the wallets have gone on, and later parts match again."""
    with transaction.atomic():
        people.transfer(alices, bobs, 1_00)
        pass_time(5 * MINUTE)
        assert WriteAnchor().perform() == 1
        transaction.set_rollback(True)
    if later:
        people.transfer(alices, bobs, 2_00)
        pass_time(10 * MINUTE)
        assert WriteAnchor().perform() == 1
        assert "the ledger has lost what is anchored" in caplog.text
    duty = AuditLedger()
    duty.first_due_at = lambda now: now  # type: ignore[method-assign]
    duty.perform()
    assert Audit.objects.get().finding.startswith("anchor violated")


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_anchor_that_differs_is_compared_again_by_the_next_audit(kept, alices, bobs):
    with transaction.atomic():
        people.transfer(alices, bobs, 1_00)
        pass_time(5 * MINUTE)
        WriteAnchor().perform()
        transaction.set_rollback(True)
    duty = AuditLedger()
    duty.first_due_at = lambda now: now  # type: ignore[method-assign]
    assert duty.perform() == 1
    pass_time(DAY)
    WriteAnchor().perform()
    pass_time(DAY)
    assert duty.perform() == 1
    assert [bool(each.finding) for each in Audit.objects.order_by("id")] == [True, True]


def test_old_parts_are_deleted_after_they_matched(kept, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    pass_time(5 * MINUTE)
    WriteAnchor().perform()
    part = last(kept)
    now = clock.now() + 8 * DAY
    assert folder.drop_parts(kept, "", now, is_sent=False) == 0
    assert folder.drop_parts(kept, part.name + "z", now, is_sent=True) == 0
    assert folder.drop_parts(kept, part.name + "z", now - 2 * DAY, is_sent=False) == 0
    assert folder.drop_parts(kept, part.name + "z", now, is_sent=False) == 1
    assert [each.name for each in kept.iterdir() if each.name.startswith(part.name)] == []
    assert last(kept)


def test_damaged_newest_part_stops_the_next_one(kept, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    pass_time(5 * MINUTE)
    WriteAnchor().perform()
    part = last(kept)
    part.write_text(part.read_text().replace("wallet", "purse", 1))
    people.transfer(alices, bobs, 1_00)
    pass_time(5 * MINUTE)
    with pytest.raises(anchors.BadAnchor):
        WriteAnchor().perform()
