"""Anchors: the digests of the ledger at one time, stored outside the database.

The owner of a database can rewrite rows, all later digests and their events; the audit does not
detect that. `compare` does, with an earlier anchor: its chains, owners, pending cash-outs and open
holds must be unchanged. The Merkle root identifies the file, and a path of the tree proves that it
contains a movement.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, islice
from typing import Final

from django.db import connection

from wallets.anchors.file import CHUNK, AnchorLine, BadAnchor, Reading, lines
from wallets.audit.canonical import CASH_OUT, HOLD, digest_sql
from wallets.audit.equations import AT_ONCE, Equation, Finding
from wallets.audit.proofs import ANCHOR

__all__ = ["EQUATION", "BadAnchor", "compare", "lines"]

EQUATION: Final = Equation(
    ANCHOR,
    "every line of the anchor still matches the ledger",
    AT_ONCE,
    "",
)
"""It has no query of its own: `QUERIES` has one for each kind of line."""

PURGED: Final = """
    SELECT wallet FROM wallets_clientmove, jsonb_array_elements_text(wallets) AS wallet
    WHERE wallets IS NOT NULL
      AND (is_hidden OR NOT EXISTS (SELECT FROM wallets_wallet WHERE id = wallet::uuid))
"""
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
            SELECT id, wallet_id, status, {digest_sql(CASH_OUT)} AS fixed FROM wallets_movement
            WHERE id = ANY(%s::uuid[])
        ) AS movement ON movement.id = anchored.id AND movement.wallet_id = anchored.wallet
        WHERE fixed IS DISTINCT FROM decode(anchored.digest, 'hex')
    """,
    "hold": f"""
        SELECT anchored.wallet, anchored.id AS hold, hold.status
        FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS anchored (id, wallet, digest)
        LEFT JOIN (
            SELECT id, wallet_id, status, {digest_sql(HOLD)} AS fixed FROM wallets_hold
            WHERE id = ANY(%s::uuid[])
        ) AS hold ON hold.id = anchored.id AND hold.wallet_id = anchored.wallet
        WHERE fixed IS DISTINCT FROM decode(anchored.digest, 'hex')
    """,
    "head": f"""
        SELECT anchored.wallet, anchored.seq, movement.id AS movement
        FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::text[])
             AS anchored (wallet, owner, seq, head)
        LEFT JOIN wallets_wallet AS wallet ON wallet.id = anchored.wallet
        {SETTLED}
        WHERE movement.digest IS DISTINCT FROM decode(anchored.head, 'hex')
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


def compare(anchor: Iterable[str], *, is_part: bool = False) -> Finding | None:
    """Find the first line of the anchor that does not match the ledger any more.

    The whole anchor is read even after a mismatch, because its last line has the root. The
    movements of a part are not looked up: the heads of its wallets follow from them, as the audit
    proves.

    Raises:
        BadAnchor: the file is not an anchor, or was damaged.
    """
    found, gone = None, purged_wallets()
    for kind, some in groupby(Reading(anchor).lines(), key=lambda line: line.kind):
        while chunk := list(islice(some, CHUNK)):
            left = [line for line in chunk if line.wallet not in gone]
            if left and not (is_part and kind == "movement"):
                found = found or first_mismatch(kind, left)
    return found


def purged_wallets() -> set[str]:
    """The wallets whose clients have moved to another group and whose rows were removed here.

    The anchors of this group that have them can be compared in the other one.
    """
    with connection.cursor() as cursor:
        cursor.execute(PURGED)
        return {wallet for (wallet,) in cursor.fetchall()}


def first_mismatch(kind: str, chunk: list[AnchorLine]) -> Finding | None:
    columns = [list(column) for column in zip(*(line.words for line in chunk), strict=True)]
    if kind in {"cash-out", "hold"}:
        columns.append(columns[0])
    with connection.cursor() as cursor:
        cursor.execute(f"{QUERIES[kind]} ORDER BY 1, 2 LIMIT 1", columns)
        row = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return Finding(EQUATION, dict(zip(names, row, strict=True))) if row else None
