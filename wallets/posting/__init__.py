"""The way in: what a request calls to have an order done.

`submit` answers when the order is durable, or was refused. Orders that arrive together are posted
together (see `group_commit`), except orders that lock users, and orders in an open transaction.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from iocash import errors
from iocash.db.pipeline import Silent
from wallets.orders import Order, Outcome, Result
from wallets.posting import group
from wallets.posting.group_commit import GroupCommit, Undone

RETRIES = 3
LONGEST = 3.0
"""Seconds after which an order is not tried again: callers, and proxies, wait no longer than 30."""

AGAIN = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.UniqueViolation,
)
"""After these everything was undone, and a second look at the books will decide."""

LOST = ("08", "57P0", "25P03", "25P04")
"""SQLSTATEs of a connection that broke, or that the server ended: 25P03 for being idle in a
transaction, 25P04 for a transaction that took too long."""


def submit(order: Order) -> Outcome:
    """Post `order`, durably, and return what it made; that spends the order's proof.

    Raises:
        Refused: a rule said no, and nothing was done.
        Overloaded: too many wait already, and nothing was done.
        OutcomeUnknown: the connection broke at COMMIT, and the outcome can't be found;
            repeat the order with its key.
        DatabaseError: nothing was done (the dialect answers 503).
    """
    shared = settings.GROUP_COMMIT and order.is_shared and not connection.in_atomic_block
    answer = GROUPS.submit(order) if shared else post_with_retries(order)
    if not isinstance(answer, errors.Refused):
        if order.proof:
            order.proof.spend()
        return answer
    try:
        raise answer
    finally:
        del answer  # or it and this frame would keep one another


def post_group(orders: Sequence[Order], before_asking: Callable[[], None]) -> Sequence[Result]:
    """Post the orders of many; a wallet that somebody else keeps locked is not waited for.

    If the group's outcome is unknown, an order that was refused did nothing: its
    answer is DatabaseUnavailable, and that of all others is OutcomeUnknown.

    Raises:
        Undone: nothing was done, provably.
    """
    own = group.Posting(before_asking)
    try:
        return group.post(orders, own, is_brief=True)
    except errors.OutcomeUnknown:
        return [unknown(each) for each in own.outcomes]
    except Exception as error:
        if not own.is_undone:
            raise
        is_silent = isinstance(error.__cause__, Silent)
        raise Undone(errors.DatabaseUnavailable if is_silent else None) from error


def unknown(answer: Result) -> errors.Refused:
    """Answer an order whose group may or may not have been committed."""
    if isinstance(answer, errors.Refused):
        return errors.DatabaseUnavailable()
    return errors.OutcomeUnknown()


def post_with_retries(order: Order) -> Result:
    """Post one order; what was undone, and may go better now, is tried again.

    Raises:
        OutcomeUnknown: as `submit`; it is not tried again.
        DatabaseError: nothing was done.
    """
    begun = time.monotonic()
    for pause in [*pauses(), None]:  # after the last try there is no pause
        own = group.Posting()
        try:
            return group.post([order], own)[0]
        except (DatabaseError, InterfaceError) as error:
            if not own.is_undone:
                raise errors.OutcomeUnknown() from error
            if refusal := explained(order, error):
                return refusal
            if pause is None or connection.in_atomic_block or not is_worth_a_retry(error):
                raise
            if time.monotonic() - begun > LONGEST:
                raise
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


GROUPS = GroupCommit(post_group, post_with_retries, room=1_000, patience=4.0, most=200)
"""The queue of this process."""


def pauses() -> list[float]:
    """Short and jittered, so that those who collided do not collide again."""
    return [random.uniform(0.5, 1.0) * 0.01 * 2**n for n in range(RETRIES)]  # noqa: S311


def explained(order: Order, error: Exception) -> errors.Refused | None:
    """Let the order say what the refusal of a constraint means."""
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return order.explain(constraint) if constraint else None


def is_worth_a_retry(error: Exception) -> bool:
    """Return whether everything was undone and may go better now: lost connections are worth it."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or isinstance(cause, Silent):
        return False
    if cause.sqlstate is None:
        return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return isinstance(cause, AGAIN) or cause.sqlstate.startswith(LOST)
