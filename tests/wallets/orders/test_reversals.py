"""The verb that gives back: what it does to the books."""

from __future__ import annotations

import dataclasses

import pytest

from iocash import errors, money
from tests.support.books import (
    ALICES,
    ANOTHERS,
    BOBS,
    LATER,
    cash_in,
    give_back,
    money_of,
    open_books,
    refused,
    transfer,
    written,
)
from users.models.ids import new_id
from wallets.books import Books
from wallets.posting.group import run


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


# --- Reversing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by_payer", [True, False])
def test_transfer_is_reversed_by_either_leg(books, by_payer):
    into, out = written(books, transfer(amount="10.00"))
    named, mirror = (out, into) if by_payer else (into, out)
    (made,) = run(books, give_back(named, mirror, concept="Sorry")).legs
    assert (money_of(books), money_of(books, BOBS)) == ((100_00, 0), (0, 0))
    legs = {leg.wallet_id: leg for leg in books.legs[2:]}
    assert (legs[ALICES].amount, legs[BOBS].amount) == (10_00, -10_00)
    assert (legs[ALICES].reversal_of_id, legs[BOBS].reversal_of_id) == (out.id, into.id)
    assert {leg.type for leg in legs.values()} == {"REVERSAL"}
    assert (made.wallet_id, made.concept) == (named.wallet_id, "Sorry")
    assert all(books.wallets[each].is_changed for each in (ALICES, BOBS))


def test_partial_reversals_never_exceed_the_movement(books):
    into, out = written(books, transfer(amount="10.00"))
    run(books, give_back(out, into, "4.00"))
    said = refused(books, give_back(into, out, "6.01"))
    assert isinstance(said, errors.ReversalExceeded)
    assert said.facts == {
        "movement_id": into.id,
        "amount": "10.00",
        "reversed": "4.00",
        "left": "6.00",
        "requested": "6.01",
        "currency": "EUR",
    }
    run(books, give_back(into, out))
    assert money_of(books) == (100_00, 0)
    for leg, mirror in ((out, into), (into, out)):
        said = refused(books, give_back(leg, mirror))
        assert said.facts["left"] == said.facts["requested"] == "0.00"


def test_earlier_reversals_count_towards_the_amount(books):
    into, out = written(books, transfer(amount="10.00"))
    books.reversed = {out.id: 9_99, into.id: 9_99}
    assert isinstance(refused(books, give_back(out, into, "0.02")), errors.ReversalExceeded)
    run(books, give_back(out, into, "0.01"))


def test_cash_in_is_reversed_without_a_counterparty(books):
    (leg,) = written(books, cash_in(amount="50.00"))
    (made,) = run(books, give_back(leg, None, "20.00")).legs
    assert (made.amount, made.counterparty_id, made.reversal_of_id) == (-20_00, None, leg.id)
    assert money_of(books) == (130_00, 0)
    assert isinstance(refused(books, give_back(leg, None, "30.01")), errors.ReversalExceeded)
    books.wallets[ALICES].held = 130_00
    assert isinstance(refused(books, give_back(leg, None)), errors.InsufficientFunds)
    books.wallets[ALICES].status = "BLOCKED"
    assert isinstance(refused(books, give_back(leg, None)), errors.WalletNotReady)


def test_reversal_is_refused_when_the_payee_lacks_funds(books):
    into, out = written(books, transfer(amount="10.00"))
    books.wallets[BOBS].held = 1
    said = refused(books, give_back(out, into))
    assert isinstance(said, errors.InsufficientFunds)
    assert said.facts["wallet_id"] == BOBS
    assert (said.facts["available"], said.facts["required"]) == ("9.99", "10.00")


@pytest.mark.parametrize("who", [ALICES, BOBS])
def test_reversal_is_refused_when_a_wallet_is_blocked(books, who):
    into, out = written(books, transfer())
    books.wallets[who].status = "BLOCKED"
    assert isinstance(refused(books, give_back(out, into)), errors.WalletNotReady)


def test_reversal_above_the_maximum_balance_is_refused(books):
    into, out = written(books, transfer())
    books.wallets[ALICES].balance = money.MAX_BALANCE
    assert isinstance(refused(books, give_back(out, into)), errors.LimitExceeded)


@pytest.mark.parametrize("kind", ["CASH_OUT", "REVERSAL", "ADJUSTMENT"])
def test_other_movement_types_are_not_reversible(books, kind):
    into, out = written(books, transfer())
    out.type = kind
    said = refused(books, give_back(out, into))
    assert isinstance(said, errors.MovementNotReversible)
    assert said.facts == {"movement_id": out.id, "type": kind}


def test_movement_of_another_wallet_is_not_found(books):
    into, out = written(books, transfer())
    assert isinstance(refused(books, give_back(out, into, wallet_id=BOBS)), errors.NotFound)
    assert isinstance(refused(books, give_back(out, into, "0.001")), errors.InvalidFields)


@pytest.mark.parametrize(
    "change",
    [
        {"operation_id": new_id()},
        {"counterparty_id": None},
        {"wallet_id": ANOTHERS},
        {"created_at": LATER},
        {"amount": 10_01},
    ],
)
def test_wrong_mirror_movement_raises_inconsistent(books, change):
    into, out = written(books, transfer())
    wrong = dataclasses.replace(into, id=new_id(), **change)
    books.movements[wrong.id] = wrong
    with pytest.raises(errors.Inconsistent, match="another movement's"):
        run(books, give_back(out, wrong))
    with pytest.raises(errors.Inconsistent, match="two legs"):
        run(books, give_back(out, None))
