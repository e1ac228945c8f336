"""Books on paper: rows in memory, and orders about them, without any database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from iocash import errors
from tests.support.people import BY
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.hold_rows import LockedHold
from wallets.books.rows import Leg, LockedAccount, LockedWallet
from wallets.orders.base import Order
from wallets.orders.cash_outs import CashOut
from wallets.orders.holds import ExecuteHold, PlaceHold, ReleaseHold, RenewHold
from wallets.orders.payments import CashIn, Reverse, Transfer
from wallets.posting.group import run

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
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


def cash_in(target: UUID = ALICES, amount: str = "10.00", **values: Any) -> CashIn:
    return CashIn(**about(target, amount=Decimal(amount)) | values)


def transfer(
    source: UUID = ALICES, target: UUID = BOBS, amount: str = "10.00", **values: Any
) -> Transfer:
    order = about(source, target_id=target, amount=Decimal(amount))
    return Transfer(**order | values)


def about(wallet_id: UUID = ALICES, **values: Any) -> dict[str, Any]:
    """What every order says; ids are equal to those of the rows, but never the same objects."""
    ids = {"client_id": UUID(int=CLIENT.int), "wallet_id": UUID(int=wallet_id.int)}
    return {"by": BY, **ids, **values}


def place(amount: str = "10.00", **values: Any) -> PlaceHold:
    order: dict[str, Any] = about(target_id=BOBS, amount=Decimal(amount))
    return PlaceHold(**order | values)


def a_hold(books: Books, amount: str = "10.00", **values: Any) -> LockedHold:
    """Promise money of Alice's to Bob."""
    return books.holds[run(books, place(amount, **values)).id]


def execute(hold: LockedHold, amount: str | None = None, **values: Any) -> ExecuteHold:
    order = about(
        hold.wallet_id,
        hold_id=hold.id,
        target_id=hold.target_id,
        amount=None if amount is None else Decimal(amount),
    )
    return ExecuteHold(**order | values)


def money_of(books: Books, wallet_id: Any = ALICES) -> tuple[int, int]:
    wallet = books.wallets[wallet_id]
    return wallet.balance, wallet.held


def refused(books: Books, order: Order) -> errors.Refused:
    """What the books say to the order: that nothing was done is asserted by them."""
    with pytest.raises(errors.Refused) as said:
        run(books, order)
    return said.value


def told(books: Books) -> list[tuple[str, str]]:
    """What was told, and by whom; each kind begins with what it is about."""
    assert all(fact.kind.split(".")[0] == fact.subject for fact in books.facts)
    return [(fact.kind, fact.by.actor) for fact in books.facts]


def release(hold: LockedHold, **values: Any) -> ReleaseHold:
    return ReleaseHold(**about(hold.wallet_id, hold_id=hold.id) | values)


def renew(hold: LockedHold, expires_at: Any, **values: Any) -> RenewHold:
    order = about(hold.wallet_id, hold_id=hold.id, expires_at=expires_at)
    return RenewHold(**order | values)


def written(books: Books, order: Order) -> list[Leg]:
    """Run the order; then the legs that it wrote are there to be read, as next time."""
    before = len(books.legs)
    run(books, order)
    legs = books.legs[before:]
    books.movements |= {leg.id: leg for leg in legs}
    return legs


def give_back(leg: Leg, mirror: Leg | None, amount: str | None = None, **more: Any) -> Any:
    order = about(
        leg.wallet_id,
        movement_id=leg.id,
        counterparty_id=leg.counterparty_id,
        mirror_id=mirror.id if mirror else None,
        amount=None if amount is None else Decimal(amount),
    )
    return Reverse(**order | more)


def pay_out(account: LockedAccount, **values: Any) -> CashOut:
    order = about(amount=Decimal("10.00"), account_id=account.id)
    return CashOut(**order | values)


def an_account(books: Books, **values: Any) -> LockedAccount:
    row: dict[str, Any] = about(id=new_id(), iban="ES91")
    del row["by"]
    account = LockedAccount(**row | {"status": "ACTIVE"} | values)
    books.resources[account.id] = account
    return account
