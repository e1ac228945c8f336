"""Reads from the replica: whether it may answer, and what it has.

The replica shows a request everything that was created before its *horizon*, the release of its
own `users_barrier`, which is replicated like all rows (`users.models.barrier`). A request is
answered by the primary instead if

- the replica is away, is no standby, or follows another primary or timeline than ours;
- it is more than DATABASE_REPLICA_LAG seconds behind: each process looks at the primary every
  second (`Watch`), and advances the barrier if no worker has;
- the caller has sent the token of a write that the replica has not got within `LONGEST_WAIT`;
- anything is refused: what the replica refuses, the primary may allow.

All that one trip reads is one snapshot: the sessions of the replica are REPEATABLE READ.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import BoundedSemaphore
from typing import Any, Final

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    connections,
    models,
)

from iocash.db import replica
from iocash.db.pipeline import Pipeline, Row
from iocash.db.replica import ALIAS, CURRENT, UnfitReplica, Written
from iocash.db.transactions import Statement, roll_back
from users.models import barrier
from users.models.clients import ApiKey, Client
from users.models.recovery_codes import RecoveryCode
from users.models.replica_watch import AWAY, INTERVAL, TROUBLE, WATCH, Look
from users.models.signing import SigningKey

log = logging.getLogger(__name__)

PATIENCE: Final = 2.0
"""Seconds for the first answer of the replica."""
BEHIND: Final = 0.25
"""Seconds for which a replica that can't be used is not asked."""
GRACE: Final = 1.0
"""Seconds before that is logged: after an hour without requests, nobody knows how far it is."""
LONGEST_WAIT: Final = 1.0
"""Seconds to wait for a write."""
MOST_WAITING: Final = 2
"""The most threads of a process that wait for writes; others are served by the primary."""

OWN_STATE: Final = """
    SELECT pg_is_in_recovery(), released_at,
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    FROM users_barrier
"""
IDENTITY: Final = """
    SELECT system_identifier, (SELECT timeline_id FROM pg_control_checkpoint())
    FROM pg_control_system()
"""
"""The timeline is that of the last restart point: it may be older than what is replayed, which is
safe, because an older one is not used."""

NEVER: Final[frozenset[type[models.Model]]] = frozenset(
    {ApiKey, Client, SigningKey, RecoveryCode, barrier.Barrier}
)
"""Who is calling is always read from the primary."""


class Router:
    """Sends the ORM's reads of our own tables to the replica, while one is read."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        """A transaction that is open on the primary reads on the primary.

        Raises:
            UnfitReplica: the replica can't be used.
        """
        source = replica.current_source()
        if source is None or model in NEVER or model._meta.app_label not in {"users", "wallets"}:
            return None
        if connections[DEFAULT_DB_ALIAS].in_atomic_block:
            return None
        source.open()
        return ALIAS

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == ALIAS else None


WAITING: Final = BoundedSemaphore(MOST_WAITING)


class UnusableReplica(UnfitReplica):
    """The replica can answer no request now."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# --- One request ---------------------------------------------------------------------------------


class ReplicaReading:
    """What one request reads from the replica."""

    def __init__(self, look: Look, after: Written | None = None) -> None:
        self.look, self.after = look, after
        self.horizon: datetime | None = None
        self.opened: Any = None

    def fetch(self, *questions: Statement) -> list[list[Row]]:
        """Execute queries in one trip, with one snapshot.

        Raises:
            UnfitReplica: the replica must not answer them.
            DatabaseError: it can't.
        """
        if not questions:
            return []
        if self.opened is not None:
            return asked(self.opened, questions)
        here = self.connected()
        return self.checked(here, questions)

    def open(self) -> Any:
        """Return the connection, in a transaction with one snapshot that is checked.

        Raises:
            UnfitReplica, DatabaseError: as `fetch`.
        """
        if self.opened is None:
            here = self.connected()
            here.set_autocommit(False)
            self.opened = here
            self.checked(here, ())
        return self.opened

    def close(self) -> None:
        """End the transaction, if there is one."""
        if self.opened is not None:
            roll_back(self.opened)
            self.opened = None

    def connected(self) -> Any:
        """Return the connection, when the replica has the write that the caller has named."""
        here: Any = connections[ALIAS]
        here.close_if_health_check_failed()
        here.ensure_connection()
        if self.after and self.horizon is None:
            self.wait_for(here, self.after)
        return here

    def checked(self, here: Any, questions: tuple[Statement, ...]) -> list[list[Row]]:
        """Ask for the replica's state and the queries in one trip; check the state."""
        raw = here.connection
        is_known = getattr(here, "identified", None)
        now = time.monotonic()
        is_due = is_known is None or is_known[0] is not raw or now - is_known[1] >= INTERVAL
        first: tuple[Statement, ...] = ((OWN_STATE, ()), (IDENTITY, ()))
        first = first if is_due else first[:1]
        found = asked(here, (*first, *questions), until=now + PATIENCE)
        self.check(found[0][0] if found[0] else None, found[1][0] if is_due else None)
        if is_due:
            here.identified = raw, now
        return found[len(first) :]

    def check(self, state: Row | None, identity: Row | None) -> None:
        """
        Raises:
            UnusableReplica: the replica can't be used for anything now.
            UnfitReplica: it lacks the caller's write.
        """
        if state is None or not state[0]:
            raise UnusableReplica("it is not a standby")
        if identity is not None and identity != self.look.identity:
            raise UnusableReplica("it is on another timeline, or of another cluster")
        released_at = state[1]
        lag = WATCH.lag(self.look, released_at)
        if lag > settings.DATABASE_REPLICA_LAG:
            raise UnusableReplica("it is too far behind, or it is not known yet how far")
        if self.after and not has(state, self.after):
            raise UnfitReplica
        self.horizon = min(self.horizon or released_at, released_at)
        TROUBLE.end()

    def wait_for(self, here: Any, written: Written) -> None:
        """Wait until the replica has a write.

        Raises:
            UnfitReplica: it does not have it in time, or many wait already.
        """
        if WATCH.is_ahead(self.look, written) or not WAITING.acquire(blocking=False):
            raise UnfitReplica
        try:
            for pause in pauses_of_wait():
                if has(self.state(here), written):
                    return
                if time.monotonic() - WATCH.reached_at > LONGEST_WAIT + INTERVAL:
                    break  # it is behind: it will not have it soon
                time.sleep(pause)
        finally:
            WAITING.release()
        raise UnfitReplica

    def state(self, here: Any) -> Row:
        look = WATCH.look()
        (state,) = asked(here, ((OWN_STATE, ()),), until=time.monotonic() + PATIENCE)[0]
        if look:
            WATCH.lag(look, state[1])
        return state


def has(state: Row, written: Written) -> bool:
    """Return whether a database in this state has a write, and shows it."""
    _, released_at, lowest_running = state
    return bool(released_at > written.at and written.xid < lowest_running)


def pauses_of_wait() -> Iterator[float]:
    """Pauses, LONGEST_WAIT together."""
    until, pause = time.monotonic() + LONGEST_WAIT, 0.005
    while time.monotonic() < until:
        yield pause
        pause = min(2 * pause, 0.04)


def asked(
    here: Any, questions: tuple[Statement, ...], *, until: float | None = None
) -> list[list[Row]]:
    with here.wrap_database_errors:
        pipeline = Pipeline(here.connection, until=until)
        answers = [pipeline.ask(*question) for question in questions]
        pipeline.send()
    return [answer.rows for answer in answers]


def begin_reading(after: Written | None = None) -> None:
    """Read from the replica from here on, if it can be used, until `end_reading`."""
    if not (replica.is_configured() and TROUBLE.may_ask()):
        return
    look = WATCH.look()
    if look:
        CURRENT.set(ReplicaReading(look, after))


def end_reading() -> datetime | None:
    """Read from the primary again. Returns the horizon of what was read, None: nothing was."""
    reading = CURRENT.get()
    if not isinstance(reading, ReplicaReading):
        return None
    CURRENT.set(None)
    reading.close()
    return reading.horizon


def leave_replica(error: Exception) -> None:
    """Read from the primary again, because of an error; note whether the replica is in trouble."""
    end_reading()
    here: Any = connections[ALIAS]
    if isinstance(error, UnusableReplica):
        TROUBLE.begin(error.reason, BEHIND, grace=GRACE)
    elif isinstance(error, DatabaseError | InterfaceError) and not is_connected(here):
        TROUBLE.begin("it does not answer", AWAY)
        here.close()


def is_connected(here: Any) -> bool:
    return here.connection is not None and not here.connection.closed


@contextmanager
def reading() -> Iterator[ReplicaReading | None]:
    """Read from the replica while the block runs, if it can be used; else the block gets None."""
    begin_reading()
    found = CURRENT.get()
    try:
        yield found if isinstance(found, ReplicaReading) else None
    finally:
        end_reading()
