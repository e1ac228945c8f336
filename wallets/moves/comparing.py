"""Compares what both groups have of a client."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psycopg

from wallets.moves.copying import CHANGED, Run, total_query
from wallets.moves.parts import ClientRows, client_parts
from wallets.moves.sides import rows_answered

CHAINS: Final = """
    SELECT wallet.id FROM wallets_wallet AS wallet
    LEFT JOIN (
        SELECT wallet_id, count(*) AS number, sum(amount) AS total FROM wallets_movement
        WHERE client_id = %(client)s AND seq IS NOT NULL GROUP BY wallet_id
    ) AS moved ON moved.wallet_id = wallet.id
    LEFT JOIN wallets_movement AS last ON last.client_id = wallet.client_id
        AND last.wallet_id = wallet.id AND last.seq = wallet.seq
    WHERE wallet.client_id = %(client)s AND (
        coalesce(moved.total, 0) <> wallet.balance OR coalesce(moved.number, 0) <> wallet.seq
        OR coalesce(last.digest, '') <> wallet.head
        OR coalesce(last.balance_after, 0) <> wallet.balance)
    ORDER BY wallet.id LIMIT 1
"""


class Differs(Exception):
    """The groups don't have the same. The client goes on in the old one."""


def require_same_rows_in_both(run: Run) -> None:
    """Compare all rows of all tables: of the open snapshot, and of the new group now.

    Raises:
        Differs: they are not the same.
    """
    parts = client_parts()
    with ThreadPoolExecutor(2) as pool:
        both = pool.map(
            lambda raw: row_totals_of(run, raw, parts), (run.source.reader, run.target.raw)
        )
        ours, theirs = both
    for part, one, other in zip(parts, ours, theirs, strict=True):
        if one != other:
            raise Differs(f"{part.name} differs: {one[0]} rows and {other[0]} rows.")


def row_totals_of(
    run: Run, raw: psycopg.Connection[Any], parts: tuple[ClientRows, ...]
) -> list[tuple[Any, ...]]:
    return [rows_answered(raw, total_query(part), run.values)[0] for part in parts]


def require_same_changes(run: Run) -> None:
    """Compare, after the last pass, what either group has written since the pass began that
    compared everything; in the old group also what that pass has copied.

    Everything else was compared then, and has not been written since: a row that is changed gets
    another `xmin`, and a row that is removed is missing in the count.

    Raises:
        Differs: a row is not the same, or the numbers of rows differ.
    """
    parts = client_parts()
    with ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.map(
            lambda side: changes_of(run, side[0], side[1], parts),
            (
                (run.source.reader, run.compared["source"]),
                (run.target.raw, run.compared["target"]),
            ),
        )
    for part, (one, ours_of), (other, theirs_of) in zip(parts, ours, theirs, strict=True):
        if one != other:
            raise Differs(f"{part.name} differs: {one} rows and {other} rows.")
        if wrong := different_key(run, part, ours_of, theirs_of):
            raise Differs(f"{part.name} differs: {wrong}.")


def changes_of(
    run: Run, raw: psycopg.Connection[Any], since: str, parts: tuple[ClientRows, ...]
) -> list[tuple[Any, dict[str, Any]]]:
    """For each table the number of rows, and the digests of the changed ones by their keys."""
    found: list[tuple[Any, dict[str, Any]]] = []
    for part in parts:
        if part.is_renumbered:
            found.append((rows_answered(raw, total_query(part), run.values), {}))
            continue
        where = f"FROM {part.name} WHERE ({part.condition})"
        count = rows_answered(raw, f"SELECT count(*) {where}", run.values)[0][0]
        query = f"SELECT {part.key_text}, {part.digest} {where} {CHANGED}"
        found.append((count, dict(rows_answered(raw, query, run.values | {"since": since}))))
    return found


def different_key(
    run: Run, part: ClientRows, ours: dict[str, Any], theirs: dict[str, Any]
) -> str | None:
    """The first key whose rows are not the same; None if all are."""
    for key in sorted({*ours, *theirs}):
        if key in ours and key in theirs and ours[key] != theirs[key]:
            return key
    for raw, known, other in (
        (run.target.raw, theirs, ours),
        (run.source.reader, ours, theirs),
    ):
        keys = sorted({*other} - {*known})
        looked_up = digests_of(run, part, raw, keys)
        if wrong := [key for key in keys if looked_up.get(key) != other[key]]:
            return wrong[0]
    return None


def digests_of(
    run: Run, part: ClientRows, raw: psycopg.Connection[Any], keys: list[str]
) -> dict[str, Any]:
    if not keys:
        return {}
    query = f"""
        SELECT {part.key_text}, {part.digest} FROM {part.name}
        WHERE ({part.condition}) AND {part.key_text} = ANY(%(keys)s)
    """
    return dict(rows_answered(raw, query, run.values | {"keys": keys}))


def require_right_chains(run: Run) -> None:
    """Require, in the new group, that each wallet has the sum, the number and the digest of its
    movements.

    Raises:
        Differs: a wallet has not.
    """
    if found := run.target.first(CHAINS, {"client": run.client_id}):
        raise Differs(f"The wallet {found[0]} doesn't have the balance of its movements.")
