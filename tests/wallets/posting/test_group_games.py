"""What is posted in one transaction is what would have been, one after the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from iocash import errors
from iocash.db import outcome
from iocash.db.outcome import CommitOutcome
from tests.support import people
from tests.support.limits import a_cash_out
from tests.support.lossy_wire import cut_at_commit
from users.models import Event, Key
from wallets import audit, posting
from wallets.models import Hold, Movement, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CancelCashOut
from wallets.orders.holds import ReleaseHold, RenewHold
from wallets.orders.payments import Adjust
from wallets.posting import group

GAMES = 16


class Orders:
    """Draws orders about the wallets of Alice and Bob: of the things that are there, and wrong."""

    def __init__(self, seed: int, alices: Wallet, bobs: Wallet) -> None:
        self.chance = random.Random(seed)
        self.pair = [alices, bobs]
        self.hold = people.place(alices, bobs, 20_00)
        self.cash_out = Movement.objects.get(id=posting.submit(a_cash_out(alices, 15_00)).id)
        self.paid = Movement.objects.get(id=people.transfer(alices, bobs, 10_00).id)
        self.verbs: list[Callable[[], Order]] = [
            self.transfer,
            self.transfer,
            self.bring,
            self.take_out,
            self.promise,
            self.execute,
            self.release,
            self.renew,
            self.cancel,
            self.reverse,
            self.correct,
            self.batch,
            self.operate,
        ]

    def draw(self) -> Order:
        return self.chance.choice(self.verbs)()

    @property
    def amount(self) -> int:
        return self.chance.choice([1, 5_00, 12_34, 50_00, 90_00])

    @property
    def key(self) -> str | None:
        return self.chance.choice([None, None, "k", "l"])

    def two(self) -> list[Wallet]:
        return self.chance.sample(self.pair, 2)

    def transfer(self) -> Order:
        payer, payee = self.two()
        return people.a_transfer(payer, payee, self.amount, key=self.key)

    def bring(self) -> Order:
        return people.a_cash_in(self.two()[0], self.amount, key=self.key)

    def take_out(self) -> Order:
        return a_cash_out(self.two()[0], self.amount, key=self.key)

    def promise(self) -> Order:
        soon = timezone.now() + timedelta(hours=1)
        payer, payee = self.two()
        return people.a_hold(payer, payee, self.amount, key=self.key, expires_at=soon)

    def execute(self) -> Order:
        return people.an_execution(self.hold, self.chance.choice([None, 1, 15_00]), key=self.key)

    def release(self) -> Order:
        return people.about_hold(ReleaseHold, self.hold)

    def renew(self) -> Order:
        seen = frozenset({self.hold.version, "another"}) if self.chance.random() < 0.5 else None
        return people.about_hold(RenewHold, self.hold, expires_at=None, if_match=seen)

    def cancel(self) -> Order:
        return CancelCashOut(**people.about(self.pair[0]), movement_id=self.cash_out.id)

    def reverse(self) -> Order:
        return people.a_reversal(self.paid, self.chance.choice([None, 1, 6_00]), key=self.key)

    def correct(self) -> Order:
        amount, is_debit = people.decimal(self.amount, "EUR"), self.chance.random() < 0.5
        return Adjust(**people.about(self.two()[0]), amount=amount, is_debit=is_debit)

    def batch(self) -> Order:
        payer, payee = self.two()
        number = self.chance.randint(1, 3)
        items = tuple(people.a_transfer(payer, payee, self.amount) for _ in range(number))
        return Batch(**people.about(payer), key=self.key, items=items)

    def operate(self) -> Order:
        number = self.chance.randint(1, 4)
        transfers = (
            people.a_transfer(payer, payee, self.amount)
            for payer, payee in (self.two() for _ in range(number))
        )
        return people.an_operation(*transfers, key=self.key)


def left_by(post: Callable[[Sequence[Order]], Sequence[Any]], orders: Sequence[Order]) -> Any:
    """Post the orders, tell what came of each and of the wallets; and undo it all."""
    with transaction.atomic():
        told = [said(answer) for answer in post(orders)]
        wallets = [*Wallet.objects.order_by("id").values_list("balance", "held", "seq", "received")]
        holds = [*Hold.objects.order_by("id").values_list("status", "remaining", "amount")]
        moved = [*Movement.objects.order_by("id").values_list("type", "status", "amount", "seq")]
        kept = [*Key.objects.order_by("key").values_list("key", "made", "status")]
        counts = Event.objects.count()
        transaction.set_rollback(True)
    return told, wallets, holds, sorted(moved, key=str), kept, counts


def together(orders: Sequence[Order]) -> Sequence[Any]:
    answers = group.post(orders)
    assert not [str(finding) for _, finding in audit.findings() if finding]
    return answers


def said(answer: Outcome | errors.Refused) -> Any:
    if isinstance(answer, Outcome):
        return answer.made, answer.status, answer.replayed, len(answer.legs)
    return answer.code, {name: value for name, value in answer.facts.items() if name != "id"}


def one_by_one(orders: Sequence[Order]) -> list[Any]:
    return [answer for order in orders for answer in group.post([order])]


@pytest.mark.parametrize("seed", range(GAMES))
def test_group_has_the_same_result_as_its_orders_in_sequence(alices, bobs, seed):
    orders = Orders(seed, alices, bobs)
    drawn = [orders.draw() for _ in range(orders.chance.randint(2, 12))]
    assert left_by(together, drawn) == left_by(one_by_one, drawn)


# --- When nobody can tell whether it was committed -----------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_done", [True, False])
def test_refused_order_gets_database_unavailable_when_its_group_is_unknown(
    alices, bobs, monkeypatch, is_done
):
    """Its refusal may rest on what was lost: to be told to try again is right in any case."""
    monkeypatch.setattr(outcome, "find_out", lambda *about: CommitOutcome.UNKNOWN)
    orders = [people.a_transfer(alices, bobs, 60_00), people.a_transfer(alices, bobs, 60_00)]
    with cut_at_commit(is_done=is_done):
        answers = posting.post_group(orders, lambda: None)
    assert [type(each) for each in answers] == [errors.OutcomeUnknown, errors.DatabaseUnavailable]
    assert people.balances(bobs) == [60_00 if is_done else 0]
