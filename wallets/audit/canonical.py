"""The canonical forms of the digests, in SQL; `wallets.books.chain` has them in Python."""

from __future__ import annotations

from typing import Final


def micros_sql(column: str) -> str:
    """The microseconds since 1970."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def digest_sql(facts: str) -> str:
    """The digest of a hold or cash-out, which is in no chain: its facts and its texts."""
    return f"sha256(convert_to({facts}, 'UTF8') || coalesce(details_digest, ''))"


def details_sql(iban: str, holder_name: str) -> str:
    """The texts of a row; `iban` and `holder_name` are its columns of that, or ''."""
    return rf"""
    concat(concept, E'\x1f', {iban}, (
        SELECT string_agg(concat(E'\x1f', key, E'\x1f', value), '' ORDER BY key COLLATE "C")
        FROM jsonb_each_text(metadata)),
        CASE WHEN {holder_name} <> '' THEN concat(E'\x1f', {holder_name}) END,
        E'\x1e' || reference)
    """  # noqa: S608


CANONICAL: Final = f"""
    concat_ws('|', 1, id, client_id, wallet_id, operation_id, type, amount, currency,
        coalesce(counterparty_id::text, ''), coalesce(hold_id::text, ''),
        coalesce(reversal_of_id::text, ''), seq, balance_after, received_after,
        {micros_sql("created_at")}, {micros_sql("settled_at")})
"""
"""The facts of a settled movement; the previous movement's digest precedes them."""

CASH_OUT: Final = f"""
    concat_ws('|', 'cash-out', 1, id, client_id, wallet_id, operation_id, type, amount, currency,
        {micros_sql("created_at")})
"""
HOLD: Final = f"""
    concat_ws('|', CASE WHEN target_id IS NULL THEN 'freeze' ELSE 'hold' END, 1, id, client_id,
        wallet_id, coalesce(target_id::text, case_id::text, ''), amount, currency,
        {micros_sql("created_at")})
"""
"""A freeze has its case in the place of a target."""

DETAILS: Final = details_sql("iban", "holder_name")
HOLD_DETAILS: Final = details_sql("''", "''")
