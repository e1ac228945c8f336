"""A connection breaks at each message around COMMIT, or somebody lies there: paid once, or not.

PostgreSQL itself is well, so whoever asks it can know: to doubt is not allowed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.faults.relay import (
    WRITES,
    Fault,
    Relay,
    cut,
    end,
    every,
    lose_the_answer,
    relayed,
    say,
    stall,
)
from tests.support import people
from tests.support.embedded_postgres import eventually
from tests.support.server import at_rest
from wallets.models import Movement

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = ["app:Parse", "app:Bind", "app:Describe", "app:Execute", "app:Sync"]
"""The messages that ask for COMMIT. PostgreSQL does it at Execute."""
WRITTEN = ["postgres:BindComplete", "postgres:CommandComplete INSERT", "postgres:NoData"]
DONE = "postgres:CommandComplete COMMIT"
READY = "postgres:ReadyForQuery"
ANSWERED = [*WRITTEN, DONE, READY]

BROKEN = [
    *every([WRITES, *ASKED, *ANSWERED], cut),
    *every(ANSWERED, lose_the_answer),
    Fault("app:Sync", cut, is_after=True),
    Fault("app:Sync", lose_the_answer, is_after=True),
    Fault(DONE, cut, is_after=True, name="COMMIT is answered and nothing more"),
    Fault(READY, cut, is_after=True, name="everything is answered and the connection ends"),
]
LIES = [
    Fault("app:Sync", say("FATAL", "08P01"), is_after=True),
    *every(ANSWERED, say("FATAL", "08P01"), say("ERROR", "08P01")),
]
ENDED = every([WRITES, "app:Execute"], *map(end, ["57P01", "25P03", "25P04", "08P01"]))
OTHER_STATES = [
    Fault(at, say(severity, state), is_after=at == "app:Sync")
    for at in ["app:Sync", *ANSWERED]
    for severity, states in {
        "FATAL": ["57P01", "57P02", "25P03", "25P04", "53300", "XX000"],
        "ERROR": ["40001", "40P01", "57014", "55P03", "23505", "25P02", "XX000"],
        "PANIC": ["XX000"],
    }.items()
    for state in states
]
SURE = {"database_unavailable", "lock_timeout", "statement_timeout", "overloaded"}
"""The codes that say that nothing was done."""


@pytest.fixture
def relay(alices, bobs) -> Iterator[Relay]:
    with relayed() as relay:
        yield relay


def outcome_of(
    api, source, target, relay: Relay, fault: Fault, *, are_more: bool = False
) -> tuple[Any, int]:
    """Pay without a key; tell what the caller was told, and how often it was paid."""
    relay.plan(fault)
    answer = api.post(f"wallets/{source.id}/movements", people.to(target, "10.00"))
    connection.close()  # the fault may have left it broken
    eventually(at_rest)
    assert relay.met if are_more else relay.met == [fault]
    told = answer.json.get("code", answer.status)
    return told, Movement.objects.filter(wallet=target).count()


RIGHT = {(201, 1), *((code, 0) for code in SURE)}


@pytest.mark.parametrize("fault", [*BROKEN, *LIES, *ENDED], ids=str)
def test_payment_without_a_key_is_made_once_and_answered_correctly(api, alices, bobs, relay, fault):
    assert outcome_of(api, alices, bobs, relay, fault) in RIGHT


@pytest.mark.ci
@pytest.mark.parametrize("fault", OTHER_STATES, ids=str)
def test_payment_is_made_once_for_any_error_message(api, alices, bobs, relay, fault):
    assert outcome_of(api, alices, bobs, relay, fault) in RIGHT


@pytest.mark.ci
@pytest.mark.parametrize("fault", [*BROKEN, *LIES, *ENDED, *OTHER_STATES], ids=str)
def test_payment_is_made_once_without_group_commit(api, alices, bobs, relay, settings, fault):
    settings.GROUP_COMMIT = False
    assert outcome_of(api, alices, bobs, relay, fault) in RIGHT


@pytest.mark.parametrize("grouped", [True, False], ids=["grouped", "alone"])
@pytest.mark.parametrize("limit", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_payment_is_made_once_when_postgresql_ends_its_transaction(
    api, alices, bobs, relay, settings, limit, grouped
):
    """The limit is set on one connection; the second try uses another."""
    settings.GROUP_COMMIT = grouped
    connection.ensure_connection()
    connection.connection.execute(f"SET {limit} = '50ms'")
    fault = Fault(WRITES, stall(0.2))
    assert outcome_of(api, alices, bobs, relay, fault) == (201, 1)
