"""The balance and the chain of a part of a wallet: its movements from one number to another.

The whole of a wallet with millions of movements would be one long step. A segment follows from the
movement before it, so all segments of a wallet together prove what the equations `balance` and
`chain` say of it.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from wallets.audit.movements import BROKEN, LINKS

GIVEN: Final = """
    unnest(%(clients)s::uuid[], %(wallets)s::uuid[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    AS segment (client_id, wallet_id, first, last)
"""


def number_before(instant: str, wallet: str = "wallet") -> str:
    """SQL: the number of the last movement of a wallet that settled before an instant."""
    return f"""
        CASE WHEN {wallet}.settled_at < {instant} THEN {wallet}.seq ELSE coalesce((
            SELECT seq FROM wallets_movement
            WHERE client_id = {wallet}.client_id AND wallet_id = {wallet}.id
              AND settled_at < {instant}
            ORDER BY seq DESC LIMIT 1), 0) END
    """


NEW: Final = f"""
    (
        SELECT client_id, id AS wallet_id, ({number_before("%(since)s")}) + 1 AS first,
               NULL::bigint AS last
        FROM wallets_wallet AS wallet WHERE id BETWEEN %(first)s AND %(last)s
    ) AS segment
"""
"""The ends of wallets: what settled since an instant. Without new movements it is empty."""


BALANCE: Final = f"""
        SELECT wallet.id AS wallet, wallet.balance, coalesce(base.balance_after, 0)
                   + coalesce(settled.total, 0) AS movements,
               wallet.seq, segment.first - 1 + settled.number AS count
        FROM {GIVEN}
        JOIN wallets_wallet AS wallet ON wallet.id = segment.wallet_id
        LEFT JOIN wallets_movement AS base
            ON base.wallet_id = wallet.id AND base.client_id = wallet.client_id
            AND base.seq = segment.first - 1
        CROSS JOIN LATERAL (
            SELECT sum(amount) AS total, sum(greatest(amount, 0)) AS came_in, count(*) AS number,
                   max(settled_at) AS latest
            FROM wallets_movement
            WHERE wallet_id = wallet.id AND client_id = wallet.client_id AND status = 'SUCCESS'
              AND seq >= segment.first AND seq <= coalesce(segment.last, {2**63 - 1})
        ) AS settled
        LEFT JOIN wallets_movement AS tail
            ON tail.wallet_id = wallet.id AND tail.client_id = wallet.client_id
            AND tail.seq = coalesce(segment.last, wallet.seq)
        WHERE coalesce(base.balance_after, 0) + coalesce(settled.total, 0) IS DISTINCT FROM
              CASE WHEN segment.last IS NULL THEN wallet.balance ELSE tail.balance_after END
           OR coalesce(base.received_after, 0) + coalesce(settled.came_in, 0) IS DISTINCT FROM
              CASE WHEN segment.last IS NULL THEN wallet.received ELSE tail.received_after END
           OR segment.first - 1 + settled.number IS DISTINCT FROM
              coalesce(segment.last, wallet.seq)
           OR (segment.last IS NULL AND (
               wallet.head IS DISTINCT FROM coalesce(tail.digest, '')
               OR wallet.settled_at IS DISTINCT FROM coalesce(settled.latest, base.settled_at)))
"""
"""As the equation `balance`. A segment without `last` ends with its wallet."""
BALANCE_OF_NEW: Final = """
    SELECT wallet.id AS wallet, wallet.balance, coalesce(tail.balance_after, 0) AS movements,
           wallet.seq, coalesce((
               SELECT max(seq) FROM wallets_movement AS movement
               WHERE movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
           ), 0) AS count
    FROM wallets_wallet AS wallet
    LEFT JOIN wallets_movement AS tail
        ON tail.client_id = wallet.client_id AND tail.wallet_id = wallet.id
        AND tail.seq = wallet.seq
    WHERE wallet.id BETWEEN %(first)s AND %(last)s AND (
        wallet.balance IS DISTINCT FROM coalesce(tail.balance_after, 0)
        OR wallet.received IS DISTINCT FROM coalesce(tail.received_after, 0)
        OR wallet.seq IS DISTINCT FROM coalesce(tail.seq, 0)
        OR wallet.head IS DISTINCT FROM coalesce(tail.digest, '')
        OR wallet.settled_at IS DISTINCT FROM tail.settled_at
        OR EXISTS (
            SELECT FROM wallets_movement AS movement
            WHERE movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
              AND movement.seq > wallet.seq))
"""
"""A wallet has what its last movement has left. The chain proves that this is the sum of all."""
UNNUMBERED: Final = """
    SELECT wallet.id AS wallet, movement.id AS movement, wallet.seq, movement.seq AS number
    FROM wallets_wallet AS wallet
    JOIN wallets_movement AS movement ON movement.wallet_id = wallet.id
    WHERE wallet.id = ANY(%(ids)s::uuid[]) AND movement.status = 'SUCCESS'
      AND (movement.seq IS NULL OR movement.client_id IS DISTINCT FROM wallet.client_id)
"""
"""Movements that are in no segment. Only who removes a constraint can write them."""

CHAIN: Final = f"""
    SELECT wallet_id AS wallet, seq, movement, balance_after, expected_balance
    FROM (
        SELECT followed.*, segment.first, segment.last,
               segment.first - 1 + followed.place - (segment.first > 1)::int AS expected_seq
        FROM {GIVEN}
        CROSS JOIN LATERAL (
            SELECT {LINKS}, row_number() OVER chain AS place, lead(seq) OVER chain AS next
            FROM wallets_movement AS movement
            WHERE client_id = segment.client_id AND wallet_id = segment.wallet_id
              AND seq BETWEEN segment.first - 1 AND segment.last AND status = 'SUCCESS'
            WINDOW chain AS (ORDER BY seq)
        ) AS followed
    ) AS links
    WHERE (seq >= first AND ({BROKEN})) OR (seq < last AND next IS NULL)
"""
"""As the equation `chain`. The movement before a segment is read for what follows from it."""

CHANGED: Final = f"""
    SELECT segment.client_id, segment.wallet_id, segment.first, (
        SELECT max(seq) FROM wallets_movement
        WHERE client_id = segment.client_id AND wallet_id = segment.wallet_id
    ) AS last
    FROM {NEW}
    JOIN wallets_wallet AS changed ON changed.id = segment.wallet_id
    WHERE changed.seq >= segment.first OR EXISTS (
        SELECT FROM wallets_movement
        WHERE client_id = segment.client_id AND wallet_id = segment.wallet_id
          AND seq >= segment.first
    )
    ORDER BY segment.wallet_id
"""
"""The wallets with new movements, whether they are counted or not, and the numbers of these."""

STRAYS: Final = f"""
    SELECT movement.id, movement.operation_id, movement.hold_id, movement.reversal_of_id
    FROM {GIVEN}
    JOIN wallets_movement AS movement
        ON movement.client_id = segment.client_id AND movement.wallet_id = segment.wallet_id
        AND movement.seq BETWEEN segment.first AND segment.last
    WHERE movement.id NOT BETWEEN %(floor)s AND %(ceiling)s
       OR movement.operation_id NOT BETWEEN %(floor)s AND %(ceiling)s
       OR movement.hold_id NOT BETWEEN %(floor)s AND %(ceiling)s
       OR movement.reversal_of_id NOT BETWEEN %(floor)s AND %(ceiling)s
"""
"""New movements whose ids, or those of what they name, are not among the new ids."""


class WalletSegment(NamedTuple):
    """The movements of a wallet from one number to another."""

    client_id: Any
    wallet_id: Any
    first: int
    last: int | None

    @property
    def rows(self) -> int:
        return (self.last or self.first) - self.first + 1


def cut_wallet(
    client_id: Any, wallet_id: Any, first: int, last: int, most: int
) -> Iterator[WalletSegment]:
    """Cut the movements of a wallet into segments of at most so many rows."""
    for start in range(first, last + 1, most):
        yield WalletSegment(client_id, wallet_id, start, min(start + most - 1, last))


def segment_batches(segments: Iterable[WalletSegment], most: int) -> Iterator[list[WalletSegment]]:
    """Group segments into batches of about so many rows."""
    batch: list[WalletSegment] = []
    rows = 0
    for segment in segments:
        if batch and rows + segment.rows > most:
            yield batch
            batch, rows = [], 0
        batch.append(segment)
        rows += segment.rows
    if batch:
        yield batch


def segment_values(batch: list[WalletSegment]) -> dict[str, Any]:
    """The parameters of `GIVEN`."""
    names = ("clients", "wallets", "firsts", "lasts")
    return dict(zip(names, map(list, zip(*batch, strict=True)), strict=True))
