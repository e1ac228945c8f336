"""Books on paper: rows in memory, and orders about them, without any database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.cast import BY
from users.models.clients import new_id
from wallets import ledger
from wallets.books import Books
from wallets.rows import LockedHold, LockedWallet

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
CLIENT, ANOTHER, USER = new_id(), new_id(), new_id()
ALICES, BOBS, ANOTHERS = new_id(), new_id(), new_id()


def a_wallet(wallet_id: UUID = ALICES, balance: int = 0, **values: Any) -> LockedWallet:
    row: dict[str, Any] = {
        "id": wallet_id,
        "client_id": CLIENT,
        "user_id": USER,
        "currency": "EUR",
        "status": "READY",
        "balance": balance,
        "held": 0,
        "seq": 0,
        "head": b"",
        "settled_at": None,
        "owner": "ACTIVATED",
    }
    return LockedWallet(**row | values)


def open_books(*wallets: LockedWallet) -> Books:
    rows = wallets or (a_wallet(ALICES, 100_00), a_wallet(BOBS))
    return Books(now=NOW, users={}, wallets={row.id: row for row in rows}, keys={})


def cash_in(target: UUID = ALICES, amount: str = "10.00", **values: Any) -> ledger.CashIn:
    common: dict[str, Any] = {"client_id": CLIENT, "by": BY, "amount": Decimal(amount)}
    return ledger.CashIn(wallet_id=target, **common | values)


def transfer(
    source: UUID = ALICES, target: UUID = BOBS, amount: str = "10.00", **values: Any
) -> ledger.Transfer:
    common: dict[str, Any] = {"client_id": CLIENT, "by": BY, "amount": Decimal(amount)}
    return ledger.Transfer(wallet_id=source, target_id=target, **common | values)


def about(wallet_id: UUID = ALICES, **values: Any) -> dict[str, Any]:
    return {"client_id": CLIENT, "by": BY, "wallet_id": wallet_id} | values


def place(amount: str = "10.00", **values: Any) -> ledger.PlaceHold:
    order: dict[str, Any] = about(target_id=BOBS, amount=Decimal(amount))
    return ledger.PlaceHold(**order | values)


def a_hold(books: Books, amount: str = "10.00", **values: Any) -> LockedHold:
    """Promise money of Alice's to Bob."""
    return books.holds[books.run(place(amount, **values)).id]


def execute(hold: LockedHold, amount: str | None = None, **values: Any) -> ledger.ExecuteHold:
    order = about(
        hold.wallet_id,
        hold_id=hold.id,
        target_id=hold.target_id,
        amount=None if amount is None else Decimal(amount),
    )
    return ledger.ExecuteHold(**order | values)
