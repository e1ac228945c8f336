"""Operations: transfers of several payers, all of them or none."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

import pytest

from iocash import errors
from tests.support.books import (
    ALICES,
    ANOTHER,
    ANOTHERS,
    BOBS,
    CLIENT,
    USER,
    a_wallet,
    money_of,
    open_books,
    refused,
    transfer,
)
from tests.support.people import BY
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.limits import Allowance, Limits
from wallets.books.rows import LockedWallet
from wallets.orders.operations import TransferOperation
from wallets.orders.payments import Transfer
from wallets.posting.group import run

CAROLS, CAROL = new_id(), new_id()


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing, and a company has 10.00 EUR."""
    company = a_wallet(CAROLS, 10_00, user_id=CAROL)
    return open_books(a_wallet(ALICES, 100_00), a_wallet(BOBS), company)


def operation(*items: Transfer, **values: Any) -> TransferOperation:
    about: dict[str, Any] = {"client_id": UUID(int=CLIENT.int), "by": BY}
    return TransferOperation(**about | {"items": items} | values)


def rows(books: Books) -> list[LockedWallet]:
    return [dataclasses.replace(wallet) for wallet in books.wallets.values()]


def balances(books: Books) -> list[int]:
    return [money_of(books, wallet)[0] for wallet in (ALICES, BOBS, CAROLS)]


def items_of(refusal: errors.Refused) -> list[tuple[int, str]]:
    assert isinstance(refusal, errors.BatchRefused)
    return [(item["index"], item["code"]) for item in refusal.facts["items"]]


def test_operation_has_several_payers_and_payees(books):
    order = operation(
        transfer(ALICES, BOBS, "30"), transfer(CAROLS, BOBS, "10"), transfer(BOBS, CAROLS, "15")
    )
    outcome = run(books, order)
    assert (outcome.made, outcome.status) == ("operation", 201)
    assert balances(books) == [70_00, 25_00, 15_00]
    assert {leg.operation_id for leg in books.legs} == {outcome.id}
    assert len(books.facts) == 6


def test_operation_returns_both_legs_of_each_transfer_in_order(books):
    order = operation(transfer(ALICES, BOBS, "30"), transfer(BOBS, CAROLS, "15"))
    legs = run(books, order).legs
    assert [(leg.wallet_id, leg.amount, leg.balance_after) for leg in legs] == [
        (ALICES, -30_00, 70_00),
        (BOBS, 30_00, 30_00),
        (BOBS, -15_00, 15_00),
        (CAROLS, 15_00, 25_00),
    ]


def test_legs_are_in_turn_when_a_wallet_is_ahead_of_the_clock(books):
    """Its movement is later than the next one, between other wallets."""
    books.wallets[BOBS].settled_at = books.now
    other = a_wallet(new_id())
    books.wallets[other.id] = other
    legs = run(books, operation(transfer(ALICES, BOBS, "30"), transfer(CAROLS, other.id, "5"))).legs
    assert [leg.wallet_id for leg in legs] == [ALICES, BOBS, CAROLS, other.id]
    assert legs[0].created_at > legs[2].created_at


def test_each_transfer_sees_the_balances_left_by_earlier_ones(books):
    run(books, operation(transfer(ALICES, BOBS, "100"), transfer(BOBS, CAROLS, "100")))
    assert balances(books) == [0, 0, 110_00]
    early = operation(transfer(BOBS, ALICES, "100"), transfer(CAROLS, BOBS, "100"))
    assert items_of(refused(books, early)) == [(0, "insufficient_funds")]


def test_refusal_lists_each_refused_transfer_and_changes_nothing(books):
    books.wallets[CAROLS].status = "BLOCKED"
    yen = a_wallet(new_id(), currency="JPY")
    books.wallets[yen.id] = yen
    before = rows(books)
    order = operation(
        transfer(ALICES, BOBS, "60"),
        transfer(ALICES, BOBS, "40.01"),
        transfer(ALICES, CAROLS, "1"),
        transfer(ALICES, ANOTHERS, "1"),
        transfer(ANOTHERS, BOBS, "1"),
        transfer(ALICES, yen.id, "1"),
        transfer(ALICES, BOBS, "40"),
    )
    refusal = refused(books, order)
    assert items_of(refusal) == [
        (1, "insufficient_funds"),
        (2, "wallet_not_ready"),
        (3, "target_wallet_not_found"),
        (4, "source_wallet_not_found"),
        (5, "currency_mismatch"),
    ]
    items = refusal.facts["items"]
    assert (refusal.facts["refused"], refusal.facts["count"]) == (5, 7)
    assert (items[0]["wallet_id"], items[0]["available"]) == (ALICES, "40.00")
    assert items[3]["source_wallet_id"] == ANOTHERS
    assert rows(books) == before
    assert (books.legs, books.facts, books.used_keys) == ([], [], [])


def test_limits_count_in_sequence(books):
    """Of Carol, who may have 20.00 EUR: she has 10.00, and pays 5.00 between two receipts."""
    books.allowances[CAROL, "EUR"] = Allowance(CAROL, "EUR", Limits(20_00), 10_00)
    fits = (transfer(ALICES, CAROLS, "10"), transfer(CAROLS, BOBS, "5"))
    over = operation(*fits, transfer(ALICES, CAROLS, "5.01"))
    assert items_of(refused(books, over)) == [(2, "limit_exceeded")]
    assert books.allowances[CAROL, "EUR"].balance == 10_00
    run(books, operation(*fits, transfer(ALICES, CAROLS, "5")))
    assert books.allowances[CAROL, "EUR"].balance == 20_00
    last = operation(transfer(ALICES, CAROLS, "0.01"))
    assert items_of(refused(books, last)) == [(0, "limit_exceeded")]


def test_limit_does_not_count_between_wallets_of_one_owner(books):
    books.allowances[USER, "EUR"] = Allowance(USER, "EUR", Limits(100_00), 100_00)
    run(books, operation(transfer(ALICES, BOBS, "60"), transfer(BOBS, ALICES, "10")))
    assert books.allowances[USER, "EUR"].balance == 100_00
    received = operation(transfer(CAROLS, BOBS, "1"))
    assert items_of(refused(books, received)) == [(0, "limit_exceeded")]


def test_wrong_fields_are_named_before_refusals(books):
    order = operation(
        transfer(ALICES, BOBS, "0.001"),
        transfer(ALICES, BOBS, "999"),
        transfer(BOBS, BOBS, "1"),
        transfer(ANOTHERS, ANOTHERS, "1"),
        transfer(ANOTHERS, BOBS, "0.001"),
    )
    refusal = refused(books, order)
    assert isinstance(refusal, errors.InvalidFields)
    assert [(error.field, error.code) for error in refusal.errors] == [
        ("transfers[0].amount", "max_decimal_places"),
        ("transfers[2].targetWalletId", "same_wallet"),
        ("transfers[3].targetWalletId", "same_wallet"),
    ]


def test_wallets_of_another_client_are_unknown(books):
    order = operation(transfer(ALICES, BOBS, "1", client_id=ANOTHER), client_id=ANOTHER)
    assert items_of(refused(books, order)) == [(0, "source_wallet_not_found")]


def test_key_replays_its_operation_and_refuses_another(books):
    items = (transfer(ALICES, BOBS, "10"), transfer(BOBS, CAROLS, "5"))
    first = run(books, operation(*items, key="k"))
    again = run(books, operation(*items, key="k"))
    assert (again.made, again.id, again.replayed, again.legs) == ("operation", first.id, True, ())
    for others in (items[::-1], items[:1], (*items, transfer(ALICES, BOBS, "1"))):
        other = operation(*others, key="k")
        assert isinstance(refused(books, other), errors.IdempotencyKeyReused)
    assert balances(books) == [90_00, 5_00, 15_00]


def test_operation_needs_all_its_wallets_and_weighs_its_transfers():
    order = operation(transfer(ALICES, BOBS, "1"), transfer(CAROLS, BOBS, "1"))
    wallets = tuple(sorted((ALICES, BOBS, CAROLS)))
    assert order.needs.wallets == order.needs.settles == wallets
    assert order.needs.limits == (BOBS,)
    assert (order.weight, order.is_shared) == (2, True)


def test_order_after_an_operation_sees_its_changes(books):
    run(books, operation(transfer(ALICES, BOBS, "90")))
    assert isinstance(refused(books, transfer(amount="10.01")), errors.InsufficientFunds)
    run(books, transfer(BOBS, ALICES, "90"))
    assert balances(books)[0] == 100_00


def test_amount_above_the_highest_balance_is_refused_in_sequence(books):
    books.wallets[CAROLS].balance = 10**17 - 1_00
    order = operation(transfer(ALICES, CAROLS, "1"), transfer(ALICES, CAROLS, "0.01"))
    assert items_of(refused(books, order)) == [(1, "limit_exceeded")]
    back = transfer(CAROLS, ALICES, "0.01")
    run(books, operation(transfer(ALICES, CAROLS, "1"), back, transfer(ALICES, CAROLS, "0.01")))
