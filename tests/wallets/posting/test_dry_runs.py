"""Dry runs in transactions of their own: under the same locks, rolled back, never in a group."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from psycopg.pq import TransactionStatus

from iocash import errors
from iocash.db.pipeline import Pipeline
from iocash.db.transactions import fetch
from tests.support import people, threads
from tests.support.refusals import everything
from users.models import Key
from wallets import posting
from wallets.models import Hold, Wallet
from wallets.orders.base import Order, Outcome
from wallets.posting import group

pytestmark = pytest.mark.django_db(transaction=True)

KILL = "SELECT pg_terminate_backend(%s, 10000)"


def answer_to(post: Callable[[Order], Outcome], order: Order) -> Outcome | errors.Refused:
    try:
        return post(order)
    except errors.Refused as refusal:
        return refusal


def test_dry_run_predicts_and_changes_nothing(alices, bobs):
    before = everything()
    order = people.a_transfer(alices, bobs, 60_00, key="k")
    outcome = posting.dry_run(order)
    assert (outcome.made, outcome.status) == ("movement", 201)
    assert (outcome.replayed, outcome.is_predicted) == (False, True)
    assert [leg.balance_after for leg in outcome.legs] == [40_00]
    assert everything() == before
    assert not posting.submit(order).replayed


def test_dry_run_is_refused_as_the_order_is(alices, bobs):
    before = everything()
    order = people.an_operation(*[people.a_transfer(alices, bobs, 60_00)] * 2)
    predicted, real = (answer_to(post, order) for post in (posting.dry_run, posting.submit))
    assert isinstance(predicted, errors.BatchRefused)
    assert isinstance(real, errors.BatchRefused)
    assert predicted.facts == real.facts
    assert everything() == before


def test_dry_run_replays_a_used_key(alices, bobs):
    order = people.a_transfer(alices, bobs, 60_00, key="k")
    made = posting.submit(order)
    before = everything()
    again = posting.dry_run(order)
    assert (again.id, again.status) == (made.id, made.status)
    assert (again.replayed, again.is_predicted) == (True, False)
    other = people.a_transfer(alices, bobs, 1_00, key="k")
    assert isinstance(answer_to(posting.dry_run, other), errors.IdempotencyKeyReused)
    assert everything() == before


def test_dry_run_counts_overdue_holds_as_expired_and_leaves_them(alices, bobs):
    soon = timezone.now() + timedelta(hours=1)
    hold = people.place(alices, bobs, 60_00, expires_at=soon)
    people.pass_time(timedelta(hours=2), alices)
    before = everything()
    assert posting.dry_run(people.a_transfer(alices, bobs, 100_00)).legs[0].balance_after == 0
    assert everything() == before
    assert Hold.objects.get(id=hold.id).status == "OPEN"
    assert Wallet.objects.get(id=alices.id).next_expiry is not None


def test_dry_run_does_not_change_a_hold(alices, bobs):
    hold = people.place(alices, bobs, 60_00)
    before = everything()
    predicted = posting.dry_run(people.an_execution(hold, 20_00))
    assert [leg.balance_after for leg in predicted.legs] == [80_00]
    placed = posting.dry_run(people.a_hold(alices, bobs, 40_00)).hold
    assert placed
    assert (placed.amount, placed.remaining, placed.status) == (40_00, 40_00, "OPEN")
    assert everything() == before


def test_dry_run_leaves_the_connection_without_a_transaction(alices, bobs):
    posting.dry_run(people.a_transfer(alices, bobs, 1_00))
    assert connection.get_autocommit()
    assert connection.connection.info.transaction_status == TransactionStatus.IDLE


def test_dry_run_sends_two_trips_and_ends_with_rollback(alices, bobs, monkeypatch):
    trips: list[list[str]] = []
    send = Pipeline.send

    def noted(pipeline: Pipeline) -> None:
        trips.append([each.statement.split()[0] for each in pipeline.asked])
        send(pipeline)

    monkeypatch.setattr(Pipeline, "send", noted)
    posting.dry_run(people.a_transfer(alices, bobs, 1_00))
    reads, end = trips
    assert {*reads} == {"SELECT"}
    assert end == ["ROLLBACK"]


def test_writing_dry_run_is_rolled_back(alices, bobs, monkeypatch):
    """The transaction of a dry run can't commit, whatever its code does."""
    before = everything()
    monkeypatch.setattr(group.DryRun, "is_dry_run", False)
    assert posting.dry_run(people.a_transfer(alices, bobs, 60_00, key="k")).legs
    assert everything()[0] == before[0]


# --- Beside others -------------------------------------------------------------------------------


def test_dry_run_waits_for_the_locks_of_the_order(alices, bobs):
    order = people.a_transfer(alices, bobs, 60_00)
    with threads.holding(order):
        caller = threads.Caller(partial(posting.dry_run, order))
        threads.wait_until_blocked()
    assert isinstance(caller.answer, errors.InsufficientFunds)


def test_dry_run_never_enters_a_group(alices, bobs, monkeypatch):
    def refuse(order: Order) -> None:
        raise AssertionError(order)

    monkeypatch.setattr(posting.QUEUES["home"], "submit", refuse)
    posting.dry_run(people.a_transfer(alices, bobs, 1_00))


@pytest.mark.parametrize("group_commit", [True, False])
def test_orders_beside_dry_runs_find_all_the_money(alices, bobs, settings, group_commit):
    """Each dry run would take everything; all orders together take exactly that."""
    settings.GROUP_COMMIT = group_commit
    dry = people.a_transfer(alices, bobs, 100_00, key="k")
    real = people.a_transfer(alices, bobs, 10_00)
    calls = [partial(posting.dry_run, dry), partial(posting.submit, real)] * 10
    answers = threads.at_once(*calls)
    assert all(isinstance(answer, Outcome) for answer in answers[1::2]), answers
    allowed = Outcome | errors.InsufficientFunds
    assert all(isinstance(answer, allowed) for answer in answers[::2]), answers
    assert people.balances(alices, bobs) == [0, 100_00]
    assert not Key.objects.exists()
    assert len(people.movements(alices)) == 11


# --- Failures ------------------------------------------------------------------------------------


def test_dry_run_is_retried_when_its_connection_is_lost(alices, bobs, monkeypatch):
    """It ends before ROLLBACK: nothing can have been changed, so nothing is unknown."""
    run, lost = group.run, list[int]()

    def end_and_run(books: Any, order: Order) -> Outcome:
        if not lost:
            lost.append(connection.connection.info.backend_pid)
            threads.at_once(partial(fetch, KILL, lost))
        return run(books, order)

    monkeypatch.setattr(group, "run", end_and_run)
    before = everything()
    assert posting.dry_run(people.a_transfer(alices, bobs, 1_00)).legs
    assert lost
    assert everything() == before
