"""Processes that advance the barrier meet each other, and writers, at the worst moment.

Each test stops one of them exactly there, with locks and signals.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event as Signal
from typing import Any

import psycopg
import pytest
from django.db import connection

from iocash import errors
from iocash.db.transactions import as_rows
from tests.support import people
from tests.support.server import database_of_tests
from tests.support.threads import PATIENCE, Caller, wait_until_blocked
from users.models import Barrier, Client, barrier
from users.models.events import INSERT, EventKind, Fact, record_facts

pytestmark = pytest.mark.django_db(transaction=True)

LONG = 120.0
"""Seconds; other tests may be writing in the same cluster, and hold the barrier back."""
COLUMNS = ("released_at", "barrier_at", "released_position", "barrier_position")


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release is never fresh, and whoever is held back tries again for long."""
    monkeypatch.setattr(barrier, "LONGEST_AGE", 0.0)
    monkeypatch.setattr(barrier, "LONGEST_WAIT", LONG)


def row() -> tuple[Any, ...]:
    return tuple(Barrier.objects.values_list(*COLUMNS).get())


def a_fact(client: Client) -> Fact:
    return Fact(client.id, "client", client.id, EventKind.CLIENT_ACTIVATED, people.BY)


def record(client: Client) -> None:
    record_facts(a_fact(client))


def release_all() -> int:
    """Release every event; return the last position."""
    until = time.monotonic() + LONG
    while (state := barrier.State.read()).has_unreleased_events or state.was_set_back:
        assert time.monotonic() < until
        barrier.release_events()
    return state.last_position


@contextmanager
def before_asking(monkeypatch: pytest.MonkeyPatch, call: Callable[[str], Any]) -> Iterator[None]:
    """Call before each statement of the barrier, with the statement."""
    real = barrier.ask

    def ask(statement: str, values: list[Any] | None = None) -> Any:
        call(statement)
        return real(statement, values)

    with monkeypatch.context() as patch:
        patch.setattr(barrier, "ask", ask)
        yield


def test_slower_of_two_processes_does_not_set_the_barrier_back(
    client_demo: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read time and position, and writes them after the other one has advanced further."""
    slow: list[int] = []
    has_read, go_on = Signal(), Signal()

    def advance_slowly() -> bool:
        slow.append(threading.get_ident())
        return barrier.advance()

    def stop_the_slow_one(statement: str) -> None:
        if statement == barrier.ADVANCE and threading.get_ident() in slow:
            has_read.set()
            assert go_on.wait(PATIENCE)

    record(client_demo)
    with before_asking(monkeypatch, stop_the_slow_one):
        caller = Caller(advance_slowly)
        assert has_read.wait(PATIENCE)
        record(client_demo)
        last = release_all()
        before = row()
        go_on.set()
        assert caller.answer is True
    for earlier, later in zip(before, row(), strict=True):
        assert earlier <= later
    assert Barrier.objects.get().barrier_position == last


# --- The position is read before the transaction has its number ----------------------------------

LOCK = "UPDATE users_barrier SET released_position = released_position"
NUMBER = "SELECT pg_current_xact_id_if_assigned()"


class Writer:
    """Somebody who records an event, and does not commit."""

    def __init__(self, client: Client) -> None:
        self.connection = psycopg.connect(database_of_tests())
        self.facts = [a_fact(client)]
        self.position = 0

    def take(self) -> None:
        if not self.position:
            values = [as_rows(self.facts)]
            (row,) = self.connection.execute(f"{INSERT} RETURNING position", values).fetchall()
            self.position = row[0]


@pytest.fixture
def writer(client_demo: Client) -> Iterator[Writer]:
    made = Writer(client_demo)
    yield made
    made.connection.close()


def has_number() -> bool:
    """Whether the transaction of this thread has a number; it changes nothing."""
    if not connection.in_atomic_block:
        return False
    with connection.cursor() as cursor:
        cursor.execute(NUMBER)
        return bool(cursor.fetchone() != (None,))


def test_position_that_a_later_transaction_takes_is_not_released(
    client_demo: Client, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advance has its number, and waits for the row. A writer then takes its own, and begins.

    Had the advance read the last position after its number, it would release the writer's.
    """
    record(client_demo)
    with psycopg.connect(database_of_tests()) as holder:
        holder.execute(LOCK)
        caller = Caller(barrier.advance)
        wait_until_blocked()
        writer.take()
        holder.commit()
        assert caller.answer is True
    assert barrier.State.read().released_position < writer.position


def test_advance_reads_the_position_before_it_has_a_number(
    client_demo: Client, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer takes a position as soon as the advance has a number, before its next statement."""

    def take_if_numbered(_: str) -> None:
        if has_number():
            writer.take()

    record(client_demo)
    with before_asking(monkeypatch, take_if_numbered):
        barrier.advance()
    writer.take()
    assert barrier.State.read().released_position < writer.position


def test_events_of_a_role_without_the_sequence_stop_the_duty(
    client_demo: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last position is NULL then, and nothing would be released any more, without an error."""
    record(client_demo)
    monkeypatch.setattr(barrier, "STATE", barrier.STATE.replace(barrier.LAST_POSITION, "NULL"))
    for call in (
        barrier.advance,
        barrier.release_events,
        partial(barrier.advance_after_writes, None),
    ):
        with pytest.raises(errors.Inconsistent, match="sequence"):
            call()
