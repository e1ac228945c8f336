"""The barrier: the time before which no transaction creates rows any more.

Transactions commit in another order than they read the clock. So a row can appear behind a reader
who reads a list from old to new. Such a list ends at `released_at`: all transactions that may have
read the clock before it have ended.

A transaction reads the clock for its rows after it has its number: see `iocash.db.clock`, and
posting, whose locks assign the number. The barrier advances in two steps:

1. Read the clock. Afterwards, in another transaction, write that time and the transaction's own
   number. Transactions with a higher number read the clock later.
2. When all transactions with a lower number have ended, that time is released.

No process does this by itself: who reads to the end of a list advances the barrier. A transaction
that writes for long, in any database of the cluster, holds it back: then these lists end earlier.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple, Self

from django.db import connection, models, transaction
from django.db.models import Q

from iocash import errors
from users.models.events import TransactionId

LONGEST_AGE: Final = 0.1
"""Seconds; an older release is advanced."""
LONGEST_WAIT: Final = 0.1
"""Seconds; a transaction that writes for longer is not waited for."""

STATE: Final = """
    SELECT iocash_clock(), released_at, barrier_at,
           barrier_xid > pg_snapshot_xmin(pg_current_snapshot()),
           barrier_xid >= pg_snapshot_xmax(pg_current_snapshot()),
           current_setting('transaction_read_only') = 'on'
    FROM users_barrier
"""
ADVANCE: Final = """
    UPDATE users_barrier
    SET released_at = barrier_at, barrier_at = greatest(barrier_at, %s),
        barrier_xid = pg_current_xact_id()
    WHERE barrier_xid <= pg_snapshot_xmin(pg_current_snapshot())
      AND (barrier_at < %s OR released_at < barrier_at)
    RETURNING released_at, iocash_clock()
"""
"""The two steps in one: release the last barrier, and set the next to a time that was read before
this transaction has its number. `greatest`: of two processes, the slower one must not set it back.
"""
LOCK: Final = "SELECT FROM users_barrier FOR UPDATE"
ADOPT: Final = """
    UPDATE users_barrier SET barrier_xid = pg_current_xact_id()
    WHERE barrier_xid >= pg_snapshot_xmax(pg_current_snapshot())
"""


class Barrier(models.Model):
    """The one row that all processes share."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    released_at = models.DateTimeField(help_text="Every row that was created before is visible.")
    barrier_at = models.DateTimeField(help_text="The next release.")
    barrier_xid = TransactionId(
        help_text="All transactions that may create a row before the barrier have lower numbers."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="barrier_is_one_row"),
            models.CheckConstraint(
                condition=Q(released_at__lte=models.F("barrier_at")),
                name="barrier_is_not_before_its_release",
            ),
        ]

    def __str__(self) -> str:
        return self.released_at.isoformat()


class State(NamedTuple):
    """The barrier, and the present time of the database's clock."""

    now: datetime
    released_at: datetime
    barrier_at: datetime
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
            Inconsistent: there is none.
        """
        if row := ask(STATE):
            return cls(*row)
        raise errors.Inconsistent("users_barrier has no row")

    @property
    def is_fresh(self) -> bool:
        return (self.now - self.released_at).total_seconds() < LONGEST_AGE

    @property
    def is_stuck(self) -> bool:
        age = (self.now - self.barrier_at).total_seconds()
        return self.is_held_back and not self.is_foreign and age > LONGEST_WAIT


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
    if state.is_fresh or state.is_stuck or state.is_read_only:
        return False
    if state.is_foreign:
        adopt()
    released_at, now = state.released_at, state.now
    for pause in short_pauses():
        released_at, now = ask(ADVANCE, [now, now]) or (State.read().released_at, now)
        if released_at >= state.now:
            break
        time.sleep(pause)
    return released_at > state.released_at


def short_pauses() -> Iterator[float]:
    """Pauses, LONGEST_WAIT together. The first is none, because there are two steps."""
    until, pause = time.monotonic() + LONGEST_WAIT, 0.0
    while time.monotonic() < until:
        yield pause
        pause = min(max(2 * pause, 0.001), 0.016)


def adopt() -> None:
    """Replace the number of another cluster by one of this cluster.

    The rows that were created before the barrier came with the dump. The row is locked first: in
    the next statement, a number that is higher than those of its snapshot can't be of this cluster.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute(ADOPT)


def ask(statement: str, values: list[datetime] | None = None) -> tuple[Any, ...] | None:
    """The first row, in a transaction of its own."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
