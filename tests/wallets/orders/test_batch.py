"""Many orders at once, or none; and what every order names."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from iocash import errors, money
from tests.support.books import (
    ALICES,
    ANOTHER,
    ANOTHERS,
    BOBS,
    SOON,
    a_hold,
    about,
    an_account,
    cash_in,
    execute,
    give_back,
    money_of,
    open_books,
    pay_out,
    place,
    refused,
    release,
    renew,
    transfer,
    written,
)
from users.models.events import By
from wallets.books import Books
from wallets.books.rows import LockedAccount, LockedWallet
from wallets.orders.base import MoneyOrder
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CashOut
from wallets.posting.group import run


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


# --- What is locked and read ---------------------------------------------------------------------


def test_order_names_the_rows_that_it_needs(books):
    into, out = written(books, transfer())
    hold = a_hold(books)
    for order, wallets, holds, movements in (
        (place(), {ALICES, BOBS}, set(), set()),
        (execute(hold), {ALICES, BOBS}, {hold.id}, set()),
        (release(hold), {ALICES}, {hold.id}, set()),
        (renew(hold, None), {ALICES}, {hold.id}, set()),
        (give_back(out, into), {ALICES, BOBS}, set(), {out.id, into.id}),
        (give_back(out, None, counterparty_id=None), {ALICES}, set(), {out.id}),
    ):
        assert set(order.needs.wallets) == wallets
        assert set(order.needs.holds) == holds
        assert set(order.needs.movements) == movements
        assert order.needs.resources == order.needs.users == ()
        assert order.needs.numbers == 0


@pytest.mark.parametrize("order", [cash_in(BOBS, "0.02"), transfer(amount="0.02")])
def test_order_above_the_maximum_balance_is_refused(books, order):
    books.wallets[BOBS].balance = money.MAX_BALANCE - 1
    assert isinstance(refused(books, order), errors.LimitExceeded)
    books.wallets[BOBS].balance -= 1
    run(books, order)


def test_overdue_open_hold_raises_inconsistent(books):
    hold = a_hold(books, expires_at=SOON)
    books.now = SOON
    with pytest.raises(errors.Inconsistent, match="did not know"):
        run(books, execute(hold))


# --- Batches -------------------------------------------------------------------------------------


def batch(*items: MoneyOrder, **values: Any) -> Batch:
    return Batch(**about(items=items) | values)


def a_cash_out(amount: str) -> CashOut:
    return CashOut(**about(amount=Decimal(amount), iban="ES91"))


def rows(books: Books) -> list[LockedWallet]:
    return [dataclasses.replace(wallet) for wallet in books.wallets.values()]


def test_batch_is_one_operation_checked_in_sequence(books):
    outcome = run(
        books,
        batch(
            transfer(amount="100.00"), cash_in(amount="5"), a_cash_out("4"), transfer(amount="1")
        ),
    )
    assert (outcome.made, outcome.status) == ("batch", 201)
    assert (money_of(books), money_of(books, BOBS)) == ((4_00, 4_00), (101_00, 0))
    assert {leg.operation_id for leg in books.legs} == {outcome.id}
    assert [leg.amount for leg in outcome.legs] == [-100_00, 5_00, -4_00, -1_00]
    assert {leg.wallet_id for leg in outcome.legs} == {ALICES}
    assert len(books.legs) == 6
    assert len(books.facts) == 6


def test_batch_refusal_lists_each_refused_item_and_changes_nothing(books):
    before = rows(books)
    said = refused(
        books,
        batch(
            transfer(amount="60"),
            transfer(amount="60"),
            transfer(target=ANOTHERS, amount="1"),
            transfer(amount="40"),
        ),
    )
    assert isinstance(said, errors.BatchRefused)
    assert (said.facts["refused"], said.facts["count"]) == (2, 4)
    assert [(item["index"], item["code"]) for item in said.facts["items"]] == [
        (1, "insufficient_funds"),
        (2, "target_wallet_not_found"),
    ]
    assert said.facts["items"][0]["available"] == "40.00"
    assert said.facts["items"][0]["detail"]
    assert rows(books) == before
    assert (books.legs, books.facts) == ([], [])


def test_invalid_fields_of_a_batch_are_reported_before_refusals(books):
    said = refused(
        books, batch(transfer(amount="0.001"), transfer(amount="999"), transfer(target=ALICES))
    )
    assert isinstance(said, errors.InvalidFields)
    assert [error.field for error in said.errors] == [
        "movements[0].amount",
        "movements[2].targetWalletId",
    ]


def test_batch_of_another_clients_wallet_is_not_found(books):
    order = batch(transfer(), client_id=ANOTHER)
    assert isinstance(refused(books, order), errors.NotFound)


def test_key_replays_its_batch_and_refuses_another(books):
    first = run(books, batch(transfer(), key="k"))
    again = run(books, batch(transfer(), key="k"))
    assert (again.id, again.replayed, again.legs) == (first.id, True, ())
    assert isinstance(refused(books, batch(transfer(), transfer(), key="k")), errors.Conflict)
    assert isinstance(refused(books, batch(transfer(amount="1"), key="k")), errors.Conflict)
    assert money_of(books) == (90_00, 0)


def test_batch_is_replayed_for_another_actor_and_request(books):
    by = By("staff:1", "another request")
    items: list[dict[str, Any]] = [{"concept": "Lunch"}, {"amount": "2"}]
    first = run(books, batch(*(transfer(**item) for item in items), key="k"))
    again = run(books, batch(*(transfer(**item, by=by) for item in items), key="k", by=by))
    assert (again.id, again.replayed) == (first.id, True)


def test_batch_names_the_rows_of_all_items(books):
    account = an_account(books)
    order = batch(transfer(), transfer(target=ANOTHERS), pay_out(account))
    assert set(order.needs.wallets) == {ALICES, BOBS, ANOTHERS}
    assert order.needs.resources == ((LockedAccount.table, account.id),)
    assert run(books, batch(pay_out(account))).legs[0].iban == "ES91"


def test_order_after_a_batch_sees_its_changes(books):
    run(books, batch(transfer(amount="90")))
    assert isinstance(refused(books, transfer(amount="10.01")), errors.InsufficientFunds)
    run(books, transfer(amount="10.00"))
    assert money_of(books, BOBS) == (100_00, 0)
