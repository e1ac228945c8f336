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

import dataclasses
import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.db import connection

from iocash import errors
from iocash.transactions import durable
from users.models import events
from wallets.books import Books
from wallets.models import Wallet
from wallets.orders import Order, Outcome, attempt
from wallets.rows import Leg, LockedAccount, LockedHold, LockedUser, LockedWallet, UsedKey, as_json

Row = TypeVar("Row", Leg, LockedHold)

LOCK_USERS = """
    SELECT id, client_id, status, mobile_phone, unverified_phone, dlt_address, dlt_network
    FROM users_user WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
LOCK_WALLETS = """
    SELECT id, client_id, user_id, currency, status, balance, held, seq, head, settled_at,
           received, next_expiry, iban
    FROM wallets_wallet WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
LOCK_WALLETS_OF_USERS = """
    SELECT id, client_id, user_id, currency, status, balance, held, seq, head, settled_at,
           received, next_expiry, iban
    FROM wallets_wallet WHERE id = ANY(%s) OR user_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
READ_OWNERS = """
    SELECT id, status FROM users_user
    WHERE id IN (SELECT user_id FROM wallets_wallet WHERE id = ANY(%s))
"""
READ_KEYS = """
    SELECT client_id, key, fingerprint, made, made_id, status FROM users_key
    WHERE (client_id, key) IN (SELECT * FROM unnest(%s::uuid[], %s::text[]))
"""
MOVEMENT = tuple(field.name for field in dataclasses.fields(Leg))
READ_MOVEMENTS = f"SELECT {', '.join(MOVEMENT)} FROM wallets_movement WHERE id = ANY(%s)"  # noqa: S608
READ_REVERSED = """
    SELECT reversal_of_id, sum(abs(amount))::bigint FROM wallets_movement
    WHERE reversal_of_id = ANY(%s) GROUP BY reversal_of_id
"""
HOLD = tuple(field.name for field in dataclasses.fields(LockedHold))
READ_HOLDS = f"SELECT {', '.join(HOLD)} FROM wallets_hold WHERE id = ANY(%s)"  # noqa: S608
READ_OVERDUE = f"""
    SELECT {", ".join(HOLD)} FROM wallets_hold
    WHERE wallet_id = ANY(%s) AND status = 'OPEN' AND expires_at <= %s
"""  # noqa: S608
READ_NEXT_EXPIRIES = """
    SELECT wallet_id, min(expires_at) FROM wallets_hold
    WHERE wallet_id = ANY(%s) AND status = 'OPEN' AND expires_at > %s GROUP BY wallet_id
"""
READ_ACCOUNTS = """
    SELECT id, client_id, wallet_id, iban, status FROM wallets_externalaccount WHERE id = ANY(%s)
"""
DRAW_NUMBERS = "SELECT nextval('wallets_iban_number') FROM generate_series(1, %s)"
READ_CLOCK = "SELECT clock_timestamp()"
UPDATE_WALLETS = """
    UPDATE wallets_wallet AS wallet
    SET balance = new.balance, held = new.held, seq = new.seq, head = new.head,
        settled_at = new.settled_at, received = new.received, next_expiry = new.next_expiry
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[],
                %s::timestamptz[], %s::bigint[], %s::timestamptz[])
        AS new (id, balance, held, seq, head, settled_at, received, next_expiry)
    WHERE wallet.id = new.id
"""
INSERT_HOLDS = """
    INSERT INTO wallets_hold
        (id, client_id, wallet_id, target_id, currency, amount, remaining, status, expires_at,
         created_at, ended_at, concept, metadata)
    SELECT * FROM unnest(
        %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::bigint[], %s::bigint[],
        %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[],
        %s::jsonb[])
"""
UPDATE_HOLDS = """
    UPDATE wallets_hold AS hold
    SET status = new.status, remaining = new.remaining, expires_at = new.expires_at,
        ended_at = new.ended_at
    FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
        AS new (id, status, remaining, expires_at, ended_at)
    WHERE hold.id = new.id
"""
INSERT_MOVEMENTS = """
    INSERT INTO wallets_movement
        (id, client_id, wallet_id, operation_id, type, status, amount, currency, counterparty_id,
         seq, balance_after, received_after, created_at, settled_at, concept, iban, metadata,
         hold_id, reversal_of_id, salt, details_digest, digest, reason)
    SELECT * FROM unnest(
        %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::bigint[],
        %s::text[], %s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
        %s::timestamptz[], %s::text[], %s::text[], %s::jsonb[], %s::uuid[], %s::uuid[],
        %s::bytea[], %s::bytea[], %s::bytea[], %s::text[])
"""
UPDATE_MOVEMENTS = """
    UPDATE wallets_movement AS movement
    SET status = new.status, sent_at = new.sent_at, reason = new.reason, seq = new.seq,
        balance_after = new.balance_after, received_after = new.received_after,
        settled_at = new.settled_at, digest = new.digest
    FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::bigint[],
                %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bytea[])
        AS new (id, status, sent_at, reason, seq, balance_after, received_after, settled_at,
                digest)
    WHERE movement.id = new.id
"""
INSERT_KEYS = """
    INSERT INTO users_key (client_id, key, fingerprint, made, made_id, status)
    SELECT * FROM unnest(
        %s::uuid[], %s::text[], %s::bytea[], %s::text[], %s::uuid[], %s::smallint[])
"""


def post(orders: Sequence[Order]) -> list[Outcome | errors.Refused]:
    """Run orders in one transaction; each gets its own outcome or refusal.

    Inside an open transaction they are posted in it, behind a savepoint.

    Raises:
        OutcomeUnknown: the connection broke at commit.
        DatabaseError: nothing was done.
    """
    with durable(), connection.wrap_database_errors:
        raw = connection.connection
        books = open_books(raw, orders)
        outcomes = [attempt(partial(books.run, order)) for order in orders]
        write_back(raw, books)
    return outcomes


# --- Reading -----------------------------------------------------------------------------------


def open_books(raw: psycopg.Connection[Any], orders: Sequence[Order]) -> Books:
    """Lock what the orders name, then read what the locks protect; let overdue holds go."""
    user_ids = named(order.users() for order in orders)
    wallet_ids = named(order.wallets() for order in orders)
    movement_ids = named(order.movements() for order in orders)
    hold_ids = named(order.holds() for order in orders)
    account_ids = named(order.accounts() for order in orders)
    count = sum(order.numbers() for order in orders)
    keyed = [(order.client_id, order.key) for order in orders if order.key]
    with raw.pipeline():
        users = ask(raw, LOCK_USERS, [user_ids]) if user_ids else None
        wallets = (
            ask(raw, LOCK_WALLETS_OF_USERS, [wallet_ids, user_ids])
            if user_ids
            else ask(raw, LOCK_WALLETS, [wallet_ids])
        )
        owners = ask(raw, READ_OWNERS, [wallet_ids])
        keys = ask(raw, READ_KEYS, columns(keyed)) if keyed else None
        movements = ask(raw, READ_MOVEMENTS, [movement_ids]) if movement_ids else None
        reversed_ = ask(raw, READ_REVERSED, [movement_ids]) if movement_ids else None
        holds = ask(raw, READ_HOLDS, [hold_ids]) if hold_ids else None
        accounts = ask(raw, READ_ACCOUNTS, [account_ids]) if account_ids else None
        numbers = ask(raw, DRAW_NUMBERS, [count]) if count else None
        clock = ask(raw, READ_CLOCK)
    status_of = dict(rows(owners))
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
        holds = ask(raw, READ_OVERDUE, values)
        expiries = ask(raw, READ_NEXT_EXPIRIES, values)
    next_expiry = dict(rows(expiries))
    for wallet in overdue:
        wallet.next_expiry = next_expiry.get(wallet.id)
        wallet.is_changed = True
    for row in rows(holds):
        books.holds.setdefault(row[0], read(LockedHold, HOLD, row))
    books.expire()


def named(ids: Iterable[tuple[UUID, ...]]) -> list[UUID]:
    """All the ids, each once, in order."""
    return sorted({each for some in ids for each in some})


def read(kind: type[Row], names: tuple[str, ...], row: tuple[Any, ...]) -> Row:
    """Make a row of what was selected; Django has psycopg leave JSON as text."""
    values = dict(zip(names, row, strict=True))
    if isinstance(values["metadata"], str):
        values["metadata"] = json.loads(values["metadata"])
    return kind(**values)


def ask(
    raw: psycopg.Connection[Any], statement: str, values: Sequence[Any] = ()
) -> psycopg.Cursor[Any]:
    """Send one statement with its values apart, so that it can be prepared."""
    return psycopg.Cursor(raw).execute(statement, values)


def rows(cursor: psycopg.Cursor[Any] | None) -> list[tuple[Any, ...]]:
    return cursor.fetchall() if cursor else []


# --- Writing -----------------------------------------------------------------------------------


def write_back(raw: psycopg.Connection[Any], books: Books) -> None:
    changed = [wallet for wallet in books.wallets.values() if wallet.is_changed]
    with raw.pipeline():
        for statement, values in books.statements:
            ask(raw, statement, values)
        if books.placed:
            ask(raw, INSERT_HOLDS, columns(map(hold_row, books.placed)))
        if books.changed_holds:
            ask(raw, UPDATE_HOLDS, columns(map(changed_hold_row, books.changed_holds)))
        if books.legs:
            ask(raw, INSERT_MOVEMENTS, columns(map(leg_row, books.legs)))
        if books.changed:
            ask(raw, UPDATE_MOVEMENTS, columns(map(changed_row, books.changed)))
        if changed:
            ask(raw, UPDATE_WALLETS, columns(map(wallet_row, changed)))
        if books.used:
            ask(raw, INSERT_KEYS, columns(map(key_row, books.used)))
        if books.facts:
            ask(raw, events.INSERT, events.columns(books.facts))


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Turn rows, at least one, into the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


def leg_row(leg: Leg) -> tuple[Any, ...]:
    return (
        leg.id,
        leg.client_id,
        leg.wallet_id,
        leg.operation_id,
        leg.type,
        leg.status,
        leg.amount,
        leg.currency,
        leg.counterparty_id,
        leg.seq,
        leg.balance_after,
        leg.received_after,
        leg.created_at,
        leg.settled_at,
        leg.concept,
        leg.iban,
        as_json(leg.metadata),
        leg.hold_id,
        leg.reversal_of_id,
        leg.salt,
        leg.details_digest,
        leg.digest,
        leg.reason,
    )


def changed_row(leg: Leg) -> tuple[Any, ...]:
    return (
        leg.id,
        leg.status,
        leg.sent_at,
        leg.reason,
        leg.seq,
        leg.balance_after,
        leg.received_after,
        leg.settled_at,
        leg.digest,
    )


def hold_row(hold: LockedHold) -> tuple[Any, ...]:
    return (
        hold.id,
        hold.client_id,
        hold.wallet_id,
        hold.target_id,
        hold.currency,
        hold.amount,
        hold.remaining,
        hold.status,
        hold.expires_at,
        hold.created_at,
        hold.ended_at,
        hold.concept,
        as_json(hold.metadata),
    )


def changed_hold_row(hold: LockedHold) -> tuple[Any, ...]:
    return (hold.id, hold.status, hold.remaining, hold.expires_at, hold.ended_at)


def wallet_row(wallet: LockedWallet) -> tuple[Any, ...]:
    return (
        wallet.id,
        wallet.balance,
        wallet.held,
        wallet.seq,
        wallet.head,
        wallet.settled_at,
        wallet.received,
        wallet.next_expiry,
    )


def key_row(used: UsedKey) -> tuple[Any, ...]:
    return (used.client_id, used.key, used.fingerprint, used.made, used.made_id, used.status)
