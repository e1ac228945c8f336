"""Reads rows under lock, applies a group of orders to them, and writes the changes.

`post` runs any number of orders in one transaction:

1. It locks the users by id, then the wallets by id. All transactions lock in this sequence, so
   they can't deadlock.
2. *In the next statements*, with a fresh snapshot, it reads the rows that those locks protect.
   The locking statement can't read them: after a wait, PostgreSQL re-reads only the locked rows
   and returns all others as they were before the wait.
3. Each order is replayed, applied or refused, in turn, in memory.
4. The changes are written with set-based statements, and committed once.

Locks and reads are sent together, and so are writes and COMMIT: two trips to the database.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from django.conf import settings

from iocash import errors
from iocash.db.pipeline import ROLLBACK, Pipeline
from iocash.db.replica import Written
from iocash.db.transactions import Transaction, as_array, note_witness, pipelined_transaction
from users.models.idempotency import UsedKey
from wallets.books import Books
from wallets.books.deeds import count_deeds, require_within_thresholds
from wallets.orders.base import Order, Outcome, Result, attempt
from wallets.orders.forced import refuse_if_asked
from wallets.posting import clocks
from wallets.posting.opening import open_books
from wallets.posting.write import write_back


class Posting(Transaction):
    """The transaction of a group, and the answers to its orders after the commit."""

    outcomes: Sequence[Result] = ()
    is_dry_run: ClassVar[bool] = False
    """Whether nothing is written, whatever the outcomes are."""


class DryRun(Posting):
    """The transaction of a dry run: it is rolled back, so its outcome is never unknown."""

    is_dry_run = True

    def commit(self, pipeline: Pipeline) -> None:
        """Roll back."""
        pipeline.ask(ROLLBACK)
        pipeline.send()


def post(
    orders: Sequence[Order], own: Posting | None = None, *, is_brief: bool = False
) -> list[Result]:
    """Run orders in one transaction; each gets its own outcome or refusal.

    Inside an open transaction they are posted in a savepoint. With `is_brief`, LockNotAvailable is
    raised after waiting 200 ms for a lock.

    Connecting and all trips take DATABASE_PATIENCE seconds at most; querying an unknown outcome
    takes longer. Afterwards `own` has the outcome.

    In a DryRun nothing is written: the outcomes say what would happen, and the books are dropped.

    Raises:
        DatabaseUnavailable: the clocks differ; nothing was changed.
        OutcomeUnknown: the connection was lost at COMMIT, and the outcome can't be found.
        DatabaseError: nothing was changed.
    """
    own = own or Posting()
    until = time.monotonic() + settings.DATABASE_PATIENCE
    with pipelined_transaction(own) as pipeline:
        pipeline.until = until
        clients = {order.client_id for order in orders}
        books = open_books(pipeline, own, orders, clients, is_brief=is_brief)
        own.outcomes = outcomes = [attempt(partial(run, books, order)) for order in orders]
        if own.is_dry_run:
            return outcomes
        own.is_idle = books.is_idle
        if books.facts:
            note_witness(books.facts[0].witness)
        write_back(pipeline, books, as_array(clients))
    if settings.DATABASE_REPLICA_URL and (written := own.written):
        return [dated(each, written) for each in outcomes]
    return outcomes


def dated(answer: Result, written: Written) -> Result:
    """The outcome with its transaction, for the threads of the orders of a group."""
    return replace(answer, written=written) if isinstance(answer, Outcome) else answer


def run(books: Books, order: Order) -> Outcome:
    """Replay or apply one order; a refusal leaves the books as they were.

    Raises:
        Refused: a rule does not allow it.
        Inconsistent: the order changed the books before it was refused, which is a bug.
    """
    before = books.size
    try:
        order.check_key(books)
        order.check_shape(books)
        refuse_if_asked(order, books)
        return replay(books, order) or apply(books, order)
    except errors.Refused:
        if books.size != before:
            name = type(order).__name__
            raise errors.Inconsistent(f"{name} changed the books, then refused") from None
        raise


def replay(books: Books, order: Order) -> Outcome | None:
    """The outcome of the order's key, if it was used; None for a new key.

    Raises:
        IdempotencyKeyReused: the key was used for another request.
    """
    used = books.keys.get((order.client_id, order.key)) if order.key else None
    if used is None:
        return None
    used.require_same(order.digest())
    return Outcome(used.made, used.made_id, used.status, replayed=True)


def apply(books: Books, order: Order) -> Outcome:
    """Apply an order, and store its key with the created object.

    Raises:
        DatabaseUnavailable: the last movement of a wallet is in the future.
        ApprovalRequired: a member of staff may not do it alone.
        Refused: a rule does not allow it.
    """
    for wallet in map(books.wallets.get, order.needs.settles):
        if wallet and wallet.client_id == order.client_id:
            clocks.require_passed(wallet, books.now)
    deeds = order.deeds(books) if order.needs.staff else ()
    if deeds:
        require_within_thresholds(books, order.by, deeds)
    outcome = order.apply(books)
    if deeds:
        count_deeds(books, order.by, deeds)
    if order.key:
        used = UsedKey.of(
            order.client_id,
            order.key,
            order.digest(),
            made=outcome.made,
            made_id=outcome.id,
            status=outcome.status,
        )
        books.keys[used.client_id, used.key] = used
        books.used_keys.append(used)
    return outcome
