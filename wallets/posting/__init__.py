"""Posting: the entry point to submit an order.

`submit` returns after the order is committed, or raises its refusal. Concurrent orders are posted
as a group (see `group_commit`), except orders that lock users and orders in an open transaction.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from iocash import errors, traces
from iocash.db import replica
from iocash.db.groups import ByGroup
from iocash.db.pipeline import Silent
from wallets.orders.base import Order, Outcome, Result
from wallets.posting import group
from wallets.posting.group_commit import GroupCommit, Undone

log = logging.getLogger(__name__)

RETRIES = 3
LONGEST = 3.0
"""Seconds after which an order is not retried, because callers and proxies wait 30 seconds."""

MANY = 50
"""The most orders of `submit_each` in one transaction; other orders wait for their wallets."""

LONGEST_FOR_MANY = 8.0
"""Seconds after which `submit_each` starts nothing more. The transaction that was started then may
take 22 seconds; callers and proxies wait 30 seconds."""

AGAIN = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.UniqueViolation,
)
"""Errors after a rollback that a retry can resolve."""

LOST = ("08", "57P0", "25P03", "25P04")
"""SQLSTATEs of a connection that was lost or closed by the server: 25P03 for an idle transaction,
25P04 for a transaction that took too long."""


def submit(order: Order) -> Outcome:
    """Post and commit `order`, and return its outcome. This spends the order's proof.

    Raises:
        Refused: a rule does not allow it; nothing was changed.
        Overloaded: too many orders are waiting; nothing was changed.
        OutcomeUnknown: the connection was lost at COMMIT, and the outcome can't be found;
            retry with the same key.
        DatabaseError: nothing was changed (the HTTP layer answers 503).
    """
    shared = settings.GROUP_COMMIT and order.is_shared and not connection.in_atomic_block
    post = QUEUES.here.submit if shared else post_with_retries
    return outcome_of(order, post(order))


def submit_each(orders: Sequence[Order]) -> list[Result]:
    """Post many orders, and return the outcome or the refusal of each, in the same sequence.

    They share transactions, as concurrent orders do: a refusal concerns its own order only. After
    LONGEST_FOR_MANY seconds the rest is refused with Overloaded. An order whose answer is an
    `Unavailable` can be submitted again with the same key.
    """
    until = time.monotonic() + LONGEST_FOR_MANY
    answers: list[Result] = []
    for first in range(0, len(orders), MANY):
        some = orders[first : first + MANY]
        shared = settings.GROUP_COMMIT and all(each.is_shared for each in some)
        if not shared or connection.in_atomic_block:
            answers += [post_apart(each, until) for each in some]
        elif time.monotonic() > until:
            answers += [errors.Overloaded() for _ in some]
        else:
            answers += post_some(some, until)
    return answers


def post_some(orders: Sequence[Order], until: float) -> Sequence[Result]:
    """Post orders as a group; if it is undone, each of them alone."""
    try:
        return post_group(orders, lambda: None)
    except Undone as undone:
        if undone.answer:
            return [undone.answer() for _ in orders]
        cause = type(undone.__cause__).__name__  # its text may quote personal data
        log.info("%d orders were rolled back: %s", len(orders), cause)
        return [post_apart(each, until) for each in orders]
    except Exception:
        log.exception("the outcome of %d orders is unknown", len(orders))
        return [errors.OutcomeUnknown() for _ in orders]


def post_apart(order: Order, until: float) -> Result:
    """Post one order; an error is its answer, so that others can continue.

    After `until` it is not started. After a bug its outcome is unknown.
    """
    if time.monotonic() > until:
        return errors.Overloaded()
    try:
        return post_with_retries(order)
    except errors.Refused as refused:
        return refused.with_traceback(None)
    except (DatabaseError, InterfaceError) as error:
        is_locked = isinstance(error.__cause__, psycopg.errors.LockNotAvailable)
        log.warning("an order of many was not posted: %s", type(error.__cause__).__name__)
        return errors.LockTimeout() if is_locked else errors.DatabaseUnavailable()
    except Exception:
        log.exception("the outcome of an order is unknown")
        return errors.OutcomeUnknown()


def submit_within(orders: Sequence[Order]) -> list[Result]:
    """Post orders in the transaction that is open, and return the outcome or refusal of each.

    The outer transaction commits them together with its own changes, or undoes all of them.

    Raises:
        Inconsistent: no transaction is open.
        DatabaseError: the transaction must be undone.
    """
    if not connection.in_atomic_block:
        raise errors.Inconsistent("nothing would commit or undo these orders together")
    return group.post(orders) if orders else []


def dry_run(order: Order) -> Outcome:
    """Return the outcome that `submit` would have now, as predicted, and change nothing.

    The order is judged by the same code under the same locks, in a transaction of its own that is
    rolled back. It never shares a group: the orders of a group see what those before them left.
    A used key is replayed. This spends the order's proof.

    Raises:
        Refused: a rule does not allow it.
        DatabaseError: as `submit`.
    """
    outcome = outcome_of(order, post_with_retries(order, group.DryRun))
    return outcome if outcome.replayed else replace(outcome, is_predicted=True)


def outcome_of(order: Order, answer: Result) -> Outcome:
    """Return the outcome of an order whose proof was checked, or raise its refusal."""
    if not isinstance(answer, errors.Refused):
        if order.proof:
            order.proof.spend()
        if answer.written:
            replica.note_write(answer.written)
        return answer
    try:
        raise answer
    finally:
        del answer  # avoids a reference cycle with this frame


@traces.spanned("group")
def post_group(orders: Sequence[Order], before_asking: Callable[[], None]) -> Sequence[Result]:
    """Post a group of orders, without waiting long for wallets that are locked.

    If the group's outcome is unknown, the answer of refused orders, which changed nothing, is
    DatabaseUnavailable, and that of all others is OutcomeUnknown.

    Raises:
        Undone: provably nothing was changed.
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
    """The answer to an order whose group has an unknown outcome."""
    if isinstance(answer, errors.Refused):
        return errors.DatabaseUnavailable()
    return errors.OutcomeUnknown()


def post_with_retries(order: Order, kind: type[group.Posting] = group.Posting) -> Result:
    """Post one order; retry it after a rollback that a retry can resolve.

    Raises:
        OutcomeUnknown: as `submit`; it is not retried.
        DatabaseError: nothing was changed.
    """
    begun = time.monotonic()
    for pause in [*pauses(), None]:  # no pause after the last attempt
        own = kind()
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


def new_queue() -> GroupCommit:
    return GroupCommit(post_group, post_with_retries, room=1_000, patience=4.0, most=200)


QUEUES: Final = ByGroup(new_queue)
"""The queues of this process. Orders of two groups of clients never share a transaction."""


def pauses() -> list[float]:
    """Short pauses with jitter, so that colliding orders do not collide again."""
    return [random.uniform(0.5, 1.0) * 0.01 * 2**n for n in range(RETRIES)]  # noqa: S311


def explained(order: Order, error: Exception) -> errors.Refused | None:
    """The order's refusal for a violated constraint."""
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return order.explain(constraint) if constraint else None


def is_worth_a_retry(error: Exception) -> bool:
    """Whether the order was rolled back and a retry can succeed, as after a lost connection."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or isinstance(cause, Silent):
        return False
    if cause.sqlstate is None:
        return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return isinstance(cause, AGAIN) or cause.sqlstate.startswith(LOST)
