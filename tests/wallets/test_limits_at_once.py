"""Several at once, in all wallets of a user: together they pass no limit.

Orders are posted without `submit`: its retries would hide a deadlock.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest

from iocash import errors
from iocash.db.pipeline import Pipeline
from tests.support import people, threads
from tests.support.limits import LEVELS, a_cash_out, adjust, put
from tests.support.threads import kinds, post, waiting
from users.models import User
from wallets import compliance, posting
from wallets.models import Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CancelCashOut

pytestmark = pytest.mark.django_db(transaction=True)

LOW, HIGH = UUID(int=1), UUID("ffffffff-0000-7000-8000-000000000002")


@pytest.fixture(autouse=True)
def levels(settings):
    settings.KYC_LIMITS = LEVELS


def wallets_of(user: User, number: int) -> list[Wallet]:
    """The user's first wallet, and so many as are missing."""
    return [people.first_wallet(user), *(people.a_wallet(user) for _ in range(number - 1))]


def limit(answer: object) -> tuple[str, str]:
    """Which limit was passed, and what was used of it."""
    assert isinstance(answer, errors.LimitExceeded), answer
    return answer.facts["limit_type"], answer.facts["used"]


def post_all(*orders: Order) -> list[object]:
    """Post one after the other, each in its own transaction."""
    return [post(order) for order in orders]


# --- One waits for the other ---------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
def test_cash_in_waits_for_a_cash_in_of_another_wallet(alice, turned):
    wallets = wallets_of(alice, 2)
    one, other = wallets[::-1] if turned else wallets
    answer = waiting(people.a_cash_in(other, 60_00), people.a_cash_in(one, 100_00))
    assert limit(answer) == ("balance", "100.00")
    assert people.balances(one, other) == [100_00, 0]


def test_waiting_cash_in_counts_money_received_and_spent_meanwhile(alice, bob):
    one, other = wallets_of(alice, 2)
    bobs = people.first_wallet(bob)
    people.cash_in(one, 100_00)
    moved = [people.a_cash_in(one, 40_00), people.a_transfer(one, bobs, 140_00)]
    assert limit(waiting(people.a_cash_in(other, 60_01), *moved)) == ("cashIn", "140.00")


@pytest.mark.parametrize("turned", [False, True])
def test_cash_out_waits_for_a_cash_out_of_another_wallet(alice, turned):
    wallets = wallets_of(alice, 2)
    for wallet in wallets:
        people.cash_in(wallet, 70_00)
    one, other = wallets[::-1] if turned else wallets
    answer = waiting(a_cash_out(other, 40_00), a_cash_out(one, 60_00))
    assert limit(answer) == ("cashOut", "60.00")


def test_transfer_waits_for_a_cash_in_of_another_wallet_of_the_payee(alices, bob):
    one, other = wallets_of(bob, 2)
    answer = waiting(people.a_transfer(alices, other, 60_00), people.a_cash_in(one, 100_00))
    assert limit(answer) == ("balance", "100.00")


def test_execution_waits_for_a_cash_in_of_another_wallet_of_the_payee(alices, bob):
    one, other = wallets_of(bob, 2)
    hold = people.place(alices, other, 60_00)
    answer = waiting(people.an_execution(hold), people.a_cash_in(one, 100_00))
    assert limit(answer) == ("balance", "100.00")


def test_batch_waits_for_a_cash_in_of_another_wallet_of_a_payee(alices, bob):
    one, other = wallets_of(bob, 2)
    items = (people.a_transfer(alices, other, 30_00), people.a_transfer(alices, other, 30_00))
    answer = waiting(Batch(**people.about(alices), items=items), people.a_cash_in(one, 100_00))
    assert isinstance(answer, errors.BatchRefused)
    assert [(item["index"], item["used"]) for item in answer.facts["items"]] == [(1, "130.00")]


def test_waiting_cash_out_sees_a_concurrent_cancellation(alice):
    one, other = wallets_of(alice, 2)
    people.cash_in(one, 50_00)
    people.cash_in(other, 100_00)
    movement = posting.submit(a_cash_out(one, 50_00))
    cancel = CancelCashOut(**people.about(one), movement_id=movement.id)
    assert limit(post(a_cash_out(other, 90_00))) == ("cashOut", "50.00")
    assert isinstance(waiting(a_cash_out(other, 90_00), cancel), Outcome)


@pytest.mark.parametrize("wallet_id", [LOW, HIGH])
def test_waiting_cash_in_counts_money_of_a_wallet_opened_meanwhile(alice, wallet_id):
    """It is not among the wallets that were there to be locked when the order came."""
    opening = put(wallet_id, alice)
    new = Wallet(id=wallet_id, client_id=alice.client_id)
    order = people.a_cash_in(people.first_wallet(alice), 100_00)
    answer = waiting(order, opening, also=partial(people.cash_in, new, 100_00))
    assert limit(answer) == ("balance", "100.00")


@pytest.mark.parametrize("wallet_id", [LOW, HIGH])
def test_cash_in_of_a_new_wallet_waits_for_an_older_transaction(alice, wallet_id):
    """The wallets that were there before are locked by both."""
    first = people.first_wallet(alice)
    posting.submit(put(wallet_id, alice))
    new = Wallet.objects.get(id=wallet_id)
    assert limit(waiting(people.a_cash_in(new, 60_00), people.a_cash_in(first, 100_00)))


# --- At the same moment --------------------------------------------------------------------------


@pytest.mark.parametrize("attempt", range(5))
def test_two_concurrent_cash_ins_do_not_exceed_the_limit(alice, attempt):
    wallets = wallets_of(alice, 2)
    answers = threads.at_once(*[partial(post, people.a_cash_in(each, 76_00)) for each in wallets])
    assert kinds(answers) == {"Outcome": 1, "LimitExceeded": 1}


def test_concurrent_cash_ins_of_five_wallets_reach_exactly_the_limit(alice):
    wallets = wallets_of(alice, 5)
    orders = [people.a_cash_in(wallets[n % 5], 10_00) for n in range(16)]
    calls = [partial(post_all, order, order) for order in orders]
    answers = [answer for both in threads.at_once(*calls) for answer in both]
    assert kinds(answers) == {"Outcome": 15, "LimitExceeded": 17}
    assert sum(people.balances(*wallets)) == 150_00


def test_concurrent_payers_fill_the_payees_wallets_up_to_the_limit(client_demo, bob):
    """The limit has to do with the payee: its payers are many, and know nothing of each other."""
    payers = [a_payer(client_demo, number) for number in range(8)]
    targets = wallets_of(bob, 2)
    orders = [
        people.a_transfer(payer, targets[n % 2], 12_00)
        for n, payer in enumerate(payer for payer in payers for _ in range(2))
    ]
    answers = threads.at_once(*[partial(post, order) for order in orders])
    assert kinds(answers) == {"Outcome": 12, "LimitExceeded": 4}
    assert sum(people.balances(*targets)) == 144_00
    assert sum(people.balances(*payers)) == 8 * 30_00 - 144_00


def a_payer(client: Any, number: int) -> Wallet:
    names = {"user_name": f"alice {number}", "mobile_phone": f"+3460000010{number}"}
    wallet = people.first_wallet(people.a_user(client, people.ALICE | names))
    people.cash_in(wallet, 30_00)
    return wallet


def test_concurrent_cash_outs_of_two_wallets_do_not_exceed_the_limit(alice):
    wallets = wallets_of(alice, 2)
    for wallet in wallets:
        people.cash_in(wallet, 75_00)
    orders = [a_cash_out(wallets[n % 2], 15_00) for n in range(10)]
    answers = threads.at_once(*[partial(post, order) for order in orders])
    assert kinds(answers) == {"Outcome": 6, "LimitExceeded": 4}
    assert sum(Wallet.objects.values_list("held", flat=True)) == 90_00


def test_wallet_opened_meanwhile_does_not_raise_the_limit(alice):
    """Whoever opens a wallet and fills it is one of those who fill the others."""
    wallets = wallets_of(alice, 2)

    new = [Wallet(id=wallet_id, client_id=alice.client_id) for wallet_id in (LOW, HIGH)]
    fill = {wallet.id: [people.a_cash_in(wallet, 10_00)] * 8 for wallet in wallets + new}
    calls = [partial(post_all, put(each.id, alice), *fill[each.id]) for each in new]
    calls += [partial(post_all, *fill[each.id]) for each in wallets]
    answers = [answer for each in threads.at_once(*calls) for answer in each]
    assert kinds(answers) == {"Outcome": 2 + 15, "LimitExceeded": 17}
    assert sum(Wallet.objects.values_list("balance", flat=True)) == 150_00


def test_mutual_payments_never_deadlock(alice, bob):
    """Each payment locks all wallets of its payee besides the payer's own one."""
    alices, bobs = wallets_of(alice, 3), wallets_of(bob, 3)
    for wallet in alices + bobs:
        adjust(wallet, 20_00)

    def orders(ones: list[Wallet], others: list[Wallet], turn: int) -> list[Order]:
        one, next_one = ones[turn % 3], ones[(turn + 1) % 3]
        payments = [people.a_transfer(one, other, 50) for other in others]
        batch = Batch(
            **people.about(next_one), items=(people.a_transfer(next_one, others[turn], 50),)
        )
        return [
            *payments,
            batch,
            people.a_transfer(one, next_one, 10),
            people.a_cash_in(ones[2], 10),
        ]

    sides = [(alices, bobs), (bobs, alices)]
    calls = [partial(post_all, *orders(*side, n) * 4) for n in range(3) for side in sides]
    answers = [answer for each in threads.at_once(*calls) for answer in each]
    assert kinds(answers) == {"Outcome": 6 * 6 * 4}
    assert sum(people.balances(*alices, *bobs)) == 120_00 + 6 * 4 * 10


def test_compliance_is_answered_while_a_wallet_is_opened_and_filled(alice, settings, monkeypatch):
    """Between two statements somebody else brings money in a currency that was not there."""
    settings.KYC_LIMITS = {"EUR": {"0": {}}}
    Wallet.objects.filter(user=alice).update(currency="USD")
    send = Pipeline.send

    def one_by_one(pipeline: Pipeline) -> None:
        monkeypatch.setattr(Pipeline, "send", send)
        first, *others = pipeline.asked
        pipeline.asked = [first]
        send(pipeline)
        assert threads.Caller(open_and_fill).answer is None
        pipeline.asked = others
        send(pipeline)

    def open_and_fill() -> None:
        posting.submit(put(LOW, alice))
        people.cash_in(Wallet.objects.get(id=LOW), 1_00)

    monkeypatch.setattr(Pipeline, "send", one_by_one)
    assert {each.currency for each in compliance.of(alice.client_id, alice.id).allowances} == {
        "EUR",
        "USD",
    }
