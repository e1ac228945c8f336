"""Connections that break before COMMIT, at it and after it."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import (
    OperationalError,
    connection,
)

from iocash.db.transactions import fetch
from tests.support import people, threads
from tests.support.lossy_wire import cut_at_commit
from wallets import posting
from wallets.models import Movement
from wallets.posting import group, write

KILL = "SELECT pg_terminate_backend(%s, 10000)"


# --- Connections that break ----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_order_is_retried_when_the_connection_is_lost_during_a_lock_wait(alices, bobs):
    order = people.a_transfer(alices, bobs, 10_00)
    with threads.holding(people.a_transfer(alices, bobs, 1_00)):
        caller = threads.Caller(lambda: posting.submit(order))
        (pid,) = threads.wait_until_blocked()
        with connection.cursor() as cursor:
            cursor.execute(KILL, [pid])
    assert Movement.objects.filter(id=caller.answer.id).exists()
    assert people.balances(alices, bobs) == [89_00, 11_00]


@pytest.mark.django_db(transaction=True)
def test_order_is_retried_when_the_idle_connection_was_lost(alices, bobs):
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid

    def kill():
        with connection.cursor() as cursor:
            cursor.execute(KILL, [pid])

    threads.at_once(kill)
    people.transfer(alices, bobs, 10_00)
    assert people.balances(alices, bobs) == [90_00, 10_00]


@pytest.mark.django_db(transaction=True)
def test_order_is_retried_when_the_connection_is_lost_before_writing(alices, bobs, monkeypatch):
    """The server ends the backend when the books are open, and nothing was sent yet."""
    write_back = write.write_back
    lost: list[int] = []

    def end_and_write(pipeline, books, clients):
        if not lost:
            lost.append(pipeline.connection.info.backend_pid)
            threads.at_once(partial(fetch, KILL, lost))
        write_back(pipeline, books, clients)

    monkeypatch.setattr(group, "write_back", end_and_write)
    people.transfer(alices, bobs, 10_00)
    assert lost
    assert people.balances(alices, bobs) == [90_00, 10_00]


@pytest.mark.django_db(transaction=True)
def test_backend_terminated_at_commit_rolls_back_and_raises(bobs, dies_at_commit):
    order = people.a_cash_in(bobs, 10_00, key="k")
    with pytest.raises(OperationalError, match="administrator"):
        posting.submit(order)
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION die CASCADE")
    assert people.balances(bobs) == [0]
    assert not posting.submit(order).replayed
    assert people.balances(bobs) == [10_00]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("group_commit", [False, True])
def test_lost_commit_pays_once(bobs, settings, key, is_done, group_commit):
    """Whether COMMIT was lost on its way, or the answer to it: PostgreSQL is asked."""
    settings.GROUP_COMMIT = group_commit
    order = people.a_cash_in(bobs, 10_00, key=key)
    with cut_at_commit(is_done=is_done):
        made = posting.submit(order)
    assert not made.replayed
    assert people.balances(bobs) == [10_00]
    assert [movement.id for movement in people.movements(bobs)] == [made.id]
