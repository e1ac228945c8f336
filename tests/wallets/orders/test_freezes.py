"""The verbs that freeze money: what each does to the books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from iocash import errors
from tests.support.books import (
    ALICES,
    ANOTHER,
    BOBS,
    NOW,
    a_hold,
    a_wallet,
    about,
    execute,
    money_of,
    open_books,
    place,
    refused,
    release,
    renew,
    transfer,
)
from users.models.events import By, Fact
from users.models.ids import new_id
from wallets.books import Books, chain
from wallets.books.hold_rows import LockedHold
from wallets.orders.freezes import FreezeAmount, LiftFreeze
from wallets.posting.group import run

CASE, ALONE = 7, By("staff:1")


def freeze(amount: str = "30.00", **values: Any) -> FreezeAmount:
    order = about(amount=Decimal(amount), case_id=CASE, concept="Court order")
    return FreezeAmount(**order | values)


def lift(frozen: LockedHold, **values: Any) -> LiftFreeze:
    order = about(frozen.wallet_id, freeze_id=frozen.id, reason="Revoked")
    return LiftFreeze(**order | values)


def a_freeze(books: Books, amount: str = "30.00") -> LockedHold:
    return books.holds[run(books, freeze(amount)).id]


def facts_of(books: Books) -> list[Fact]:
    return [fact for fact in books.facts if fact.kind.startswith("wallet.amount_")]


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


def test_freeze_holds_money_for_nobody(books):
    outcome = run(books, freeze("30.00"))
    assert (outcome.made, outcome.status, outcome.legs) == ("hold", 201, ())
    frozen = books.holds[outcome.id]
    assert money_of(books) == (100_00, 30_00)
    assert (frozen.target_id, frozen.case_id, frozen.expires_at) == (None, CASE, None)
    assert (frozen.amount, frozen.remaining, frozen.status) == (30_00, 30_00, "OPEN")
    assert (frozen.concept, frozen.reason) == ("Court order", None)
    assert frozen.digest == chain.digest_hold(frozen)


@pytest.mark.parametrize("change", [{"case_id": 8}, {"amount": 1}, {"target_id": BOBS}])
def test_digest_of_a_freeze_covers_its_facts(books, change):
    frozen = a_freeze(books)
    for name, value in change.items():
        setattr(frozen, name, value)
    assert frozen.digest != chain.digest_hold(frozen)


def test_frozen_money_can_not_be_spent(books):
    frozen = a_freeze(books, "90.01")
    refusal = refused(books, transfer(amount="10.00"))
    assert (refusal.code, refusal.facts["available"]) == ("insufficient_funds", "9.99")
    assert refused(books, place("10.00")).code == "insufficient_funds"
    run(books, lift(frozen))
    run(books, transfer(amount="100.00"))
    assert money_of(books) == (0, 0)


def test_freeze_of_more_than_is_available_says_how_much_is(books):
    a_hold(books, "40.00")
    a_freeze(books, "30.00")
    refusal = refused(books, freeze("30.01"))
    assert refusal.code == "insufficient_funds"
    assert (refusal.facts["available"], refusal.facts["required"]) == ("30.00", "30.01")
    run(books, freeze("30.00"))
    assert money_of(books) == (100_00, 100_00)


@pytest.mark.parametrize("state", [{"status": "BLOCKED"}, {"owner": "BLOCKED"}])
def test_blocked_money_is_frozen_and_unfrozen(state):
    books = open_books(a_wallet(ALICES, 100_00, **state))
    frozen = a_freeze(books)
    assert money_of(books) == (100_00, 30_00)
    run(books, lift(frozen))
    assert money_of(books) == (100_00, 0)


def test_closed_wallet_is_not_frozen():
    books = open_books(a_wallet(ALICES, status="UNSUBSCRIBED"))
    refusal = refused(books, freeze())
    assert isinstance(refusal, errors.WalletNotReady)


@pytest.mark.parametrize("amount", ["0", "-1.00", "0.001"])
def test_freeze_needs_an_amount_of_the_currency(books, amount):
    assert refused(books, freeze(amount)).code == "invalid_fields"


def test_freeze_is_lifted_as_a_whole(books):
    frozen = a_freeze(books)
    outcome = run(books, lift(frozen))
    assert (outcome.made, outcome.id, outcome.status) == ("hold", frozen.id, 200)
    assert (frozen.status, frozen.remaining, frozen.ended_at) == ("RELEASED", 0, NOW)
    assert (frozen.concept, frozen.reason) == ("Court order", "Revoked")
    assert money_of(books) == (100_00, 0)
    assert books.changed_holds == [frozen]


def test_second_lift_is_refused(books):
    frozen = a_freeze(books)
    run(books, lift(frozen))
    assert refused(books, lift(frozen)).code == "hold_not_open"
    assert money_of(books) == (100_00, 0)


def test_no_order_about_holds_sees_a_freeze(books):
    frozen = a_freeze(books)
    for order in (
        release(frozen),
        renew(frozen, None),
        execute(frozen, target_id=BOBS),
        execute(frozen, "1.00", target_id=BOBS, keep_open=True),
    ):
        assert isinstance(refused(books, order), errors.NotFound)
    assert money_of(books) == (100_00, 30_00)
    assert frozen.remaining == 30_00


def test_lift_sees_no_other_hold(books):
    hold, frozen = a_hold(books), a_freeze(books)
    for order in (
        lift(hold),
        lift(frozen, wallet_id=BOBS),
        lift(frozen, client_id=ANOTHER),
        lift(frozen, freeze_id=new_id()),
    ):
        assert isinstance(refused(books, order), errors.NotFound)


def test_freeze_never_expires(books):
    frozen = a_freeze(books)
    books.expire_holds()
    assert frozen.status == "OPEN"
    assert books.wallets[ALICES].next_expiry is None


def test_freeze_is_recorded_with_its_amount_and_case(books):
    frozen = a_freeze(books)
    run(books, lift(frozen))
    data = {"freeze": str(frozen.id), "case": "7", "amount": 30_00, "currency": "EUR"}
    placed, lifted = facts_of(books)
    assert (placed.kind, lifted.kind) == ("wallet.amount_frozen", "wallet.amount_unfrozen")
    for fact in (placed, lifted):
        assert (fact.subject, fact.subject_id, fact.wallet_id) == ("wallet", ALICES, ALICES)
        assert fact.data | data == fact.data
    assert (placed.data["held"], lifted.data["held"]) == (30_00, 0)


@pytest.mark.parametrize("by", [By("system:tests"), By("staff:1", approval=new_id())])
def test_system_and_two_people_lift_a_freeze_and_one_person_does_not(books, by):
    frozen = a_freeze(books)
    with pytest.raises(errors.ApprovalRequired):
        run(books, lift(frozen, by=ALONE))
    assert frozen.status == "OPEN"
    run(books, lift(frozen, by=by))
    with pytest.raises(errors.HoldNotOpen):
        run(books, lift(frozen, by=ALONE))
