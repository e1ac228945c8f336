"""Audits that go on from the last proof, step by step: each is a transaction, and a place to stop.

A run proves what is new since the last proof, and a thirtieth of everything, so that everything is
proved again within NIGHTS runs. Without a proof it proves everything. A row belongs to a thirtieth
for ever: a wallet by its id, the later movements of a busy wallet by their numbers, other rows by
the day of their ids. New rows are found by the numbers of movements, which leave no gap, by their
ids, and by the new events.

Sums over wallets have the movements before the horizon of the start, in whichever snapshot they are
read. All other equations compare rows that are written together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection, transaction

from wallets import audit
from wallets.audit import stages
from wallets.audit.equations import (
    AT_ONCE,
    BY_BANK,
    BY_MADE,
    BY_OPERATION,
    BY_SUBJECT,
    BY_USER,
    BY_WALLET,
    Walk,
)
from wallets.audit.proofs import (
    ANCHOR,
    DAY,
    FORM,
    NIGHTS,
    AuditProof,
    Progress,
    ProgressStore,
    id_at,
    joined_proof,
    number_of_last_audit,
)
from wallets.audit.stages import Checks, Stage
from wallets.models import Audit

log = logging.getLogger(__name__)

Look = Callable[[str, int, int], None]
"""Called after each step with the name of its stage, how many stages are done, and all stages."""

BY_IDS: Final = (BY_SUBJECT, BY_OPERATION, BY_USER, BY_MADE, BY_BANK)
BANK_LOOKS_BACK: Final = 31 * DAY
"""Seconds; rows about the bank change for weeks, and have no events."""
TRIES: Final = 5
"""A standby ends a query whose rows the primary has removed; the step is tried again."""
CONFLICT: Final = "40001"
RELEASE: Final = sha256(
    "\n".join(f"{each.name} {each.query}" for each in audit.EQUATIONS).encode()
).hexdigest()
"""Names the equations. A run of other ones begins again: its place is a number in their list."""
ORDER: Final = [ANCHOR, *(equation.name for equation in audit.EQUATIONS)]
MOVEMENTS: Final = """
    SELECT coalesce(sum(seq), 0)::bigint
           + (SELECT count(*) FROM wallets_movement WHERE status <> 'SUCCESS')
    FROM wallets_wallet
"""
"""The number of movements. A count of all rows would take minutes after years."""

STEPS: Final[dict[str, Callable[[Checks, Stage, Any], Any]]] = {
    "whole": stages.check_whole,
    "ids": stages.check_range,
    "ordinary": stages.check_ordinary,
    "busy": stages.check_busy,
    "new": stages.check_new_wallets,
    "events": stages.check_events,
    "sums": stages.add_balances,
    "crossing": stages.add_crossing,
}


def stages_of(progress: Progress) -> list[Stage]:
    """The stages of a run, always the same for one."""
    found = [Stage("whole", AT_ONCE), Stage("sums", BY_WALLET), Stage("crossing", BY_WALLET)]
    if progress.is_whole:
        found += [Stage("ordinary", BY_WALLET), Stage("busy", BY_WALLET)]
        return found + [Stage("ids", walk) for walk in BY_IDS]
    found += [Stage("new", BY_WALLET), Stage("events", BY_SUBJECT)]
    found += [new_ids(progress, walk) for walk in BY_IDS]
    for night in progress.nights:
        found += [Stage("ordinary", BY_WALLET, night), Stage("busy", BY_WALLET, night)]
        for walk in BY_IDS:
            ranges = ranges_of_night(progress, night)
            found += [Stage("ids", walk, night, first, last) for first, last in ranges]
    return found


def new_ids(progress: Progress, walk: Walk) -> Stage:
    first, last = UUID(progress.floor_of_new), UUID(progress.ceiling)
    if walk is BY_BANK:
        first = UUID(int=max(0, first.int - (BANK_LOOKS_BACK * 1000 << 80)))
    return Stage("ids", walk, None, first, last)


def ranges_of_night(progress: Progress, night: int) -> Iterator[tuple[UUID, UUID]]:
    """The ids of a thirtieth: those of every thirtieth day; and the first has all without a day."""
    today = (UUID(progress.floor).int >> 80) // 1000 // DAY
    begun = progress.installed
    if night == 0:
        yield audit.LOWEST, just_before(begun)
        yield UUID(int=just_before(today + 1).int + 1), audit.HIGHEST
    for day in range(begun, today + 1):
        if day % NIGHTS == night:
            yield UUID(int=just_before(day).int + 1), just_before(day + 1)


def just_before(day: int) -> UUID:
    return UUID(int=id_at(day * DAY).int - 1)


def begin_run(store: ProgressStore, *, is_whole: bool = False, may_go_on: bool = True) -> Progress:
    """The run that was interrupted, or a new one. `is_whole`: it needs no proof.

    `may_go_on`: what is stored of an interrupted run is believed.
    """
    progress = store.load() if may_go_on else None
    if progress is None or progress.release != RELEASE or progress.is_whole < is_whole:
        progress = Progress.begin(None if is_whole else AuditProof.last())
        progress.release = RELEASE
        store.keep(progress)
    return progress


def go_on(store: ProgressStore, progress: Progress, look: Look = audit.silent) -> None:
    """Perform what is left of a run.

    `look` may raise an exception to interrupt it: all steps until then are kept.
    """
    plan, checks = stages_of(progress), Checks(progress)
    while progress.stage < len(plan):
        stage, found = plan[progress.stage], len(progress.findings)
        look(stage.name, progress.stage, len(plan))
        progress.cursor = tried(checks, stage)
        if progress.cursor is None:
            progress.stage += 1
        store.keep(progress)
        for finding in progress.findings[found:]:
            log.error("the audit of the ledger has found: the equation %s", finding["name"])
    look("", len(plan), len(plan))


def finish_run(store: ProgressStore, progress: Progress) -> Audit:
    """Store the result of a run, from which the next one goes on.

    If another audit has ended since this one began, what that has found stays to be proved.
    """
    done = result_of_run(progress)
    with transaction.atomic():
        if number_of_last_audit() > progress.last_audit:
            done.proof = stored_proof(joined_proof(progress.proof(), AuditProof.last()), progress)
        done.save(force_insert=True)
        store.end()
    done.refresh_from_db()
    return done


def result_of_run(progress: Progress) -> Audit:
    """The result of a run that has ended; it is not stored."""
    return Audit(
        started_at=datetime.fromisoformat(progress.started_at),
        finished_at=datetime.now(UTC),
        movements=count_movements(),
        finding="\n".join(progress.texts(ORDER)),
        proof=stored_proof(progress.proof(), progress),
    )


def count_movements() -> int:
    with connection.cursor() as cursor:
        cursor.execute(MOVEMENTS)
        found: int = cursor.fetchone()[0]
    return found


def stored_proof(proof: AuditProof | None, progress: Progress) -> dict[str, Any]:
    return asdict(proof) if proof else {"form": FORM, "anchor": progress.anchor}


def tried(checks: Checks, stage: Stage) -> Any:
    """Perform a step; again if it conflicts with what a standby must replay."""
    for left in reversed(range(TRIES)):
        try:
            return STEPS[stage.name](checks, stage, checks.progress.cursor)
        except OperationalError as error:
            if not left or getattr(error.__cause__, "sqlstate", "") != CONFLICT:
                raise
    raise AssertionError  # pragma: no cover (the last try returns or raises)
