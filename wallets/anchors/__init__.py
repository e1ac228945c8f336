"""Anchors: what the books were, written down outside of the database's reach.

Somebody who owns the database can rewrite rows, all digests after them and their events: the audit
finds nothing then. `compare` does, with an anchor that was written before: what it has of the
chains, the owners, the pending cash-outs and the open holds must still be there. The root alone
tells later whether a file is the one that was written, and a path of the tree proves one movement.
"""

# ruff: noqa: S608 (the queries are put together from constants)
from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, islice
from typing import Final

from django.db import connection

from wallets.anchors.file import CHUNK, AnchorLine, BadAnchor, Reading, lines
from wallets.audit.canonical import CASH_OUT, HOLD, digest
from wallets.audit.equations import AT_ONCE, Equation, Finding

__all__ = ["EQUATION", "BadAnchor", "compare", "lines"]

EQUATION: Final = Equation(
    "anchor",
    "everything that was anchored is there, as it was",
    AT_ONCE,
    "",
)
"""Its queries depend on the kind of line."""

SETTLED: Final = """
    LEFT JOIN wallets_movement AS movement
        ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        AND movement.seq = anchored.seq
"""
QUERIES: Final = {
    "movement": f"""
        SELECT anchored.wallet, anchored.seq, movement.id AS movement
        FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS anchored (wallet, seq, digest)
        LEFT JOIN wallets_wallet AS wallet ON wallet.id = anchored.wallet
        {SETTLED}
        WHERE movement.digest IS DISTINCT FROM decode(anchored.digest, 'hex')
    """,
    "cash-out": f"""
        SELECT anchored.wallet, anchored.id AS cash_out, movement.status
        FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS anchored (id, wallet, digest)
        LEFT JOIN (
            SELECT id, wallet_id, status, {digest(CASH_OUT)} AS fixed FROM wallets_movement
            WHERE id = ANY(%s::uuid[])
        ) AS movement ON movement.id = anchored.id AND movement.wallet_id = anchored.wallet
        WHERE fixed IS DISTINCT FROM decode(anchored.digest, 'hex')
    """,
    "hold": f"""
        SELECT anchored.wallet, anchored.id AS hold, hold.status
        FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS anchored (id, wallet, digest)
        LEFT JOIN (
            SELECT id, wallet_id, status, {digest(HOLD)} AS fixed FROM wallets_hold
            WHERE id = ANY(%s::uuid[])
        ) AS hold ON hold.id = anchored.id AND hold.wallet_id = anchored.wallet
        WHERE fixed IS DISTINCT FROM decode(anchored.digest, 'hex')
    """,
    "wallet": f"""
        SELECT anchored.wallet, anchored.seq, movement.id AS movement,
               anchored.owner, wallet.user_id AS owner_now
        FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[])
             AS anchored (wallet, owner, seq, head)
        LEFT JOIN wallets_wallet AS wallet ON wallet.id = anchored.wallet
        {SETTLED}
        WHERE wallet.user_id IS DISTINCT FROM anchored.owner
           OR coalesce(movement.digest, '') IS DISTINCT FROM
              decode(replace(anchored.head, '-', ''), 'hex')
    """,
}


def compare(anchor: Iterable[str]) -> Finding | None:
    """Find the first line of the anchor that is not true of the books any more.

    All of the anchor is read first to last, also behind what is found.

    Raises:
        BadAnchor: the file proves nothing.
    """
    found = None
    for kind, some in groupby(Reading(anchor).lines(), key=lambda line: line.kind):
        while chunk := list(islice(some, CHUNK)):
            found = found or ask(kind, chunk)
    return found


def ask(kind: str, chunk: list[AnchorLine]) -> Finding | None:
    columns = [list(column) for column in zip(*(line.words for line in chunk), strict=True)]
    if kind in {"cash-out", "hold"}:
        columns.append(columns[0])
    with connection.cursor() as cursor:
        cursor.execute(f"{QUERIES[kind]} ORDER BY 1, 2 LIMIT 1", columns)
        row = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return Finding(EQUATION, dict(zip(names, row, strict=True))) if row else None
