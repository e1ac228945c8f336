"""Past balances and statements of wallets, read from the chain of movements.

The times of settled movements strictly increase, so the movement at a time is found by binary
search: about 20 look-ups for a million movements, without an index of times.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from iocash import errors
from iocash.db import clock, replica
from wallets.models import Movement, MovementQuerySet, Wallet
from wallets.posting import clocks

WRITERS: Final = """
    SELECT DISTINCT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'wallets_wallet'::regclass
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND mode IN ('RowShareLock', 'RowExclusiveLock') AND pid <> pg_backend_pid()
"""
"""Transactions that may lock wallets: each holds one of these table locks until it ends."""

MOST_WAIT: Final = 2.0
"""Seconds; the same as the `lock_timeout` of the serving role."""

FIND: Final = """
    WITH RECURSIVE search (low, high) AS (
        SELECT 0::bigint, seq + 1 FROM wallets_wallet
        WHERE client_id = %(client)s AND id = %(wallet)s
        UNION ALL
        SELECT CASE WHEN is_before THEN middle ELSE low END,
               CASE WHEN is_before THEN high ELSE middle END
        FROM search
        CROSS JOIN LATERAL (SELECT (low + high) / 2 AS middle) AS halved
        CROSS JOIN LATERAL (
            SELECT settled_at < %(instant)s AS is_before FROM wallets_movement
            WHERE client_id = %(client)s AND wallet_id = %(wallet)s AND seq = middle
        ) AS looked
        WHERE high - low > 1
    )
    SELECT seq, balance_after, received_after, digest FROM wallets_movement
    WHERE client_id = %(client)s AND wallet_id = %(wallet)s
      AND seq = (SELECT low FROM search WHERE high - low = 1)
"""


@dataclass(frozen=True, slots=True)
class Point:
    """The state of a wallet after the movement `seq`; amounts in minor units."""

    seq: int = 0
    balance: int = 0
    received: int = 0
    digest: bytes = b""

    @property
    def hex(self) -> str:
        return self.digest.hex()


@dataclass(frozen=True, slots=True)
class Statement:
    """The movements of a wallet in a period: opening + total_in - total_out = closing.

    A movement settled at `start` is in it, one settled at `end` is in the next.
    """

    wallet: Wallet
    start: datetime
    end: datetime
    opening: Point
    closing: Point

    @property
    def total_in(self) -> int:
        return self.closing.received - self.opening.received

    @property
    def total_out(self) -> int:
        return self.opening.balance + self.total_in - self.closing.balance

    @property
    def count(self) -> int:
        return self.closing.seq - self.opening.seq

    @property
    def movements(self) -> MovementQuerySet:
        return Movement.objects.filter(
            client=self.wallet.client_id,
            wallet=self.wallet.id,
            seq__gt=self.opening.seq,
            seq__lte=self.closing.seq,
        ).seen()


def before(wallet: Wallet, instant: datetime) -> Point:
    """The state of the wallet just before a past instant."""
    values: dict[str, Any] = {"wallet": wallet.id, "client": wallet.client_id, "instant": instant}
    with replica.connection().cursor() as cursor:
        cursor.execute(FIND, values)
        row = cursor.fetchone()
    return Point(row[0], row[1], row[2], bytes(row[3])) if row else Point()


def wait_until(instant: datetime) -> None:
    """Wait until no movement can settle before `instant`, which is past or at most moments ahead.

    It locks nothing. A transaction reads the clock after it has locked its wallets, so only
    transactions that hold locks at `instant` can settle before it. This waits for those to end;
    transactions that begin later settle later. The replica has everything before its horizon, so
    there it does not wait.

    Raises:
        LockTimeout: one of them takes too long.
        DatabaseUnavailable: the clock was set back.
        UnfitReplica: the replica does not have everything before `instant`.
    """
    if replica.is_read():
        if instant > clock.now():
            raise replica.UnfitReplica
        return
    time.sleep(clocks.seconds_until(instant, clock.now()))
    waiting, deadline, pause = writers(), time.monotonic() + MOST_WAIT, 0.001
    while waiting:
        if time.monotonic() > deadline:
            raise errors.LockTimeout()
        time.sleep(pause)
        waiting, pause = waiting & writers(), min(2 * pause, 0.02)


def writers() -> set[str]:
    """The transactions of all processes that may lock wallets now."""
    with connection.cursor() as cursor:
        cursor.execute(WRITERS)
        return {name for (name,) in cursor.fetchall()}


def balance_at(wallet: Wallet, instant: datetime) -> Point:
    """The state just before `instant`, which is past or at most moments ahead."""
    wait_until(instant)
    return before(wallet, instant)


def over(wallet: Wallet, start: datetime, end: datetime) -> Statement:
    """The statement from `start`, included, to `end`, not included: past or moments ahead."""
    closing = balance_at(wallet, end)
    opening = before(wallet, start)
    return Statement(wallet, start, end, opening, closing)
