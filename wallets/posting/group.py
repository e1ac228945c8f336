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
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings

from iocash import errors
from iocash.db.outcome import Mark
from iocash.db.pipeline import Answer, Pipeline
from iocash.db.transactions import Transaction, as_array, as_rows, durable, testify
from users.credentials import READ_BY_IDS, Credentials
from wallets.books import Books, limits
from wallets.books.rows import Leg, LockedAccount, LockedHold, LockedUser, LockedWallet, UsedKey
from wallets.models import Wallet
from wallets.orders import Order, Outcome, attempt
from wallets.posting import clocks, read
from wallets.posting.read import HOLD, MOVEMENT, named, record, rows
from wallets.posting.run import run
from wallets.posting.write import write_back


class Posting(Transaction):
    """The transaction of orders, and what they are answered once it is committed."""

    outcomes: Sequence[Outcome | errors.Refused] = ()


def post(
    orders: Sequence[Order], own: Posting | None = None, *, is_brief: bool = False
) -> list[Outcome | errors.Refused]:
    """Run orders in one transaction; each gets its own outcome or refusal.

    Inside an open transaction they are posted in it, behind a savepoint. With `is_brief` no lock is
    waited for longer than 200 ms: then LockNotAvailable is raised.

    Connecting and all trips together take DATABASE_PATIENCE seconds at most; an outcome that has to
    be asked for takes longer. `own` tells afterwards whether it was rolled back.

    Raises:
        DatabaseUnavailable: its clock differs from ours; nothing was done.
        OutcomeUnknown: the connection broke at COMMIT, and nobody can tell what became of it.
        DatabaseError: nothing was done.
    """
    own = own or Posting()
    until = time.monotonic() + settings.DATABASE_PATIENCE
    with durable(own) as pipeline:
        pipeline.until = until
        books = open_books(pipeline, own, orders, is_brief=is_brief)
        own.outcomes = outcomes = [attempt(partial(run, books, order)) for order in orders]
        own.is_idle = books.is_idle
        if books.facts:
            testify(books.facts[0].witness)
        write_back(pipeline, books)
    return outcomes


def open_books(
    pipeline: Pipeline, own: Transaction, orders: Sequence[Order], *, is_brief: bool = False
) -> Books:
    """Lock what the orders name, then read what the locks protect; let overdue holds go."""
    users = named(order.users() for order in orders)
    wallets = named(order.wallets() for order in orders)
    limited = named(order.limited() for order in orders)
    crossing = named(order.crossing() for order in orders)
    movements = named(order.movements() for order in orders)
    holds = named(order.holds() for order in orders)
    accounts = named(order.accounts() for order in orders)
    added = sorted({each for order in orders for each in order.added_accounts()})
    keys = [{"client_id": order.client_id, "key": order.key} for order in orders if order.key]
    numbers = sum(order.numbers() for order in orders)
    shown = [*{order.credentials.id for order in orders if order.credentials}]

    def ask(statement: str, *values: Any, when: Any = True) -> Answer | None:
        if not when:
            return None
        arrays = [as_array(each) if isinstance(each, list) else each for each in values]
        return pipeline.ask(statement, arrays)

    ask(read.BE_BRIEF, when=is_brief)
    locks, whose = read.locks(orders)
    locked_users = ask(locks.users, users, whose, when=users)
    if users or limited:
        locked = ask(locks.wallets_of_users, wallets, whose, users, whose, limited, whose)
    else:
        locked = ask(locks.wallets, wallets, whose)
    owners = ask(read.READ_OWNERS, wallets)
    balances = ask(read.READ_BALANCES, limited, limits.TOP, when=limited)
    flows = ask(read.READ_FLOWS, crossing, limits.TOP, when=crossing)
    used = ask(read.READ_KEYS, as_rows(keys), when=keys)
    legs = ask(read.READ_MOVEMENTS, movements, when=movements)
    reversed_ = ask(read.READ_REVERSED, movements, when=movements)
    promised = ask(read.READ_HOLDS, holds, when=holds)
    banks = ask(read.READ_ACCOUNTS, accounts, when=accounts)
    added_to, ibans = [each for each, _ in added], [iban for _, iban in added]
    there = ask(read.READ_ACCOUNTS_THERE, added_to, ibans, when=added)
    drawn = ask(read.DRAW_NUMBERS, numbers, when=numbers)
    valid = ask(READ_BY_IDS, shown, when=shown)
    clock = ask(read.READ_CLOCK)
    pipeline.send()
    *mark, machine, now = rows(clock)[0]
    own.mark = Mark.of_row(*mark, pipeline=pipeline)
    clocks.require_agreement(machine)
    owned = rows(owners)
    status_of = {user_id: status for user_id, status, _ in owned}
    found = [LockedWallet(*row) for row in rows(locked)]
    for wallet in found:
        wallet.owner = status_of.get(wallet.user_id, "")
    books = Books(
        now=now,
        users={row[0]: LockedUser(*row) for row in rows(locked_users)},
        wallets={wallet.id: wallet for wallet in found},
        keys={(row[0], row[1]): UsedKey(*row) for row in rows(used)},
        movements={row[0]: record(Leg, MOVEMENT, row) for row in rows(legs)},
        reversed=dict(rows(reversed_)),
        holds={row[0]: record(LockedHold, HOLD, row) for row in rows(promised)},
        accounts={row[0]: LockedAccount(*row) for row in (*rows(banks), *rows(there))},
        numbers=[number for (number,) in rows(drawn)],
        credentials={row[0]: Credentials.of_row(row) for row in rows(valid)},
    )
    levels = {user_id: level for user_id, _, level in owned}
    books.allowances = read.allowances(books, limited, levels, rows(balances), rows(flows))
    let_go(pipeline, books, {order.client_id for order in orders})
    if wanted := [each for order in orders for each in order.versions()]:
        seen = Wallet.objects.seen().filter(id__in=wanted)
        books.versions = {wallet.id: wallet.version for wallet in seen}
    return books


def let_go(pipeline: Pipeline, books: Books, clients: set[UUID]) -> None:
    """End the holds that are overdue in the clients' locked wallets; most often there are none."""
    overdue = [
        wallet
        for wallet in books.wallets.values()
        if wallet.next_expiry and wallet.next_expiry <= books.now and wallet.client_id in clients
    ]
    if not overdue:
        return
    values = [as_array(wallet.id for wallet in overdue), books.now]
    holds = pipeline.ask(read.READ_OVERDUE, values)
    expiries = pipeline.ask(read.READ_NEXT_EXPIRIES, values)
    pipeline.send()
    next_expiry: dict[UUID, datetime] = dict(rows(expiries))
    for wallet in overdue:
        wallet.next_expiry = next_expiry.get(wallet.id)
        wallet.is_changed = True
    for row in rows(holds):
        books.holds.setdefault(row[0], record(LockedHold, HOLD, row))
    books.expire()
