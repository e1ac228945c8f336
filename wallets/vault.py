"""Opens the books with rows read under lock, and writes back what the orders changed.

`post` runs any number of orders in one transaction:

1. It locks, always in the same sequence: the users that orders name, by id; then the wallets, by
   id. Everybody locks in this sequence, so nobody can wait in a circle.
2. *In the next statements*, with a fresh snapshot, it reads what those locks protect. To read it
   in the locking statement would be wrong: after a wait, PostgreSQL looks again only at the rows
   that it locks and shows all others as they were before the wait.
3. Each order is replayed, applied or refused, in turn, in memory.
4. What changed is written set-based, and committed once.

The statements of a step are pipelined: a step costs one round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from iocash import errors
from iocash.transactions import durable
from wallets import limits, reading
from wallets.books import Books
from wallets.models import Wallet
from wallets.orders import Order, Outcome, attempt
from wallets.reading import HOLD, MOVEMENT, named, read, rows
from wallets.rows import Leg, LockedAccount, LockedHold, LockedUser, LockedWallet, UsedKey
from wallets.writing import columns, write_back


def post(orders: Sequence[Order], *, is_brief: bool = False) -> list[Outcome | errors.Refused]:
    """Run orders in one transaction; each gets its own outcome or refusal.

    Inside an open transaction they are posted in it, behind a savepoint. With `is_brief` nobody is
    waited for longer than a moment: then LockNotAvailable is raised.

    Raises:
        OutcomeUnknown: the connection broke at commit.
        DatabaseError: nothing was done.
    """
    with durable(), connection.wrap_database_errors:
        raw = connection.connection
        books = open_books(raw, orders, is_brief=is_brief)
        outcomes = [attempt(partial(books.run, order)) for order in orders]
        write_back(raw, books)
    return outcomes


def open_books(
    raw: psycopg.Connection[Any], orders: Sequence[Order], *, is_brief: bool = False
) -> Books:
    """Lock what the orders name, then read what the locks protect; let overdue holds go."""
    user_ids = named(order.users() for order in orders)
    wallet_ids = named(order.wallets() for order in orders)
    limited_ids = named(order.limited() for order in orders)
    crossing_ids = named(order.crossing() for order in orders)
    movement_ids = named(order.movements() for order in orders)
    hold_ids = named(order.holds() for order in orders)
    account_ids = named(order.accounts() for order in orders)
    count = sum(order.numbers() for order in orders)
    keyed = [(order.client_id, order.key) for order in orders if order.key]
    with raw.pipeline():
        if is_brief:
            reading.ask(raw, reading.BE_BRIEF)
        users = reading.ask(raw, reading.LOCK_USERS, [user_ids]) if user_ids else None
        wallets = (
            reading.ask(raw, reading.LOCK_WALLETS_OF_USERS, [wallet_ids, user_ids, limited_ids])
            if user_ids or limited_ids
            else reading.ask(raw, reading.LOCK_WALLETS, [wallet_ids])
        )
        owners = reading.ask(raw, reading.READ_OWNERS, [wallet_ids])
        balances, flows = (
            reading.ask(raw, statement, [ids, limits.TOP]) if ids else None
            for statement, ids in (
                (reading.READ_BALANCES, limited_ids),
                (reading.READ_FLOWS, crossing_ids),
            )
        )
        keys = reading.ask(raw, reading.READ_KEYS, columns(keyed)) if keyed else None
        movements = (
            reading.ask(raw, reading.READ_MOVEMENTS, [movement_ids]) if movement_ids else None
        )
        reversed_ = (
            reading.ask(raw, reading.READ_REVERSED, [movement_ids]) if movement_ids else None
        )
        holds = reading.ask(raw, reading.READ_HOLDS, [hold_ids]) if hold_ids else None
        accounts = reading.ask(raw, reading.READ_ACCOUNTS, [account_ids]) if account_ids else None
        numbers = reading.ask(raw, reading.DRAW_NUMBERS, [count]) if count else None
        clock = reading.ask(raw, reading.READ_CLOCK)
    owned = rows(owners)
    status_of = {user_id: status for user_id, status, _ in owned}
    locked = [LockedWallet(*row) for row in rows(wallets)]
    for wallet in locked:
        wallet.owner = status_of.get(wallet.user_id, "")
    books = Books(
        now=rows(clock)[0][0],
        users={row[0]: LockedUser(*row) for row in rows(users)},
        wallets={wallet.id: wallet for wallet in locked},
        keys={(row[0], row[1]): UsedKey(*row) for row in rows(keys)},
        movements={row[0]: read(Leg, MOVEMENT, row) for row in rows(movements)},
        reversed=dict(rows(reversed_)),
        holds={row[0]: read(LockedHold, HOLD, row) for row in rows(holds)},
        accounts={row[0]: LockedAccount(*row) for row in rows(accounts)},
        numbers=[number for (number,) in rows(numbers)],
    )
    levels = {user_id: level for user_id, _, level in owned}
    books.allowances = reading.allowances(books, limited_ids, levels, rows(balances), rows(flows))
    let_go(raw, books, {order.client_id for order in orders})
    if wanted := named(order.versions() for order in orders):
        shown = Wallet.objects.seen().filter(id__in=wanted)
        books.versions = {wallet.id: wallet.version for wallet in shown}
    return books


def let_go(raw: psycopg.Connection[Any], books: Books, clients: set[UUID]) -> None:
    """End the holds that are overdue in the clients' locked wallets; most often there are none."""
    overdue = [
        wallet
        for wallet in books.wallets.values()
        if wallet.next_expiry and wallet.next_expiry <= books.now and wallet.client_id in clients
    ]
    if not overdue:
        return
    values = [[wallet.id for wallet in overdue], books.now]
    with raw.pipeline():
        holds = reading.ask(raw, reading.READ_OVERDUE, values)
        expiries = reading.ask(raw, reading.READ_NEXT_EXPIRIES, values)
    next_expiry: dict[UUID, datetime] = dict(rows(expiries))
    for wallet in overdue:
        wallet.next_expiry = next_expiry.get(wallet.id)
        wallet.is_changed = True
    for row in rows(holds):
        books.holds.setdefault(row[0], read(LockedHold, HOLD, row))
    books.expire()
