"""What the verbs of the ledger do and refuse."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from iocash import errors, money
from tests.support import people
from users.models import Event, Key
from wallets import posting
from wallets.models import Movement
from wallets.posting import group

pytestmark = pytest.mark.django_db


def nothing_happened() -> bool:
    """Only the 100.00 that Alice has from the beginning were ever moved."""
    return Movement.objects.count() == 1 and not Key.objects.exists()


def test_cash_in_increases_the_balance(bobs):
    people.cash_in(bobs, 10_00)
    people.cash_in(bobs, 1)
    assert people.balances(bobs) == [10_01]


def test_a_cash_in_is_one_movement_without_a_counterparty(bobs):
    made = people.cash_in(bobs, 10_00, concept="Card", metadata={"order": "1"})
    (movement,) = people.movements(bobs)
    assert movement.id == made.id
    assert (movement.type, movement.status, movement.amount) == ("CASH_IN", "SUCCESS", 10_00)
    assert (movement.counterparty_id, movement.balance_after, movement.seq) == (None, 10_00, 1)
    assert (movement.concept, movement.metadata) == ("Card", {"order": "1"})


def test_transfer_moves_money_between_two_wallets(alices, bobs):
    people.transfer(alices, bobs, 10_00)
    assert people.balances(alices, bobs) == [90_00, 10_00]


def test_transfer_has_one_movement_per_wallet_and_one_operation(alices, bobs):
    made = people.transfer(alices, bobs, 10_00, concept="Lunch")
    (_, out), (into,) = people.movements(alices), people.movements(bobs)
    assert out.id == made.id
    assert out.operation_id == into.operation_id
    assert (out.amount, out.counterparty_id, out.balance_after) == (-10_00, bobs.id, 90_00)
    assert (into.amount, into.counterparty_id, into.balance_after) == (10_00, alices.id, 10_00)
    assert {out.concept, into.concept} == {"Lunch"}
    assert {out.currency, into.currency} == {"EUR"}


def test_all_that_is_available_may_be_transferred(alices, bobs):
    people.transfer(alices, bobs, 100_00)
    assert people.balances(alices, bobs) == [0, 100_00]


def test_transfer_of_more_than_available_is_refused(alices, bobs):
    with pytest.raises(errors.InsufficientFunds) as refused:
        people.transfer(alices, bobs, 100_01)
    assert refused.value.facts["available"] == "100.00"
    assert people.balances(alices, bobs) == [100_00, 0]
    assert nothing_happened()


def test_money_may_be_transferred_between_wallets_of_one_user(alice, alices):
    second = people.a_wallet(alice)
    people.transfer(alices, second, 40_00)
    assert people.balances(alices, second) == [60_00, 40_00]


def test_each_movement_has_one_event_with_its_wallet(alices, bobs):
    people.transfer(alices, bobs, 10_00)
    for movement in Movement.objects.all():
        event = Event.objects.get(subject_id=movement.id)
        assert (event.kind, event.wallet_id) == ("movement.settled", movement.wallet_id)
        assert (event.actor, event.request_id) == ("system:tests", "test")
        after = {"balance": movement.balance_after, "held": 0, "seq": movement.seq}
        assert event.data == after


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["0.001", "0", "-1"])
def test_invalid_amount_for_the_currency_is_an_invalid_field(alices, bobs, amount):
    for order in (people.a_transfer(alices, bobs, 1), people.a_cash_in(alices, 1)):
        with pytest.raises(errors.InvalidFields):
            posting.submit(dataclasses.replace(order, amount=Decimal(amount)))
    assert nothing_happened()


def test_transfer_to_the_same_wallet_is_an_invalid_field(alices):
    with pytest.raises(errors.InvalidFields) as refused:
        people.transfer(alices, alices, 1_00)
    assert [(error.field, error.code) for error in refused.value.errors] == [
        ("targetWalletId", "same_wallet")
    ]
    assert nothing_happened()


def test_wallets_of_two_currencies_are_refused(alices, bob):
    dollars = people.a_wallet(bob, "USD")
    with pytest.raises(errors.CurrencyMismatch) as refused:
        people.transfer(alices, dollars, 1_00)
    facts = {"wallet_id": dollars.id, "currency": "USD", "order_currency": "EUR"}
    assert refused.value.facts == facts
    assert nothing_happened()


@pytest.mark.parametrize("index", [0, 1])
def test_a_blocked_wallet_neither_pays_nor_receives(alices, bobs, index):
    blocked = (alices, bobs)[index]
    people.block(blocked)
    with pytest.raises(errors.WalletNotReady) as refused:
        people.transfer(alices, bobs, 1_00)
    assert refused.value.facts == {"wallet_id": blocked.id, "status": "BLOCKED"}
    with pytest.raises(errors.WalletNotReady):
        people.cash_in(blocked, 1_00)
    assert nothing_happened()


def test_a_closed_wallet_receives_nothing(alices, bobs):
    people.close(bobs)
    with pytest.raises(errors.WalletNotReady) as refused:
        people.transfer(alices, bobs, 1_00)
    assert refused.value.facts == {"wallet_id": bobs.id, "status": "UNSUBSCRIBED"}
    with pytest.raises(errors.WalletNotReady):
        people.cash_in(bobs, 1_00)
    assert nothing_happened()


@pytest.mark.parametrize("index", [0, 1])
def test_the_wallet_of_a_blocked_user_neither_pays_nor_receives(alice, bob, alices, bobs, index):
    blocked, wallet = ((alice, alices), (bob, bobs))[index]
    people.block(blocked)
    with pytest.raises(errors.UserNotActive) as refused:
        people.transfer(alices, bobs, 1_00)
    assert refused.value.facts == {"user_id": blocked.id, "status": "BLOCKED"}
    with pytest.raises(errors.UserNotActive):
        people.cash_in(wallet, 1_00)
    assert nothing_happened()


def test_unknown_wallet_is_not_found(alices):
    unknown = dataclasses.replace(
        people.a_transfer(alices, alices, 1), target_id=people.unknown_id()
    )
    with pytest.raises(errors.TargetWalletNotFound) as refused:
        posting.submit(unknown)
    assert refused.value.facts == {"target_wallet_id": people.unknown_id()}
    unknown = dataclasses.replace(unknown, wallet_id=people.unknown_id(), target_id=alices.id)
    with pytest.raises(errors.NotFound):
        posting.submit(unknown)


def test_another_clients_wallets_are_not_found(alices, bobs):
    another = people.a_client("Another")
    with pytest.raises(errors.NotFound):
        posting.submit(dataclasses.replace(people.a_cash_in(bobs, 1_00), client_id=another.id))
    with pytest.raises(errors.NotFound):
        posting.submit(
            dataclasses.replace(people.a_transfer(alices, bobs, 1_00), client_id=another.id)
        )
    theirs = people.first_wallet(people.a_user(another, people.ALICE))
    with pytest.raises(errors.TargetWalletNotFound):
        people.transfer(alices, theirs, 1_00)
    assert nothing_happened()


# --- Limits --------------------------------------------------------------------------------------

LONGEST = 10**money.MAX_DIGITS - 1
"""The largest amount of one order: 9,999,999,999,999.99 EUR."""


def test_balance_reaches_its_maximum_and_never_exceeds_it(alices, bobs):
    rest = money.MAX_BALANCE - 100 * LONGEST
    order = people.a_cash_in(bobs, LONGEST)
    assert all(not isinstance(outcome, errors.Refused) for outcome in group.post([order] * 100))
    people.cash_in(bobs, rest)
    assert people.balances(bobs) == [money.MAX_BALANCE]
    for one_too_many in (people.a_cash_in(bobs, 1), people.a_transfer(alices, bobs, 1)):
        with pytest.raises(errors.LimitExceeded) as refused:
            posting.submit(one_too_many)
        assert refused.value.facts["limit"] == refused.value.facts["used"] == "1000000000000000.00"
    assert people.balances(alices, bobs) == [100_00, money.MAX_BALANCE]


@pytest.mark.parametrize(
    ("currency", "amount", "decimals"), [("JPY", 10, "10"), ("KWD", 1, "0.001"), ("USD", 5, "0.05")]
)
def test_each_currency_has_its_own_minor_unit(alice, bob, currency, amount, decimals):
    source, target = people.a_wallet(alice, currency), people.a_wallet(bob, currency)
    people.cash_in(source, amount)
    order = dataclasses.replace(people.a_transfer(source, target, 1), amount=Decimal(decimals))
    posting.submit(order)
    assert people.balances(source, target) == [0, amount]
