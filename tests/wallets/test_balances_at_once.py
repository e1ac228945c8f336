"""Balances and statements are read without a lock, and what was answered never changes."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from threading import Event

import pytest
from django.db import connection, transaction

from iocash import errors
from iocash.db import clock
from tests.support import people
from tests.support.threads import PATIENCE, Caller, holding
from wallets import statements
from wallets.orders.base import Outcome

pytestmark = pytest.mark.django_db


@pytest.fixture
def looked(monkeypatch):
    """Set when somebody has looked for writers a second time: it waits for one."""
    writers, looked, calls = statements.writers, Event(), count(1)

    def watched() -> set[str]:
        found = writers()
        if next(calls) > 1:
            looked.set()
        return found

    monkeypatch.setattr(statements, "writers", watched)
    return looked


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_balance_waits_for_a_writer_that_could_settle_before_its_instant(alices, bobs, looked):
    with holding(people.a_transfer(alices, bobs, 10_00)):
        instant = clock.now()
        asker = Caller(lambda: statements.balance_at(alices, instant))
        assert looked.wait(PATIENCE)
        assert asker.is_alive()
    assert asker.answer.balance == 90_00
    assert statements.balance_at(alices, instant) == asker.answer


@pytest.mark.django_db(transaction=True)
def test_balance_gets_lock_timeout_when_a_writer_takes_too_long(alices, bobs, monkeypatch):
    monkeypatch.setattr(statements, "MOST_WAIT", 0.01)
    with holding(people.a_transfer(alices, bobs, 10_00)), pytest.raises(errors.LockTimeout):
        statements.balance_at(alices, clock.now())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_balance_query_takes_no_locks(alices, bobs):
    """It works in a transaction that may not write, and others pay while that one is open."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        assert statements.over(alices, alices.created_at, clock.now()).closing.balance == 100_00
        paid = Caller(lambda: people.transfer(alices, bobs, 10_00)).answer
        assert isinstance(paid, Outcome)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_balance_at_an_instant_never_changes_afterwards(alices, bobs):
    """Alice pays Bob all the time; what was answered while she did is true at the end too."""

    def pay() -> None:
        for _ in range(60):
            people.transfer(alices, bobs, 1)

    payers = [Caller(pay) for _ in range(3)]
    answered = []
    while any(payer.is_alive() for payer in payers):
        instant = clock.now()
        answered.append((instant, statements.balance_at(alices, instant)))
    assert [payer.answer for payer in payers] == [None] * 3
    assert answered
    changed = [point for at, point in answered if statements.balance_at(alices, at) != point]
    assert changed == []


def test_balance_at_a_future_instant_is_refused_without_waiting(alices):
    with pytest.raises(errors.DatabaseUnavailable, match="clock"):
        statements.balance_at(alices, clock.now() + timedelta(hours=1))
