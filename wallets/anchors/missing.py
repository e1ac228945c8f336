"""What an anchor has and the ledger has not: after a restore, what was acknowledged and is lost.

`wallets.anchors.compare` says whether an anchor is true of a ledger that has gone on since. Here
the ledger may be older than the anchor: what it has must be as in the anchor, and what it lacks is
counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final

from django.db import connection

from wallets.anchors import EQUATION, purged_wallets
from wallets.anchors.file import CHUNK, AnchorLine, Reading, time_of
from wallets.audit.canonical import CASH_OUT, HOLD, digest_sql
from wallets.audit.equations import Finding

WALLETS: Final = """
    SELECT anchored.wallet, anchored.owner, anchored.seq, anchored.head,
           wallet.user_id::text AS owner_now, coalesce(wallet.seq, 0) AS seq_now,
           coalesce(encode(movement.digest, 'hex'), '-') AS head_then
    FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[])
         AS anchored (wallet, owner, seq, head)
    LEFT JOIN wallets_wallet AS wallet ON wallet.id = anchored.wallet::uuid
    LEFT JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq = anchored.seq
    ORDER BY 1
"""
MOVEMENTS: Final = """
    SELECT anchored.wallet, anchored.seq, movement.id AS movement
    FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS anchored (wallet, seq, digest)
    JOIN wallets_wallet AS wallet ON wallet.id = anchored.wallet AND wallet.seq >= anchored.seq
    LEFT JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq = anchored.seq
    WHERE movement.digest IS DISTINCT FROM decode(anchored.digest, 'hex')
    ORDER BY 1, 2 LIMIT 1
"""
ORDERS: Final = {
    "cash-out": f"""
        SELECT id::text, wallet_id::text, encode({digest_sql(CASH_OUT)}, 'hex')
        FROM wallets_movement WHERE id = ANY(%s::uuid[])
    """,  # noqa: S608 (a constant)
    "hold": f"""
        SELECT id::text, wallet_id::text, encode({digest_sql(HOLD)}, 'hex')
        FROM wallets_hold WHERE id = ANY(%s::uuid[])
    """,  # noqa: S608 (a constant)
}


@dataclass(slots=True)
class Lag:
    """How far the ledger is behind an anchor, and the first row that contradicts it."""

    at: datetime
    finding: Finding | None = None
    counts: Counter[str] = field(default_factory=Counter)
    """`movements`, `wallets`, `cash-outs` and `holds` that the ledger has not."""

    def contradict(self, **row: Any) -> None:
        self.finding = self.finding or Finding(EQUATION, row)


def read_missing(anchor: Path) -> Lag:
    """Compare the ledger with a whole anchor that may be newer than it.

    Raises:
        OSError: the file can't be read.
        BadAnchor: it is not an anchor, or was damaged.
    """
    found, gone = Lag(at=time_of(anchor)), purged_wallets()
    with anchor.open() as lines:
        for kind, some in groupby(Reading(lines).lines(), key=lambda line: line.kind):
            while chunk := list(islice(some, CHUNK)):
                if left := [line for line in chunk if line.wallet not in gone]:
                    CHECKS[kind](found, left)
    return found


def transposed(chunk: list[AnchorLine]) -> list[list[str]]:
    return [list(column) for column in zip(*(line.words for line in chunk), strict=True)]


def check_wallets(found: Lag, chunk: list[AnchorLine]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(WALLETS, transposed(chunk))
        for wallet, owner, seq, head, owner_now, seq_now, head_then in cursor.fetchall():
            found.counts["movements"] += max(0, seq - seq_now)
            if owner_now is None:
                found.counts["wallets"] += 1
            elif owner not in {"", owner_now} or (seq_now >= seq and head_then != head):
                found.contradict(wallet=wallet, seq=seq, owner=owner, owner_now=owner_now)


def check_movements(found: Lag, chunk: list[AnchorLine]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MOVEMENTS, transposed(chunk))
        for wallet, seq, movement in cursor.fetchall():
            found.contradict(wallet=wallet, seq=seq, movement=movement)


def check_orders(found: Lag, chunk: list[AnchorLine]) -> None:
    """Cash-outs that were pending, and holds that were open."""
    kind = chunk[0].kind
    with connection.cursor() as cursor:
        cursor.execute(ORDERS[kind], [[line.words[0] for line in chunk]])
        now = {own: (wallet, digest) for own, wallet, digest in cursor.fetchall()}
    for own, wallet, digest in (line.words for line in chunk):
        if own not in now:
            found.counts[f"{kind}s"] += 1
        elif now[own] != (wallet, digest):
            found.contradict(wallet=wallet, id=own)


CHECKS: Final = {
    "wallet": check_wallets,
    "head": check_wallets,
    "movement": check_movements,
    "cash-out": check_orders,
    "hold": check_orders,
}
