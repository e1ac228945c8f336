"""A COMMIT is not answered, and to ask what became of it is not easy either."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Timer
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from iocash.db.transactions import pipelined_transaction
from tests.faults.commit_faults import DONE, RIGHT, outcome_of
from tests.faults.relay import (
    WRITES,
    Fault,
    Relay,
    cut,
    fall_silent,
    freeze,
    lose_the_answer,
    relayed,
    shut,
)
from users.models import events

pytestmark = pytest.mark.django_db(transaction=True)

LOST = Fault("app:Sync", lose_the_answer, is_after=True)
SHUT = Fault("app:Sync", shut, is_after=True)
LONGEST = 30.0
"""Seconds that the proxy waits for an answer."""
UNSURE = ("outcome_unknown", 1)


@pytest.fixture
def relay(alices, bobs) -> Iterator[Relay]:
    with relayed() as relay:
        yield relay


def test_payment_is_confirmed_when_the_database_is_reachable_again(api, alices, bobs, relay):
    opening = Timer(1.0, setattr, [relay, "is_shut", False])

    def shut_for_a_second(conversation: Any) -> None:
        shut(conversation)
        opening.start()

    fault = Fault("app:Sync", shut_for_a_second, is_after=True)
    assert outcome_of(api, alices, bobs, relay, fault) == (201, 1)
    opening.join()


@pytest.mark.parametrize("error", [OSError(24, "too many files"), MemoryError()], ids=repr)
def test_payment_is_made_once_when_the_outcome_query_fails_unexpectedly(
    api, alices, bobs, relay, error
):
    connect, failed = psycopg.connect, list[Exception]()

    def fail_once(*words: Any, **given: Any) -> Any:
        if relay.met and not failed:
            failed.append(error)
            raise error
        return connect(*words, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg, "connect", fail_once)
        assert outcome_of(api, alices, bobs, relay, LOST) in {(201, 1), UNSURE}
    assert failed


def test_payment_is_confirmed_when_the_database_never_answers(api, alices, bobs, relay, settings):
    settings.DATABASE_PATIENCE = 1.0
    fault = Fault(DONE, fall_silent)
    assert outcome_of(api, alices, bobs, relay, fault) == (201, 1)


def test_payment_is_made_once_when_several_connections_break(api, alices, bobs, relay):
    faults = [Fault("app:Execute", cut), Fault(WRITES, cut), Fault("app:Sync", cut)]
    relay.plan(*faults)
    result = outcome_of(api, alices, bobs, relay, Fault("app:Parse", cut), are_more=True)
    assert result in RIGHT


@pytest.mark.ci
@pytest.mark.parametrize(
    "fault",
    [
        SHUT,
        Fault(WRITES, freeze),
        Fault("app:Execute", freeze),
    ],
    ids=str,
)
def test_payment_is_unknown_within_the_time_limit_when_the_outcome_query_fails(
    api, alices, bobs, relay, settings, fault
):
    """Takes half a minute: the time limit is 12 s."""
    settings.DATABASE_PATIENCE = 12.0
    begun = time.monotonic()
    relay.plan(fault)
    answer = api.post(
        f"wallets/{alices.id}/movements",
        {"type": "TRANSFER", "targetWalletId": str(bobs.id), "amount": "10.00"},
    )
    assert answer.code == "outcome_unknown"
    assert time.monotonic() - begun < LONGEST


def test_thread_serves_the_next_request_when_its_connection_breaks_in_a_change(api, alice):
    """Django's state of a broken transaction must not affect the next request."""

    def break_off(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "record_about", break_off)
        answer = api.patch(f"users/{alice.id}", {"firstName": "Alicia"})
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert api.patch(f"users/{alice.id}", {"firstName": "Alicia"}).status == 200


def test_thread_serves_the_next_request_when_its_connection_breaks_before_a_savepoint(api, alice):
    """Django records the atomic block before it creates the savepoint."""

    @pipelined_transaction()
    def break_off() -> None:
        connection.connection.close()
        with transaction.atomic():
            pass

    with pytest.raises(OperationalError):
        break_off()
    assert not connection.in_atomic_block
    assert api.get(f"users/{alice.id}").status == 200
