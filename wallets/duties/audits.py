"""The audit of the ledger each night, and the anchors outside the database."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

from django.conf import settings

from iocash.db import clock, groups
from iocash.worker import Duty
from users.duties.periods import NightlyDuty, PeriodicDuty
from wallets import anchors, audit
from wallets.anchors import folder, proofs
from wallets.audit import runs
from wallets.audit.proofs import AuditProof, Progress, ProgressStore

log = logging.getLogger(__name__)

LONGEST_STEP: Final = 3600.0
"""Seconds for one step of an audit, or for a part of an anchor."""
DAY: Final = timedelta(days=1)


class AuditLedger(NightlyDuty):
    """Verify the ledger each night; the result is on the first page of the back office.

    It verifies what is new since the last audit that found nothing, and a thirtieth of the rest.
    With ANCHORS_DIR, the ledger is compared with the new anchors too. An audit that is interrupted
    goes on with its next step. It works half of the time, so that payments have the processors.
    """

    name = "audit"
    hour = 2
    patience = LONGEST_STEP

    def perform_period(self) -> int:
        """Run the audit and store its result.

        Raises:
            Interrupted: the process must end; the audit goes on later.
            BadAnchor, OSError: an anchor was damaged, or can't be read.
        """
        store = ProgressStore(self.name)
        progress = runs.begin_run(store)
        if not progress.has(anchors.EQUATION.name, None):
            compare_new_anchors(progress)
        runs.go_on(store, progress, Rests(self))
        done = runs.finish_run(store, progress)
        if done.finding:
            wrong = len({each["name"] for each in progress.findings})
            log.error("the audit of the ledger has failed: %d equations are violated", wrong)
        return 1


class Rests:
    """After each step: a rest that is as long as the step was, and a place to end the process."""

    def __init__(self, duty: Duty) -> None:
        self.duty = duty
        self.rested_at = monotonic()

    def __call__(self, *_: Any) -> None:
        """Rest.

        Raises:
            Interrupted: the process must end.
        """
        self.duty.ended.wait(monotonic() - self.rested_at)
        self.rested_at = monotonic()
        self.duty.require_time()


class WriteAnchor(PeriodicDuty):
    """Write anchors of the ledger to ANCHORS_DIR: a full one each night, after the audit, and a
    part every ANCHOR_MINUTES.

    A standby that lags loses acknowledged payments when it is promoted. Nothing in its database
    shows this, only an anchor that was written after them.
    """

    name = proofs.WRITER
    patience = LONGEST_STEP

    def perform_period(self) -> int:
        """Write the anchor that follows the newest one; return how many were written.

        Raises:
            OSError: the folder can't be written.
            BadAnchor: an anchor was damaged.
        """
        if not settings.ANCHORS_DIR:
            return 0
        place = groups.folder(settings.ANCHORS_DIR)
        with audit.snapshot():
            now = clock.now()
            if not is_full_due(place, now):
                return write_part_and_warn(place, now) if settings.ANCHOR_MINUTES else 0
            folder.write_next(place, now)
        if proof := AuditProof.last():
            folder.drop_parts(place, proof.anchor, now, is_sent=bool(settings.ANCHORS_URL))
        return 1

    def next_due_at(self, now: datetime, done: int) -> datetime:
        tonight = proofs.full_anchor_after(now)
        if not settings.ANCHOR_MINUTES:
            return tonight
        return min(now + timedelta(minutes=settings.ANCHOR_MINUTES), tonight)


def write_part_and_warn(place: Path, now: datetime) -> int:
    """Write a part, if there is something new. It is an alarm if something anchored is gone."""
    written = folder.write_part(place, now)
    if written and written.lost:
        log.error("the ledger has lost what is anchored: wallet %s; run the audit", written.lost)
    return int(written is not None)


def is_full_due(place: Path, now: datetime) -> bool:
    """Whether no full anchor was written since the hour of the last night."""
    newest = folder.newest_full_anchor(place)
    return newest is None or newest.name < folder.name_of_anchor(
        proofs.full_anchor_after(now) - DAY
    )


def compare_new_anchors(progress: Progress) -> None:
    """Compare the anchors since the newest that has matched; without one, from the last full one.

    Heads of an anchor that was written after a loss match again, so all of them are compared.

    Raises:
        BadAnchor, OSError: one was damaged, or can't be read.
    """
    place = groups.folder(settings.ANCHORS_DIR) if settings.ANCHORS_DIR else None
    full = folder.newest_full_anchor(place) if place else None
    if place is None or full is None:
        return
    progress.anchor = first = progress.anchor or full.name
    for anchor in sorted(each for each in place.glob(folder.FORM) if each.name >= first):
        with anchor.open() as lines:
            found = anchors.compare(lines, is_part=folder.is_part(anchor))
        progress.note(found, None)
        if found:
            return
        progress.anchor = anchor.name
