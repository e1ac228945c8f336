"""The verbs of files for the bank, and the return of a cash-out: what each does to the books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from iocash import errors
from tests.support.books import ALICES, BOBS, about, cash_in, open_books, refused, transfer
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.rows import Leg
from wallets.orders.bank_files import (
    AddToFile,
    RejectByBank,
    RemoveFromFile,
    ReturnCashOut,
    SendInFile,
    SettleByBank,
)
from wallets.orders.base import Order
from wallets.orders.cash_outs import CashOut
from wallets.posting.group import run

FILE, OTHER = new_id(), new_id()


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


@pytest.fixture
def leg(books: Books) -> Leg:
    """A pending cash-out of 30.00 EUR."""
    order = CashOut(**about(amount=Decimal("30.00"), iban="ES91", holder_name="Alice"))
    (made,) = run(books, order).legs
    books.movements[made.id] = made
    return made


def do(books: Books, order: Order) -> Leg:
    """Run an order about a cash-out, and let the next one read what it made."""
    (leg,) = run(books, order).legs
    books.movements[leg.id] = leg
    return leg


def on(leg: Leg, verb: Any, **values: Any) -> Order:
    if verb in {AddToFile, RemoveFromFile, SendInFile}:
        values = {"file_id": FILE} | values
    order: Order = verb(**about(leg.wallet_id, movement_id=leg.id) | values)
    return order


def give(leg: Leg, amount: str | None = None, **values: Any) -> Order:
    return on(leg, ReturnCashOut, amount=amount and Decimal(amount), **values)


def paid(books: Books, leg: Leg) -> Leg:
    for verb in (AddToFile, SendInFile, SettleByBank):
        do(books, on(leg, verb))
    return leg


def money_of(books: Books) -> tuple[int, int]:
    wallet = books.wallets[ALICES]
    return wallet.balance, wallet.held


def test_cash_out_in_a_file_stays_held(books, leg):
    do(books, on(leg, AddToFile))
    assert (leg.bank_file_id, leg.sent_at, money_of(books)) == (FILE, None, (100_00, 30_00))


def test_cash_out_is_in_one_file(books, leg):
    do(books, on(leg, AddToFile))
    assert isinstance(refused(books, on(leg, AddToFile, file_id=OTHER)), errors.CashOutInFile)
    assert isinstance(refused(books, on(leg, AddToFile)), errors.CashOutInFile)


def test_cash_out_of_an_inactive_user_is_in_no_file(books, leg):
    books.wallets[ALICES].owner = "BLOCKED"
    assert isinstance(refused(books, on(leg, AddToFile)), errors.UserNotActive)


def test_cash_out_is_sent_with_its_own_file(books, leg):
    do(books, on(leg, AddToFile))
    assert isinstance(refused(books, on(leg, SendInFile, file_id=OTHER)), errors.CashOutNotInFile)
    do(books, on(leg, SendInFile))
    assert leg.sent_at == books.now
    assert isinstance(refused(books, on(leg, SendInFile)), errors.CashOutSent)


def test_cash_out_of_a_blocked_user_is_not_sent_with_its_file(books, leg):
    do(books, on(leg, AddToFile))
    books.wallets[ALICES].owner = "BLOCKED"
    assert isinstance(refused(books, on(leg, SendInFile)), errors.UserNotActive)


def test_cash_out_leaves_its_own_file_until_it_is_sent(books, leg):
    do(books, on(leg, AddToFile))
    said = refused(books, on(leg, RemoveFromFile, file_id=OTHER))
    assert isinstance(said, errors.CashOutNotInFile)
    do(books, on(leg, RemoveFromFile))
    assert leg.bank_file_id is None
    do(books, on(leg, AddToFile, file_id=OTHER))
    do(books, on(leg, SendInFile, file_id=OTHER))
    assert isinstance(refused(books, on(leg, RemoveFromFile, file_id=OTHER)), errors.CashOutSent)


def test_bank_settles_and_rejects_only_sent_cash_outs(books, leg):
    do(books, on(leg, AddToFile))
    for order in (on(leg, SettleByBank), on(leg, RejectByBank, reason="AC04")):
        assert isinstance(refused(books, order), errors.CashOutNotSent)
    do(books, on(leg, SendInFile))
    do(books, on(leg, RejectByBank, reason="AC04"))
    assert (leg.status, leg.reason, money_of(books)) == ("ERROR", "AC04", (100_00, 0))
    assert isinstance(refused(books, on(leg, SettleByBank)), errors.MovementNotPending)


def test_returned_cash_out_is_in_the_wallet_again(books, leg):
    paid(books, leg)
    assert money_of(books) == (70_00, 0)
    made = do(books, give(leg))
    assert (made.type, made.amount, made.reversal_of_id) == ("REVERSAL", 30_00, leg.id)
    assert (made.iban, made.holder_name, made.counterparty_id) == ("ES91", "Alice", None)
    assert money_of(books) == (100_00, 0)


def test_parts_of_a_cash_out_return_up_to_its_amount(books, leg):
    paid(books, leg)
    do(books, give(leg, "10.00"))
    assert isinstance(refused(books, give(leg, "20.01")), errors.ReversalExceeded)
    do(books, give(leg))
    assert isinstance(refused(books, give(leg)), errors.ReversalExceeded)
    assert money_of(books) == (100_00, 0)


@pytest.mark.parametrize("is_sent", [False, True])
def test_cash_out_that_was_not_paid_does_not_return(books, leg, is_sent):
    do(books, on(leg, AddToFile))
    if is_sent:
        do(books, on(leg, SendInFile))
    assert isinstance(refused(books, give(leg)), errors.MovementNotSettled)


@pytest.mark.parametrize("order", [cash_in(amount="1.00"), transfer(ALICES, BOBS, "1.00")])
def test_other_movements_are_not_returned(books, order):
    made = run(books, order).legs[0]
    books.movements[made.id] = made
    assert isinstance(refused(books, give(made)), errors.MovementNotReversible)


def test_cash_out_returns_to_a_blocked_wallet_of_a_blocked_user(books, leg):
    paid(books, leg)
    books.wallets[ALICES].status = books.wallets[ALICES].owner = "BLOCKED"
    do(books, give(leg))
    assert money_of(books) == (100_00, 0)


def test_cash_out_does_not_return_to_a_closed_wallet(books, leg):
    paid(books, leg)
    books.wallets[ALICES].status = "UNSUBSCRIBED"
    assert isinstance(refused(books, give(leg)), errors.WalletNotReady)


def test_returned_cash_out_has_the_reference_of_the_cash_out(books, leg):
    paid(books, leg)
    leg.reference = "INV-7"
    assert do(books, give(leg, "1.00")).reference == "INV-7"
    assert do(books, give(leg, "1.00", reference="own")).reference == "own"
