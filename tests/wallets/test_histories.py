"""Long histories of many callers: all that was acknowledged is there, in an order, and no more.

One hot wallet and many cold ones; callers move money among them at random with every verb, and
write down what they were told. Somebody looks on: whenever it looks, all money is there.
"""

from __future__ import annotations

import itertools
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Sequence
from contextlib import nullcontext
from functools import partial
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from tests.support import people, threads
from tests.support.load import Caller, World
from users.models import Client, Event, User, events
from users.models.events import EventKind, Fact
from wallets.models import Hold, Movement, Wallet
from wallets.orders.base import Order
from wallets.posting import group

pytestmark = pytest.mark.django_db(transaction=True)

COLD = 100
MONEY = """
    SELECT
        (SELECT sum(balance) FROM wallets_wallet),
        (SELECT coalesce(sum(amount), 0) FROM wallets_movement
         WHERE status = 'SUCCESS' AND counterparty_id IS NULL),
        (SELECT sum(held) FROM wallets_wallet),
        (SELECT coalesce(sum(remaining), 0) FROM wallets_hold)
        - (SELECT coalesce(sum(amount), 0) FROM wallets_movement WHERE status = 'PENDING')
"""
"""Of one snapshot: all balances and what came in minus what went out; all that is held and why."""


@pytest.fixture
def world(client_demo: Client, monkeypatch: pytest.MonkeyPatch) -> World:
    """A hot wallet with 1000.00 EUR and cold ones with 20.00 EUR, each of a user of its own."""
    users = User.objects.bulk_create(
        User(client=client_demo, status="ACTIVATED", **people.ALICE | each)
        for each in (
            {"user_name": f"user {n}", "mobile_phone": f"+34600{n:06}"} for n in range(COLD + 1)
        )
    )
    created = (
        Fact(user.client_id, "user", user.id, EventKind.USER_CREATED, people.BY) for user in users
    )
    events.record_facts(*created)
    world = World([people.a_wallet(user) for user in users])
    for n, wallet in enumerate(world.wallets):
        world.submit(people.a_cash_in(wallet, 20_00 if n else 1000_00))
    post = group.post

    def noticed(orders: Sequence[Order], *own: Any, **how: Any) -> Any:
        try:
            return post(orders, *own, **how)
        except Exception as error:
            world.notice(error)
            raise

    monkeypatch.setattr(group, "post", noticed)
    return world


def look_on(world: World, until: float) -> int:
    """See again and again, whenever there is news, that all money is there; return how often."""
    for reads in itertools.count():
        if time.monotonic() > until:
            return reads
        world.news.wait(until - time.monotonic())
        world.news.clear()
        with connection.cursor() as cursor:
            cursor.execute(MONEY)
            ((balances, came, held, why),) = cursor.fetchall()
        assert balances == came, f"{balances} in the wallets, but {came} came in"
        assert held == why, f"{held} is held, but {why} is why"
    raise AssertionError


@pytest.mark.parametrize(
    ("callers", "seconds", "is_long"),
    [(8, 1.5, False), pytest.param(16, 60.0, True, marks=pytest.mark.long)],
)
def test_concurrent_histories_are_serializable(world, callers, seconds, is_long, capsys):
    """Takes more than a minute with 16 callers."""
    seed = random.SystemRandom().getrandbits(32)
    begun = time.monotonic()
    gate = threading.Barrier(callers + 1, timeout=threads.PATIENCE)
    until = begun + seconds
    lives = [partial(Caller(world, f"{seed} {n}").live, until) for n in range(callers)]
    calls: list[Callable[[], Any]] = [partial(look_on, world, until), *lives]
    running = [threads.Caller(call, gate.wait) for call in calls]
    for thread in running:
        thread.join(seconds + threads.PATIENCE)
    reads, *ends = (thread.answer for thread in running)
    took = time.monotonic() - begun
    with capsys.disabled() if is_long else nullcontext():
        sys.stdout.write(f"\nseed {seed}: {summary(world, took)}; {reads} reads\n")
    assert isinstance(reads, int), reads
    assert ends == [None] * callers
    assert not world.unexpected, Counter(world.unexpected)
    assert set(world.retries) <= {"UniqueViolation"}, Counter(world.retries)
    check_acknowledged(world)
    check_order(world)
    check_held(world)


def summary(world: World, seconds: float) -> str:
    kinds = Counter(type(each.order).__name__ for each in world.answers)
    replayed = sum(each.outcome.replayed for each in world.answers)
    return (
        f"{len(world.answers)} done ({replayed} of them replayed) and {len(world.refusals)} refused"
        f" in {seconds:.1f} s, {dict(Counter(world.retries))} tried again;"
        f" {dict(kinds.most_common())}; {dict(Counter(world.refusals).most_common())}"
    )


def check_acknowledged(world: World) -> None:
    """All that callers were told is there as they were told, and nothing that nobody was told."""
    legs, holds = Movement.objects.in_bulk(), Hold.objects.in_bulk()
    operations = {leg.operation_id for leg in legs.values()}
    there: dict[str, Container[UUID]] = {
        "movement": legs,
        "hold": holds,
        "batch": operations,
        "operation": operations,
    }
    made: dict[str, set[UUID]] = defaultdict(set)
    by_key: dict[str, set[UUID]] = defaultdict(set)
    for answer in world.answers:
        outcome = answer.outcome
        assert outcome.id in there[outcome.made], answer
        if answer.order.key:
            by_key[answer.order.key].add(outcome.id)
        made[outcome.made].add(outcome.id)
        made["operation"] |= {leg.operation_id for leg in outcome.legs}
        for leg in outcome.legs:
            row = legs[leg.id]
            assert (row.type, row.amount, row.wallet_id) == (leg.type, leg.amount, leg.wallet_id)
            if leg.status == "SUCCESS":
                assert (row.seq, row.balance_after) == (leg.seq, leg.balance_after), answer
    assert all(len(ids) == 1 for ids in by_key.values())
    nobodys = [*(operations - made["operation"]), *({*holds} - made["hold"])]
    assert len(nobodys) <= len(world.unknown), nobodys


def settlement(leg: Any) -> UUID:
    """What settled as one: an operation, but of its cash-outs each when the bank has paid."""
    found: UUID = leg.id if leg.type == "CASH_OUT" else leg.operation_id
    return found


def check_order(world: World) -> None:
    """All that settled did so in one order, in that of the callers where they did wait.

    In this order, from nothing, each wallet's balance is what its movements say and the callers
    were told, and never below zero.
    """
    times = {
        settlement(leg): (answer.sent_at, answer.answered_at)
        for answer in world.answers
        for leg in answer.outcome.legs
        if leg.status == "SUCCESS"
    }
    before: dict[UUID, set[UUID]] = defaultdict(set)
    legs: dict[UUID, list[Movement]] = defaultdict(list)
    for wallet in world.wallets:
        last, latest = None, 0.0
        for leg in Movement.objects.filter(wallet=wallet.id, status="SUCCESS").order_by("seq"):
            this = settlement(leg)
            legs[this].append(leg)
            if last not in {None, this}:
                before[this].add(last)
            sent_at, answered_at = times.get(this, (0.0, float("inf")))
            assert answered_at > latest, f"{leg.id} was over before one that it follows was sent"
            last, latest = this, max(latest, sent_at)
    balances: Counter[UUID] = Counter()
    seqs: Counter[UUID] = Counter()
    for this in TopologicalSorter({each: before[each] for each in legs}).static_order():
        for leg in legs[this]:
            balances[leg.wallet_id] += leg.amount
            seqs[leg.wallet_id] += 1
            assert (leg.seq, leg.balance_after) == (seqs[leg.wallet_id], balances[leg.wallet_id])
            assert balances[leg.wallet_id] >= 0
    for wallet in Wallet.objects.all():
        assert (wallet.seq, wallet.balance) == (seqs[wallet.id], balances[wallet.id])


def check_held(world: World) -> None:
    """What was held, event after event, was never below zero and never more than the balance."""
    legs, holds = Movement.objects.in_bulk(), Hold.objects.in_bulk()
    left = {hold.id: 0 for hold in holds.values()}
    for wallet in Wallet.objects.all():
        balance = held = 0
        for event in Event.objects.filter(wallet_id=wallet.id).order_by("id"):
            subject, change = event.subject_id, event.kind
            if change == "hold.placed":
                left[subject] = holds[subject].amount
                held += left[subject]
            elif change in {"hold.executed", "hold.released", "hold.expired"}:
                held -= left[subject]
                left[subject] = 0
            elif change == "movement.pending":
                held -= legs[subject].amount
            elif change in {"movement.cancelled", "movement.error"}:
                held += legs[subject].amount
            elif change == "movement.settled":
                leg = legs[subject]
                balance += leg.amount
                assert balance == leg.balance_after
                if leg.type == "CASH_OUT":
                    held += leg.amount
                elif leg.hold_id and leg.amount < 0 and left[leg.hold_id]:
                    held += leg.amount
                    left[leg.hold_id] += leg.amount
            assert 0 <= held <= balance, f"{event}: {held} of {balance} is held"
        assert (wallet.balance, wallet.held) == (balance, held)
    assert left == {hold.id: hold.remaining for hold in holds.values()}
