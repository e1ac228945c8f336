"""The duties of the night: the audit of the ledger, and the anchor outside the database."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from iocash.db import clock
from users.duties.periods import NightlyDuty
from wallets import anchors, audit
from wallets.anchors import folder, proofs
from wallets.models import Audit, Movement

log = logging.getLogger(__name__)

LONGEST_STEP: Final = 3600.0
"""Seconds for one step of an audit, or for a part of an anchor."""


class AuditLedger(NightlyDuty):
    """Verify the ledger each night; the result is on the first page of the back office.

    With ANCHORS_DIR, the ledger is compared with the last anchor too.
    """

    name = "audit"
    hour = 2
    patience = LONGEST_STEP

    def perform_period(self) -> int:
        """Run the audit and store its result.

        Raises:
            Interrupted: the process must end; the audit is run again.
            BadAnchor, OSError: the last anchor was damaged, or can't be read.
        """
        began = timezone.now()
        wrong = [str(finding) for finding in (differs_from_newest(), *self.findings()) if finding]
        if wrong:
            log.error("the audit of the ledger has failed: %d equations are violated", len(wrong))
        done = Audit(started_at=began, movements=Movement.objects.count(), finding="\n".join(wrong))
        done.save(force_insert=True)
        return 1

    def findings(self) -> list[audit.Finding | None]:
        """What each equation finds. After each step the process may end."""

        def look(*_: Any) -> None:
            self.require_time()

        return [finding for _, finding in audit.findings(look)]


class WriteAnchor(NightlyDuty):
    """Write an anchor of the ledger to ANCHORS_DIR each night, after the audit."""

    name = proofs.WRITER
    hour = proofs.ANCHOR_HOUR
    patience = LONGEST_STEP

    def perform_period(self) -> int:
        """Write the anchor that follows the newest one.

        Raises:
            OSError: the folder can't be written.
            BadAnchor: the newest anchor was damaged.
        """
        if not settings.ANCHORS_DIR:
            return 0
        with audit.snapshot():
            folder.write_next(Path(settings.ANCHORS_DIR), clock.now())
        return 1


def differs_from_newest() -> audit.Finding | None:
    """What differs from the newest anchor; None also if there is none."""
    newest = folder.newest_anchor(Path(settings.ANCHORS_DIR)) if settings.ANCHORS_DIR else None
    if newest is None:
        return None
    with newest.open() as lines:
        return anchors.compare(lines)
