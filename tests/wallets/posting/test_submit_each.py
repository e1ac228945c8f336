"""Many orders of one caller: shared transactions, and an answer for each order."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection

from iocash import errors
from tests.support import people, threads
from tests.support.cash_outs import a_cash_out, end
from wallets import posting
from wallets.models import Movement
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.posting import group


@pytest.fixture
def impatient(transactional_db):
    """Wait for locks for a moment only."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    yield
    connection.close()


@pytest.fixture
def posted(monkeypatch):
    """The sizes of the groups that are posted."""
    sizes = []
    post = group.post

    def counting(orders, *args, **kwargs):
        sizes.append(len(orders))
        return post(orders, *args, **kwargs)

    monkeypatch.setattr(group, "post", counting)
    return sizes


def sending(movement: Movement, **values: Any) -> MarkCashOutSent:
    return MarkCashOutSent(
        client_id=movement.client_id,
        by=people.BY,
        wallet_id=movement.wallet_id,
        movement_id=movement.id,
        **values,
    )


@pytest.mark.django_db(transaction=True)
def test_each_order_has_its_own_answer_in_the_sequence_of_the_orders(alices, bobs, posted):
    orders = [
        people.a_transfer(alices, bobs, 60_00),
        people.a_transfer(alices, bobs, 60_00),
        people.a_transfer(bobs, alices, 10_00),
    ]
    answers = posting.submit_each(orders)
    kinds = [type(answer) for answer in answers]
    assert kinds == [Outcome, errors.InsufficientFunds, Outcome]
    assert people.balances(alices, bobs) == [50_00, 50_00]
    assert posted == [3]


@pytest.mark.django_db(transaction=True)
def test_orders_share_transactions_of_limited_size(alices, posted, monkeypatch):
    monkeypatch.setattr(posting, "MANY", 2)
    movements = [a_cash_out(alices, 1_00) for _ in range(5)]
    posted.clear()
    answers: list[Any] = posting.submit_each([sending(each) for each in movements])
    assert [answer.id for answer in answers] == [each.id for each in movements]
    assert posted == [2, 2, 1]


@pytest.mark.django_db(transaction=True)
def test_same_keys_are_replayed(alices):
    orders = [sending(a_cash_out(alices, 1_00), key=f"k-{number}") for number in range(2)]
    answers: list[Any] = posting.submit_each(orders) + posting.submit_each(orders)
    assert [answer.replayed for answer in answers] == [False, False, True, True]


@pytest.mark.django_db(transaction=True)
def test_order_that_waits_for_a_lock_is_refused_alone(alices, bobs, posted, impatient):
    """Its group is rolled back, and the others are posted alone."""
    people.cash_in(bobs, 10_00)
    mine, other = a_cash_out(alices, 1_00), a_cash_out(bobs, 1_00)
    posted.clear()
    with threads.holding(people.a_cash_in(bobs, 1)):
        answers = posting.submit_each([sending(other), sending(mine)])
    assert [type(answer) for answer in answers] == [errors.LockTimeout, Outcome]
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (bool(mine.sent_at), bool(other.sent_at)) == (True, False)
    assert posted[1:] == [2, 1, 1]


@pytest.mark.django_db(transaction=True)
def test_orders_after_the_time_limit_are_not_started(alices, monkeypatch):
    monkeypatch.setattr(posting, "LONGEST_FOR_MANY", -1.0)
    movement = a_cash_out(alices, 1_00)
    (answer,) = posting.submit_each([sending(movement)])
    movement.refresh_from_db()
    assert (type(answer), movement.sent_at) == (errors.Overloaded, None)


@pytest.mark.django_db(transaction=True)
def test_crash_at_the_commit_is_an_unknown_outcome(alices, monkeypatch):
    def crash(orders, own, **kwargs):
        own.is_undone = False
        raise ZeroDivisionError

    movement = a_cash_out(alices, 1_00)
    monkeypatch.setattr(group, "post", crash)
    (answer,) = posting.submit_each([sending(movement)])
    assert isinstance(answer, errors.OutcomeUnknown)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (errors.DatabaseUnavailable, errors.DatabaseUnavailable),
        (DatabaseError, errors.DatabaseUnavailable),
        (ZeroDivisionError, errors.OutcomeUnknown),
    ],
    ids=["refused", "database", "bug"],
)
def test_fault_of_one_order_stops_no_other(alices, monkeypatch, fault, answer):
    first, second = a_cash_out(alices, 1_00), a_cash_out(alices, 1_00)
    post = group.post

    def faulty(orders: Any, *args: Any, **kwargs: Any) -> Any:
        if any(order.movement_id == first.id for order in orders):
            raise fault()
        return post(orders, *args, **kwargs)

    monkeypatch.setattr(group, "post", faulty)
    answers = posting.submit_each([sending(first), sending(second)])
    assert [type(each) for each in answers] == [answer, Outcome]


@pytest.mark.django_db(transaction=True)
def test_two_callers_send_each_cash_out_once(alices):
    movements = [a_cash_out(alices, 1_00) for _ in range(30)]

    def send_all():
        return posting.submit_each([sending(each) for each in movements])

    both = threads.at_once(send_all, send_all)
    for one, other in zip(*both, strict=True):
        assert {type(one), type(other)} == {Outcome, errors.CashOutSent}


@pytest.mark.django_db
def test_orders_in_an_open_transaction_are_posted_one_by_one(alices, posted):
    movements = [a_cash_out(alices, 1_00) for _ in range(2)]
    posted.clear()
    answers = posting.submit_each([sending(each) for each in movements])
    assert [type(answer) for answer in answers] == [Outcome, Outcome]
    assert posted == [1, 1]


# --- A rejection of what the caller saw -----------------------------------------------------------


@pytest.mark.django_db
def test_cash_out_that_was_sent_meanwhile_is_not_rejected(alices):
    movement = a_cash_out(alices, 30_00)
    seen = frozenset({movement.version})
    end(MarkCashOutSent, movement)
    with pytest.raises(errors.VersionConflict):
        end(RejectCashOut, movement, reason="Closed", if_match=seen)
    end(RejectCashOut, movement, reason="Closed", if_match=frozenset({movement.version}))
    assert movement.status == "ERROR"


@pytest.mark.django_db(transaction=True)
def test_two_members_end_a_cash_out_once(alices):
    movement = end(MarkCashOutSent, a_cash_out(alices, 30_00))
    seen = frozenset({movement.version})
    answers = threads.at_once(
        partial(end, SettleCashOut, movement),
        partial(end, RejectCashOut, movement, reason="Closed", if_match=seen),
    )
    assert sum(isinstance(answer, errors.MovementNotPending) for answer in answers) == 1
