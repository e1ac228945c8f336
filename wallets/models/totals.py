"""Sums of a client's money in one currency: at an instant, and over a period.

The balances of all wallets change together only by what enters or leaves the institution: a payment
between two wallets changes one by as much as the other. So the sum at a past instant is the present
sum without the crossings since then, and both are read in one statement: in one snapshot.

A movement settles when it is created, unless it is a cash-out. So the movements that settled in a
period are those created in it, without cash-outs, and the cash-outs that settled in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from iocash.db import replica

BALANCE: Final = """
    SELECT (
        SELECT coalesce(sum(balance), 0) FROM wallets_wallet
        WHERE client_id = ANY(%(clients)s) AND currency = %(currency)s
    ) - (
        SELECT coalesce(sum(amount), 0) FROM wallets_movement
        WHERE client_id = ANY(%(clients)s) AND currency = %(currency)s
          AND counterparty_id IS NULL AND status = 'SUCCESS' AND settled_at >= %(instant)s
    )
"""
SETTLED: Final = """
    SELECT type, settled_at, amount FROM wallets_movement
    WHERE client_id = ANY(%(clients)s) AND currency = %(currency)s
      AND type <> 'CASH_OUT' AND created_at >= %(start)s AND created_at < %(end)s
    UNION ALL
    SELECT type, settled_at, amount FROM wallets_movement
    WHERE client_id = ANY(%(clients)s) AND currency = %(currency)s
      AND type = 'CASH_OUT' AND counterparty_id IS NULL AND status = 'SUCCESS'
      AND settled_at >= %(start)s AND settled_at < %(end)s
"""
SUMS: Final = """
    coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
    coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), count(*)
"""
FLOWS: Final = {
    "type": f"SELECT type, {SUMS} FROM ({SETTLED}) AS settled GROUP BY 1 ORDER BY 1",  # noqa: S608
    "day": f"""
        SELECT (settled_at AT TIME ZONE 'UTC')::date, {SUMS}
        FROM ({SETTLED}) AS settled GROUP BY 1 ORDER BY 1
    """,  # noqa: S608
}
OF_USERS: Final = """
    SELECT wallet.user_id,
           sum(opening.balance), sum(closing.received - opening.received),
           sum(closing.balance), sum(closing.seq - opening.seq)
    FROM wallets_wallet AS wallet
    CROSS JOIN LATERAL ({opening}) AS opening
    CROSS JOIN LATERAL ({closing}) AS closing
    WHERE wallet.client_id = ANY(%(clients)s) AND wallet.currency = %(currency)s
      AND wallet.user_id = ANY(%(users)s)
    GROUP BY wallet.user_id
"""
POINT: Final = """
    WITH RECURSIVE search (low, high) AS (
        SELECT 0::bigint, wallet.seq + 1
        UNION ALL
        SELECT CASE WHEN is_before THEN middle ELSE low END,
               CASE WHEN is_before THEN high ELSE middle END
        FROM search
        CROSS JOIN LATERAL (SELECT (low + high) / 2 AS middle) AS halved
        CROSS JOIN LATERAL (
            SELECT settled_at < %({instant})s AS is_before FROM wallets_movement AS movement
            WHERE movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
              AND movement.seq = middle
        ) AS looked
        WHERE high - low > 1
    )
    SELECT found.low AS seq, coalesce(balance_after, 0) AS balance,
           coalesce(received_after, 0) AS received
    FROM (SELECT low FROM search WHERE high - low = 1) AS found
    LEFT JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq = found.low
"""
"""The state of a wallet before an instant, found as `wallets.statements` finds it."""
READ_OF_USERS: Final = OF_USERS.format(
    opening=POINT.format(instant="start"), closing=POINT.format(instant="end")
)


class Flow(NamedTuple):
    """What came in and went out in a period, in minor units, and the number of movements."""

    key: Any
    total_in: int
    total_out: int
    number: int


class Position(NamedTuple):
    """The balances of a user at the ends of a period, and what came in and went out in it."""

    user_id: UUID
    opening: int = 0
    total_in: int = 0
    closing: int = 0
    number: int = 0

    @property
    def total_out(self) -> int:
        return self.opening + self.total_in - self.closing


@dataclass(frozen=True, slots=True)
class Period:
    """Whose sums are asked for, in which currency, and for which period: `end` is not in it."""

    clients: Sequence[UUID]
    currency: str
    start: datetime
    end: datetime

    @property
    def values(self) -> dict[str, Any]:
        return {
            "clients": list(self.clients),
            "currency": self.currency,
            "start": self.start,
            "end": self.end,
        }


def fetched(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with replica.connection().cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def balance_before(period: Period, instant: datetime) -> int:
    """The sum of the wallets just before a past instant."""
    return int(fetched(BALANCE, period.values | {"instant": instant})[0][0])


def flows(period: Period, group: str) -> list[Flow]:
    """What came in and went out by `type` or by `day` (in UTC), of the groups with movements."""
    return [Flow(key, *map(int, sums)) for key, *sums in fetched(FLOWS[group], period.values)]


def positions(period: Period, users: Sequence[UUID]) -> dict[UUID, Position]:
    """The positions of these users; those without a wallet in the currency are left out."""
    found = fetched(READ_OF_USERS, period.values | {"users": list(users)})
    return {user_id: Position(user_id, *map(int, sums)) for user_id, *sums in found}
