"""How far the replica is behind the primary, and when nothing is asked of it."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from threading import Lock
from typing import Any, Final, NamedTuple

from django.db import connection

from iocash.db.replica import Written
from users.models import barrier

log = logging.getLogger(__name__)

INTERVAL: Final = 1.0
"""Seconds between two looks at the primary, and between two checks of a replica's identity."""
AWAY: Final = 2.0
"""Seconds for which a replica that did not answer is not asked."""
OLD: Final = 0.5
"""Seconds; an older release of the primary is advanced, as no worker does it."""
TOLERANCE: Final = 1.0
"""Seconds; a write that is further in the future is not waited for."""

PRIMARY: Final = """
    SELECT released_at, iocash_clock(), barrier_xid::text::bigint,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint, system_identifier,
           CASE WHEN NOT pg_is_in_recovery() THEN
               ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
           END
    FROM users_barrier, pg_control_system()
"""


class Look(NamedTuple):
    """What the primary was like at a time of this process's monotonic clock."""

    at: float
    released_at: datetime
    age: float
    """Seconds: what was created before `at - age` was released then."""
    now: datetime
    identity: tuple[Any, ...]
    """The primary's system identifier and timeline."""

    @property
    def complete_at(self) -> float:
        """A database with this release has everything that was created before."""
        return self.at - self.age


class Watch:
    """Compares the replica with the primary. One of a process."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.settled: int | None = None
        self.last: Look | None = None
        self.reached_at = float("-inf")
        """The replica has everything that was created before; on the monotonic clock."""

    def look(self) -> Look | None:
        """Return what the primary was like at most INTERVAL ago; None: nobody knows yet.

        One thread looks; others take what was seen last.
        """
        due = self.last is None or time.monotonic() - self.last.at >= INTERVAL
        if due and self.lock.acquire(blocking=False):
            try:
                self.last = self.read()
            finally:
                self.lock.release()
        return self.last

    def read(self) -> Look:
        """Look at the primary; one trip, unless nothing has advanced its barrier."""
        at = time.monotonic()
        released_at, now, barrier_xid, next_xid, *identity = primary_state()
        is_settled = barrier_xid == self.settled and next_xid == barrier_xid + 1
        age = 0.0 if is_settled else max(0.0, (now - released_at).total_seconds())
        if age > OLD:
            self.settled = barrier.advance_after_writes(self.settled)
            released_at, now, *_ = primary_state()
            age = 0.0 if self.settled else max(0.0, (now - released_at).total_seconds())
        return Look(at, released_at, age, now, tuple(identity))

    def lag(self, look: Look, released_at: datetime) -> float:
        """Return for how many seconds, at most, the replica can lack what was created."""
        if released_at >= look.released_at:
            self.reached_at = max(self.reached_at, look.complete_at)
        return time.monotonic() - self.reached_at

    def is_ahead(self, look: Look, written: Written) -> bool:
        """Return whether a write is of the future, by the primary's clock."""
        passed = time.monotonic() - look.at
        return (written.at - look.now).total_seconds() > passed + TOLERANCE


def primary_state() -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(PRIMARY)
        state: tuple[Any, ...] = cursor.fetchone()
    return state


class Trouble:
    """When the replica is not asked, and what the log says about it once a minute."""

    def __init__(self) -> None:
        self.until = self.warned_at = float("-inf")
        self.since: float | None = None

    def may_ask(self) -> bool:
        """Return whether to ask; after trouble, one thread tries while others wait."""
        now = time.monotonic()
        if now < self.until:
            return False
        if self.until > 0:
            self.until = now + AWAY
        return True

    def end(self) -> None:
        self.until, self.since = float("-inf"), None

    def begin(self, reason: str, seconds: float, *, grace: float = 0.0) -> None:
        """Ask nothing for so many seconds; log it if it has lasted for longer than `grace`."""
        now = time.monotonic()
        self.until = now + seconds
        self.since = now if self.since is None else self.since
        if now - self.since >= grace and now - self.warned_at >= 60:
            self.warned_at = now
            log.warning("the replica is not read, the primary answers: %s", reason)


WATCH: Final = Watch()
TROUBLE: Final = Trouble()
