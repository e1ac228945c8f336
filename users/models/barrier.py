"""The barrier: the time, and the event, before which no transaction creates rows any more.

Transactions commit in another order than they read the clock or take the positions of their events.
So a row can appear behind a reader who reads a list from old to new. Such a list ends at
`released_at`: all transactions that may have read the clock before it have ended. Events end at
`released_position`: all transactions that may have taken a position up to it have ended.

A transaction reads the clock for its rows, and takes the positions of its events, after it has its
number: see `iocash.db.clock`, `users.models.events`, and posting, whose locks assign the number.
The barrier advances in two steps:

1. Read the clock and the last position. Afterwards, in another transaction, write both and the
   transaction's own number. Transactions with a higher number read the clock later, and take
   higher positions.
2. When all transactions with a lower number have ended, that time and that position are released.

The worker does this while something is written, ten times a second. Without a worker, who reads to
the end of a list advances the barrier. A transaction that writes for long, in any database of the
cluster, holds it back: then these lists end earlier.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple, Self

from django.db import connection, models, transaction
from django.db.models import Q

from iocash import errors
from iocash.db.groups import ByGroup
from users.models.events import Event, TransactionId

log = logging.getLogger(__name__)

LONGEST_AGE: Final = 0.1
"""Seconds; an older release is advanced."""
LONGEST_WAIT: Final = 0.1
"""Seconds; a transaction that writes for longer is not waited for."""
LONGEST_WRITING: Final = 60.0
"""Seconds; a transaction that writes for longer is an alarm."""

LAST_POSITION: Final = "pg_sequence_last_value('users_event_position_seq')"
"""The last position that a transaction has taken, also an open one. It is NULL if there is none,
and also, without an error, for a role that may not read the sequence."""
STATE: Final = f"""
    SELECT iocash_clock(), {LAST_POSITION}, released_at, released_position, barrier_at,
           barrier_position, barrier_xid > pg_snapshot_xmin(pg_current_snapshot()),
           barrier_xid >= pg_snapshot_xmax(pg_current_snapshot()),
           current_setting('transaction_read_only') = 'on'
    FROM users_barrier
"""  # noqa: S608 (a constant)
ADVANCE: Final = f"""
    UPDATE users_barrier
    SET released_at = barrier_at, barrier_at = greatest(barrier_at, %s),
        released_position = barrier_position,
        barrier_position = greatest(barrier_position, %s),
        barrier_xid = pg_current_xact_id()
    WHERE barrier_xid <= pg_snapshot_xmin(pg_current_snapshot())
      AND (barrier_at < %s OR released_at < barrier_at)
    RETURNING released_at, iocash_clock(), coalesce({LAST_POSITION}, 0)
"""  # noqa: S608 (a constant)
"""The two steps in one: release the last barrier, and set the next to a time and a position that
were read before this transaction has its number. `greatest`: of two processes, the slower one must
not set it back. What it returns is for the next transaction, which has a higher number."""
NUMBERS: Final = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
           barrier_xid::text::bigint, iocash_clock(), released_at
    FROM users_barrier
"""
LOCK: Final = "SELECT FROM users_barrier FOR UPDATE"
ADOPT: Final = f"""
    UPDATE users_barrier
    SET barrier_xid = pg_current_xact_id(),
        released_position = least(released_position, coalesce({LAST_POSITION}, 0)),
        barrier_position = least(barrier_position, coalesce({LAST_POSITION}, 0))
    WHERE barrier_xid >= pg_snapshot_xmax(pg_current_snapshot())
       OR barrier_position > coalesce({LAST_POSITION}, 0)
"""  # noqa: S608 (a constant)


class Barrier(models.Model):
    """The one row that all processes share."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    released_at = models.DateTimeField(help_text="Every row that was created before is visible.")
    released_position = models.BigIntegerField(
        db_default=0, help_text="Every event up to it is visible."
    )
    barrier_at = models.DateTimeField(help_text="The next release.")
    barrier_position = models.BigIntegerField(db_default=0, help_text="The next release of events.")
    barrier_xid = TransactionId(
        help_text="All transactions that may create a row before the barrier have lower numbers."
    )

    archived_position = models.BigIntegerField(
        db_default=0, help_text="Events up to it are in an archive; some only there."
    )
    archived_until = models.DateTimeField(
        null=True, help_text="All of them were created before this time."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="barrier_is_one_row"),
            models.CheckConstraint(
                condition=Q(released_at__lte=models.F("barrier_at")),
                name="barrier_is_not_before_its_release",
            ),
            models.CheckConstraint(
                condition=Q(released_position__lte=models.F("barrier_position")),
                name="barrier_position_is_not_before_its_release",
            ),
        ]

    def __str__(self) -> str:
        return self.released_at.isoformat()


class State(NamedTuple):
    """The barrier, the present time of the database's clock, and the last position."""

    now: datetime
    last_position: int
    released_at: datetime
    released_position: int
    barrier_at: datetime
    barrier_position: int
    is_held_back: bool
    """Whether a transaction with a lower number has not ended."""
    is_foreign: bool
    """Whether the number is of another cluster, because the database was restored from a dump."""
    is_read_only: bool
    """Whether this is a standby, or refuses to write for another reason."""

    @classmethod
    def read(cls) -> Self:
        """Read the row.

        Raises:
            Inconsistent: there is none, or the role may not read the sequence of events.
        """
        row = ask(STATE)
        if row is None:
            raise errors.Inconsistent("users_barrier has no row")
        now, last_position, *rest = row
        if last_position is None and Event.objects.exists():
            raise errors.Inconsistent("the role can't read the sequence of users_event.position")
        return cls(now, last_position or 0, *rest)

    @property
    def has_unreleased_events(self) -> bool:
        """Whether a position was taken that is not released yet."""
        return self.released_position < self.last_position

    @property
    def is_fresh(self) -> bool:
        return (self.now - self.released_at).total_seconds() < LONGEST_AGE

    @property
    def held_back_for(self) -> float:
        """For how many seconds, at least, the oldest transaction has been writing."""
        if not self.is_held_back or self.is_foreign:
            return 0.0
        return (self.now - self.barrier_at).total_seconds()

    @property
    def is_stuck(self) -> bool:
        return self.held_back_for > LONGEST_WAIT

    @property
    def was_set_back(self) -> bool:
        """Whether the positions began again, below the barrier: events were imported, or moved."""
        return self.last_position < self.barrier_position


class Alarm:
    """Logs, once a minute in each process, that a transaction has been writing for too long."""

    def __init__(self) -> None:
        self.warned_at = -LONGEST_WRITING

    def warn(self, seconds: float) -> None:
        now = time.monotonic()
        if seconds < LONGEST_WRITING or now - self.warned_at < LONGEST_WRITING:
            return
        self.warned_at = now
        log.warning(
            "a transaction has been writing for %d s or more, and holds back all events and the"
            " lists from old to new; pg_stat_activity shows it (backend_xid)",
            seconds,
        )


ALARM: Final = ByGroup(Alarm)


def advance() -> bool:
    """Release what was created until now, if the last release is older than LONGEST_AGE.

    It waits for at most LONGEST_WAIT. It does nothing on a standby, nor inside a transaction, which
    would keep the row locked. Returns whether more is released than before.

    Raises:
        Inconsistent: the barrier has no row.
    """
    if connection.in_atomic_block:
        return False
    state = State.read()
    if state.is_stuck:
        ALARM.here.warn(state.held_back_for)
    if state.is_fresh or state.is_stuck or state.is_read_only:
        return False
    if state.is_foreign or state.was_set_back:
        adopt()
    released_at, now, last = state.released_at, state.now, state.last_position
    for pause in short_pauses():
        advanced = ask(ADVANCE, [now, last, now])
        released_at, now, last = advanced or (State.read().released_at, now, last)
        if released_at >= state.now:
            break
        time.sleep(pause)
    return released_at > state.released_at


def release_events() -> int:
    """Advance the barrier if there are events that are not released; return what is released.

    Without new events it writes nothing.

    Raises:
        Inconsistent: as `advance` does.
    """
    state = State.read()
    if (state.has_unreleased_events or state.was_set_back) and advance():
        state = State.read()
    return state.released_position


class Numbers(NamedTuple):
    """The numbers of transactions, before or after the barrier was advanced."""

    lowest_running: int
    next: int
    """One more than the highest number whose transaction has ended."""
    barrier: int
    now: datetime
    released_at: datetime

    @classmethod
    def read(cls) -> Self:
        """Read them; one trip.

        Raises:
            Inconsistent: the barrier has no row.
        """
        if row := ask(NUMBERS):
            return cls(*row)
        raise errors.Inconsistent("users_barrier has no row")


def advance_after_writes(settled: int | None) -> int | None:
    """Advance the barrier, unless nothing was written since all was released.

    `settled` is what the last call returned: the number of the barrier's transaction, if all rows
    that existed then are released, and nothing else was written while it advanced; else None.

    Raises:
        Inconsistent: the barrier has no row.
    """
    before = Numbers.read()
    if before.barrier == settled and before.next == settled + 1:
        return settled
    advance()
    after = Numbers.read()
    was_quiet = before.lowest_running == before.next
    was_alone = after.barrier == before.next + 1  # it takes two transactions
    return after.barrier if was_quiet and was_alone and after.released_at > before.now else None


def short_pauses() -> Iterator[float]:
    """Pauses, LONGEST_WAIT together. The first is none, because there are two steps."""
    until, pause = time.monotonic() + LONGEST_WAIT, 0.0
    while time.monotonic() < until:
        yield pause
        pause = min(max(2 * pause, 0.001), 0.016)


def adopt() -> None:
    """Replace the number of another cluster by one of this cluster, and positions not yet taken.

    The rows that were created before the barrier came with the dump. The row is locked first: in
    the next statement, a number that is higher than those of its snapshot can't be of this cluster,
    and a position above the sequence was taken before the sequence was set back.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute(ADOPT)


def ask(statement: str, values: list[Any] | None = None) -> tuple[Any, ...] | None:
    """The first row, in a transaction of its own."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
