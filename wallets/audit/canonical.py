"""The canonical forms that are digested, in SQL; `wallets.books.chain` has them in Python."""

from __future__ import annotations

from typing import Final


def micros(column: str) -> str:
    """The microseconds since 1970."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def digest(facts: str) -> str:
    """What fixes these facts and the texts of a thing that is in no chain."""
    return f"sha256(convert_to({facts}, 'UTF8') || coalesce(details_digest, ''))"


def details(iban: str) -> str:
    """The texts of a thing; `iban` is the column that has one, or ''."""
    return rf"""
    concat(concept, E'\x1f', {iban}, (
        SELECT string_agg(concat(E'\x1f', key, E'\x1f', value), '' ORDER BY key COLLATE "C")
        FROM jsonb_each_text(metadata)))
    """  # noqa: S608


CANONICAL: Final = f"""
    concat_ws('|', 1, id, client_id, wallet_id, operation_id, type, amount, currency,
        coalesce(counterparty_id::text, ''), coalesce(hold_id::text, ''),
        coalesce(reversal_of_id::text, ''), seq, balance_after, received_after,
        {micros("created_at")}, {micros("settled_at")})
"""
"""A settled movement's facts; they follow the digest of the movement before it."""

CASH_OUT: Final = f"""
    concat_ws('|', 'cash-out', 1, id, client_id, wallet_id, operation_id, type, amount, currency,
        {micros("created_at")})
"""
HOLD: Final = f"""
    concat_ws('|', 'hold', 1, id, client_id, wallet_id, target_id, amount, currency,
        {micros("created_at")})
"""

DETAILS: Final = details("iban")
HOLD_DETAILS: Final = details("''")
