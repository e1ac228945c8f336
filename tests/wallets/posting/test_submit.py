"""The way in: what is tried again, what is not, and what is unknown."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)

from iocash import errors
from iocash.db import transactions
from tests.support import people, threads
from tests.support.ibans import IBAN
from users.models import Client, Key, User
from wallets import posting
from wallets.orders.base import Order, Outcome, Result
from wallets.orders.cash_outs import CashOut
from wallets.orders.external_accounts import AddExternalAccount, RemoveExternalAccount
from wallets.orders.payments import CashIn
from wallets.orders.users import ActivateUser
from wallets.posting import group


def test_a_refusal_is_raised(alices, bobs):
    with pytest.raises(errors.InsufficientFunds):
        posting.submit(people.a_transfer(alices, bobs, 100_01))


def test_the_same_key_moves_once(alices, bobs):
    order = people.a_transfer(alices, bobs, 10_00, key="k")
    first, again = posting.submit(order), posting.submit(order)
    assert (again.id, again.status) == (first.id, first.status)
    assert (first.replayed, again.replayed) == (False, True)
    assert people.balances(alices, bobs) == [90_00, 10_00]


def test_refused_order_can_be_retried_with_its_key(alices, bobs):
    order = people.a_transfer(alices, bobs, 150_00, key="k")
    with pytest.raises(errors.InsufficientFunds):
        posting.submit(order)
    people.cash_in(alices, 50_00)
    assert not posting.submit(order).replayed
    assert people.balances(alices, bobs) == [0, 150_00]


# --- What is worth a retry -----------------------------------------------------------------------


def wrapped(cause: Exception, error: type[DatabaseError] = OperationalError) -> DatabaseError:
    """The error as Django raises it."""
    wrapper = error("as Django says it")
    wrapper.__cause__ = cause
    return wrapper


@pytest.fixture
def failing(settings, monkeypatch):
    """Let the next posts fail, each with the next error; return the list of what was posted.

    Each order is posted by itself.
    """
    settings.GROUP_COMMIT = False

    def fail(*errors):
        coming, posts, post = list(errors), [], group.post

        def failing_post(orders, own):
            posts.append(orders)
            if coming:
                raise coming.pop(0)
            return post(orders, own)

        monkeypatch.setattr(group, "post", failing_post)
        return posts

    return fail


AGAIN = [
    wrapped(psycopg.errors.SerializationFailure()),
    wrapped(psycopg.errors.DeadlockDetected()),
    wrapped(psycopg.errors.UniqueViolation(), IntegrityError),
    wrapped(psycopg.errors.AdminShutdown()),
    wrapped(psycopg.errors.IdleInTransactionSessionTimeout(), InternalError),
    wrapped(psycopg.errors.lookup("25P04")(), InternalError),
    wrapped(psycopg.OperationalError("the connection is lost")),
]
NEVER = [
    wrapped(psycopg.errors.LockNotAvailable()),
    wrapped(psycopg.errors.QueryCanceled()),
    wrapped(psycopg.errors.CheckViolation(), IntegrityError),
    wrapped(psycopg.errors.ReadOnlySqlTransaction()),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", AGAIN, ids=lambda error: type(error.__cause__).__name__)
def test_transient_database_error_is_retried(bobs, failing, error):
    posts = failing(error, error)
    people.cash_in(bobs, 10_00)
    assert len(posts) == 3
    assert people.balances(bobs) == [10_00]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", AGAIN, ids=lambda error: type(error.__cause__).__name__)
def test_transient_error_is_raised_after_the_last_retry(bobs, failing, error):
    posts = failing(*[error] * 100)
    with pytest.raises(DatabaseError) as raised:
        people.cash_in(bobs, 10_00)
    assert raised.value is error
    assert len(posts) == 1 + posting.RETRIES


@pytest.mark.django_db(transaction=True)
def test_duplicate_is_refused_with_facts_after_the_last_retry(alice, bob, failing):
    User.objects.filter(id=alice.id).update(unverified_phone=bob.mobile_phone)
    posts = failing(*[wrapped(psycopg.errors.DeadlockDetected())] * posting.RETRIES)
    about = {"client_id": alice.client_id, "by": people.BY, "user_id": alice.id}
    with pytest.raises(errors.AlreadyExists) as refused:
        posting.submit(ActivateUser(**about, phone=bob.mobile_phone))
    assert refused.value.facts == {"field": "mobilePhone", "user_id": bob.id}
    assert len(posts) == 1 + posting.RETRIES


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", NEVER, ids=lambda error: type(error.__cause__).__name__)
def test_permanent_database_error_is_not_retried(bobs, failing, error):
    posts = failing(error)
    with pytest.raises(DatabaseError) as raised:
        people.cash_in(bobs, 10_00)
    assert raised.value is error
    assert len(posts) == 1


@pytest.mark.django_db(transaction=True)
def test_error_after_commit_is_not_retried(bobs, settings, monkeypatch):
    settings.GROUP_COMMIT = False
    after_commit = transactions.after_commit

    def break_afterwards(here):
        after_commit(here)
        raise OperationalError("what follows COMMIT has failed")

    monkeypatch.setattr(transactions, "after_commit", break_afterwards)
    with pytest.raises(errors.OutcomeUnknown):
        people.cash_in(bobs, 10_00)
    assert people.balances(bobs) == [10_00]


@pytest.mark.django_db(transaction=True)
def test_unknown_outcome_is_not_retried(bobs, failing):
    posts = failing(errors.OutcomeUnknown())
    with pytest.raises(errors.OutcomeUnknown):
        people.cash_in(bobs, 10_00)
    assert len(posts) == 1


def test_order_is_not_retried_inside_a_transaction(bobs, failing):
    posts = failing(*AGAIN)
    with pytest.raises(OperationalError), transaction.atomic():
        people.cash_in(bobs, 10_00)
    assert len(posts) == 1


def test_pauses_between_retries_are_short_and_random():
    assert all(0 < pause <= 0.04 for pause in posting.pauses())
    assert posting.pauses() != posting.pauses()


def test_failed_order_stores_no_key(bobs, failing):
    failing(NEVER[0])
    with pytest.raises(OperationalError):
        people.cash_in(bobs, 10_00, key="k")
    assert not Key.objects.exists()


# --- Orders that meet ----------------------------------------------------------------------------


class Gate:
    """Keeps a group from being posted until enough others queue behind it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.number = number
        self.groups: list[Sequence[Order]] = []
        self.queued, self.full = 0, threading.Event()
        groups, enter = posting.QUEUES["home"], posting.QUEUES["home"].enter

        def counted(entry: Any) -> bool:
            leads = enter(entry)
            self.queued += 1
            if self.queued == self.number:
                self.full.set()
            return leads

        monkeypatch.setattr(groups, "enter", counted)
        monkeypatch.setattr(groups, "post", self.post)

    def post(self, orders: Sequence[Order], before_asking: Callable[[], None]) -> Sequence[Result]:
        assert self.full.wait(threads.PATIENCE)
        self.groups.append(orders)
        return posting.post_group(orders, before_asking)


def meeting(monkeypatch: pytest.MonkeyPatch, *orders: Order, first: Order) -> list[Any]:
    """Post `first`, and when it is done the orders, which came meanwhile, in one group."""
    gate = Gate(monkeypatch, 1 + len(orders))
    leader = threads.Caller(lambda: posting.submit(first))
    while not gate.queued:
        assert leader.is_alive(), leader.answer
    answers = threads.at_once(*[partial(posting.submit, order) for order in orders])
    assert isinstance(leader.answer, Outcome)
    assert [len(group) for group in gate.groups] == [1, len(orders)]
    return answers


@pytest.mark.django_db(transaction=True)
def test_concurrent_orders_are_committed_in_one_transaction(alices, bobs, monkeypatch):
    orders = [people.a_transfer(alices, bobs, amount) for amount in (1, 2, 3)]
    answers = meeting(monkeypatch, *orders, first=people.a_cash_in(bobs, 5))
    (legs,) = {len(answer.legs) for answer in answers}
    assert legs == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT xmin::text) FROM users_event WHERE subject_id = ANY(%s)",
            [[answer.id for answer in answers]],
        )
        assert cursor.fetchone() == (1,)
    assert people.balances(alices, bobs) == [99_94, 11]


@pytest.mark.django_db(transaction=True)
def test_concurrent_clients_get_their_own_outcomes(alices, bobs, monkeypatch):
    """Neither sees a wallet of the other, and both have used the same key."""
    other = Client.objects.create(name="Other")
    theirs = people.first_wallet(people.a_user(other, people.BOB))
    stolen = dataclasses.replace(people.a_transfer(alices, bobs, 1_00), client_id=other.id)
    orders = [
        people.a_cash_in(theirs, 7_00, key="k"),
        stolen,
        people.a_transfer(alices, bobs, 2_00, key="k"),
    ]
    answers = meeting(monkeypatch, *orders, first=people.a_cash_in(bobs, 1))
    assert [type(answer) for answer in answers] == [Outcome, errors.NotFound, Outcome]
    assert [answers[0].replayed, answers[2].replayed] == [False, False]
    assert people.balances(alices, bobs, theirs) == [98_00, 2_01, 7_00]


@pytest.mark.django_db(transaction=True)
def test_concurrent_orders_with_one_key_move_money_once(alices, bobs, monkeypatch):
    order = people.a_transfer(alices, bobs, 10_00, key="k")
    answers = meeting(monkeypatch, *[order] * 4, first=people.a_cash_in(bobs, 1))
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True]
    assert len({answer.id for answer in answers}) == 1
    assert people.balances(alices, bobs) == [90_00, 10_01]


@pytest.mark.django_db(transaction=True)
def test_concurrent_transfers_spend_the_balance_once(alices, bobs, monkeypatch):
    orders = [people.a_transfer(alices, bobs, 60_00) for _ in range(4)]
    answers = meeting(monkeypatch, *orders, first=people.a_cash_in(bobs, 1))
    assert Counter(type(answer) for answer in answers) == {Outcome: 1, errors.InsufficientFunds: 3}
    assert people.balances(alices, bobs) == [40_00, 60_01]


@pytest.mark.django_db(transaction=True)
def test_locked_wallet_delays_only_its_own_orders(alices, bobs):
    with threads.holding(people.a_cash_in(alices, 1)):
        waiting = threads.Caller(partial(people.cash_in, alices, 10_00))
        threads.wait_until_blocked()
        (answer,) = threads.at_once(partial(people.cash_in, bobs, 5_00))
        assert isinstance(answer, Outcome)
        assert waiting.is_alive()
        assert people.balances(alices, bobs) == [100_00, 5_00]
    assert isinstance(waiting.answer, Outcome)
    assert people.balances(alices, bobs) == [110_01, 5_00]


@pytest.mark.django_db(transaction=True)
def test_group_terminated_at_commit_is_rolled_back(bobs, dies_at_commit, monkeypatch):
    orders = [people.a_cash_in(bobs, amount, key=str(amount)) for amount in (1, 2, 3)]
    gate = Gate(monkeypatch, 1)
    answers = threads.at_once(*[partial(posting.submit, order) for order in orders])
    assert {type(answer) for answer in answers} == {OperationalError}
    assert sum(len(group) for group in gate.groups) == 3
    assert people.balances(bobs) == [0]


@pytest.mark.django_db(transaction=True)
def test_bug_in_one_order_raises_only_to_its_caller(alices, bobs, monkeypatch):
    class Broken(CashIn):
        def apply(self, books):
            raise ZeroDivisionError

    orders = [people.a_cash_in(alices, 1), people.a_cash_in(bobs, 2)]
    broken = Broken(**people.about(alices), amount=Decimal(1))
    answers = meeting(monkeypatch, orders[0], broken, orders[1], first=people.a_cash_in(bobs, 1))
    assert [type(answer) for answer in answers] == [Outcome, ZeroDivisionError, Outcome]
    assert people.balances(alices, bobs) == [100_01, 3]


@pytest.mark.django_db(transaction=True)
def test_order_that_locks_users_is_posted_without_a_group(alices, monkeypatch):
    monkeypatch.setattr(posting, "QUEUES", None)
    order = people.a_cash_in(alices, 1)
    object.__setattr__(order, "needs", order.needs._replace(users=(alices.id,)))
    monkeypatch.setattr(group, "post", lambda orders, own: [Outcome("movement", alices.id, 201)])
    assert posting.submit(order)


@pytest.mark.django_db(transaction=True)
def test_order_is_posted_in_the_callers_transaction(alices, monkeypatch):
    monkeypatch.setattr(posting, "QUEUES", None)
    with transaction.atomic():
        people.cash_in(alices, 10_00)
        transaction.set_rollback(True)
    assert people.balances(alices) == [100_00]


@pytest.mark.django_db(transaction=True)
def test_duplicate_account_does_not_roll_back_its_group(alices, bobs, monkeypatch):
    add = AddExternalAccount(**people.about(alices), iban=IBAN)
    there = posting.submit(add)
    orders = [people.a_cash_in(bobs, 1), add, people.a_cash_in(bobs, 2)]
    monkeypatch.setattr(posting.QUEUES["home"], "apart", lambda order: pytest.fail("undone"))
    answers = meeting(monkeypatch, *orders, first=people.a_cash_in(bobs, 5))
    assert [type(answer) for answer in answers] == [Outcome, errors.AlreadyExists, Outcome]
    assert answers[1].facts["external_account_id"] == there.id


def test_accounts_of_one_group_are_visible_to_later_orders(alices):
    add = AddExternalAccount(**people.about(alices), iban=IBAN)
    first, second = group.post([add, add])
    assert isinstance(first, Outcome)
    assert isinstance(second, errors.AlreadyExists)
    remove = RemoveExternalAccount(**people.about(alices), account_id=first.id)
    pay = CashOut(**people.about(alices), amount=Decimal(1), account_id=first.id)
    removed, refused, again = group.post([remove, pay, add])
    assert isinstance(removed, Outcome)
    assert isinstance(refused, errors.ExternalAccountRemoved)
    assert isinstance(again, Outcome)
