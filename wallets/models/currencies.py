"""Wallets whose currency this release does not know: their amounts can't be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from iocash.currencies import DECIMALS
from iocash.db.transactions import as_array, fetch

FIND: Final = """
    SELECT DISTINCT currency FROM wallets_wallet WHERE NOT currency = ANY(%s::text[])
    ORDER BY currency LIMIT 10
"""
"""It reads all wallets, so it is asked rarely."""


def unknown_currencies() -> Iterator[str]:
    """Say which currencies of wallets are unknown; nothing else is wrong with them."""
    found = [row[0] for row in fetch(FIND, (as_array(DECIMALS),))]
    if found:
        names = ", ".join(found)
        yield f"There are wallets in currencies that this release does not know: {names}."
