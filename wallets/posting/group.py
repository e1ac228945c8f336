"""Opens the books with rows read under lock, and writes back what the orders changed.

`post` runs any number of orders in one transaction:

1. It locks, always in the same sequence: the users that orders name, by id; then the wallets, by
   id. Everybody locks in this sequence, so nobody can wait in a circle.
2. *In the next statements*, with a fresh snapshot, it reads what those locks protect. To read it
   in the locking statement would be wrong: after a wait, PostgreSQL looks again only at the rows
   that it locks and shows all others as they were before the wait.
3. Each order is replayed, applied or refused, in turn, in memory.
4. What changed is written set-based, and committed once.

Locks and reads are sent together, and so are writes and COMMIT: two trips to the database.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from django.conf import settings

from iocash.db.transactions import Transaction, as_array, note_witness, pipelined_transaction
from wallets.orders import Order, Result, attempt
from wallets.posting.opening import open_books
from wallets.posting.run import run
from wallets.posting.write import write_back


class Posting(Transaction):
    """The transaction of orders, and what they are answered once it is committed."""

    outcomes: Sequence[Result] = ()


def post(
    orders: Sequence[Order], own: Posting | None = None, *, is_brief: bool = False
) -> list[Result]:
    """Run orders in one transaction; each gets its own outcome or refusal.

    Inside an open transaction they are posted in it, behind a savepoint. With `is_brief` no lock is
    waited for longer than 200 ms: then LockNotAvailable is raised.

    Connecting and all trips together take DATABASE_PATIENCE seconds at most; an outcome that has to
    be asked for takes longer. `own` knows afterwards whether it was rolled back.

    Raises:
        DatabaseUnavailable: its clock differs from ours; nothing was done.
        OutcomeUnknown: the connection broke at COMMIT, and the outcome can't be found.
        DatabaseError: nothing was done.
    """
    own = own or Posting()
    until = time.monotonic() + settings.DATABASE_PATIENCE
    with pipelined_transaction(own) as pipeline:
        pipeline.until = until
        clients = {order.client_id for order in orders}
        books = open_books(pipeline, own, orders, clients, is_brief=is_brief)
        own.outcomes = outcomes = [attempt(partial(run, books, order)) for order in orders]
        own.is_idle = books.is_idle
        if books.facts:
            note_witness(books.facts[0].witness)
        write_back(pipeline, books, as_array(clients))
    return outcomes
