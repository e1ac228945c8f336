"""The way in: what a request calls to have an order done.

`submit` answers when the order is durable, or was refused. Orders that arrive together are posted
together (see the combiner); those that lock users, or that stand in an open transaction, are not.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from iocash import errors
from wallets import vault
from wallets.combiner import Answer, Combiner
from wallets.orders import Order, Outcome

RETRIES = 3
AGAIN = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.UniqueViolation,
)
"""After these everything was undone, and a second look at the books will decide."""

LOST = ("08", "57P0")
"""SQLSTATEs of a connection that broke, or that the server ended."""


def submit(order: Order) -> Outcome:
    """Post `order`, durably, and tell what it made.

    Raises:
        Refused: a rule said no, and nothing was done.
        Overloaded: too many wait already, and nothing was done.
        OutcomeUnknown: the connection broke at commit; repeat the order with its key.
        DatabaseError: nothing was done (the dialect answers 503).
    """
    shared = settings.GROUP_COMMIT and order.is_shared and not connection.in_atomic_block
    answer = COMBINER.submit(order) if shared else post_with_retries(order)
    if not isinstance(answer, errors.Refused):
        return answer
    try:
        raise answer
    finally:
        del answer  # or it and this frame would keep one another


def post_group(orders: Sequence[Order]) -> Sequence[Answer]:
    """Post the orders of many; a wallet that somebody else keeps locked is not waited for."""
    return vault.post(orders, is_brief=True)


def post_with_retries(order: Order) -> Answer:
    for pause in pauses():
        try:
            return vault.post([order])[0]
        except (DatabaseError, InterfaceError) as error:
            if refusal := explained(order, error):
                return refusal
            if connection.in_atomic_block or not is_worth_a_retry(error):
                raise
        time.sleep(pause)
    return vault.post([order])[0]


COMBINER = Combiner(post_group, post_with_retries, room=1_000, patience=5.0, most=200)
"""The queue of this process."""


def pauses() -> list[float]:
    """Short and jittered, so that those who collided do not collide again."""
    return [random.uniform(0.5, 1.0) * 0.01 * 2**n for n in range(RETRIES)]  # noqa: S311


def explained(order: Order, error: Exception) -> errors.Refused | None:
    """Let the order say what the refusal of a constraint means."""
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return order.explain(constraint) if constraint else None


def is_worth_a_retry(error: Exception) -> bool:
    """Tell whether everything was undone and may go better now: lost connections are worth it."""
    cause = error.__cause__
    if isinstance(cause, AGAIN):
        return True
    if not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(LOST)
