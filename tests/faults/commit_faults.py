"""The faults around COMMIT, and the outcomes that are right after each of them."""

from __future__ import annotations

from typing import Any

from django.db import connection

from tests.faults.relay import (
    WRITES,
    Fault,
    Relay,
    cut,
    end,
    every,
    lose_the_answer,
    say,
)
from tests.support import people
from tests.support.embedded_postgres import eventually
from tests.support.server import at_rest
from wallets.models import Movement

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
