"""Write all changes with set-based statements.

Rows are sent as JSON whose names are those of the books. Updates also get arrays of clients and
ids, because PostgreSQL can't estimate the row count of a JSON set; without the arrays it would scan
tables. Many new rows are sent with COPY instead: that is cheaper per row, but needs extra trips.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import orjson
import psycopg
from psycopg import sql
from psycopg.types.json import set_json_dumps

from iocash.db.pipeline import Pipeline
from iocash.db.transactions import as_array, as_rows
from users.models import events
from wallets.books import Books

MANY: Final = 300
"""From this number of new movements on, rows are sent with COPY."""


def given(**types: str) -> str:
    """The end of an INSERT statement: the columns, and the source of their values."""
    names = ", ".join(types)
    columns = ", ".join(f"{name} {type_}" for name, type_ in types.items())
    return f"({names}) SELECT {names} FROM json_to_recordset(%s) AS new ({columns})"  # noqa: S608


MOVEMENTS: Final = {
    "id": "uuid",
    "client_id": "uuid",
    "wallet_id": "uuid",
    "operation_id": "uuid",
    "type": "text",
    "status": "text",
    "amount": "bigint",
    "currency": "text",
    "counterparty_id": "uuid",
    "seq": "bigint",
    "balance_after": "bigint",
    "received_after": "bigint",
    "created_at": "timestamptz",
    "settled_at": "timestamptz",
    "concept": "text",
    "iban": "text",
    "metadata": "jsonb",
    "hold_id": "uuid",
    "reversal_of_id": "uuid",
    "salt": "bytea",
    "details_digest": "bytea",
    "digest": "bytea",
    "reason": "text",
}
EVENTS: Final = {
    "id": "uuid",
    "client_id": "uuid",
    "subject": "text",
    "subject_id": "uuid",
    "wallet_id": "uuid",
    "kind": "text",
    "by.actor": "text",
    "by.request_id": "text",
    "data": "jsonb",
}
INSERT_MOVEMENTS = "INSERT INTO wallets_movement " + given(**MOVEMENTS)
UPDATE_MOVEMENTS = """
    UPDATE wallets_movement AS movement
    SET status = new.status, sent_at = new.sent_at, reason = new.reason, seq = new.seq,
        balance_after = new.balance_after, received_after = new.received_after,
        settled_at = new.settled_at, digest = new.digest
    FROM json_to_recordset(%s) AS new
        (id uuid, client_id uuid, status text, sent_at timestamptz, reason text, seq bigint,
         balance_after bigint, received_after bigint, settled_at timestamptz, digest bytea)
    WHERE movement.client_id = new.client_id AND movement.id = new.id
      AND movement.client_id = ANY(%s) AND movement.id = ANY(%s)
"""
UPDATE_WALLETS = """
    UPDATE wallets_wallet AS wallet
    SET balance = new.balance, held = new.held, seq = new.seq, head = new.head,
        settled_at = new.settled_at, received = new.received, next_expiry = new.next_expiry
    FROM json_to_recordset(%s) AS new
        (id uuid, client_id uuid, balance bigint, held bigint, seq bigint, head bytea,
         settled_at timestamptz, received bigint, next_expiry timestamptz)
    WHERE wallet.client_id = new.client_id AND wallet.id = new.id
      AND wallet.client_id = ANY(%s) AND wallet.id = ANY(%s)
"""
INSERT_HOLDS = "INSERT INTO wallets_hold " + given(
    id="uuid",
    client_id="uuid",
    wallet_id="uuid",
    target_id="uuid",
    currency="text",
    amount="bigint",
    remaining="bigint",
    status="text",
    expires_at="timestamptz",
    created_at="timestamptz",
    ended_at="timestamptz",
    concept="text",
    metadata="jsonb",
    salt="bytea",
    details_digest="bytea",
    digest="bytea",
)
UPDATE_HOLDS = """
    UPDATE wallets_hold AS hold
    SET status = new.status, remaining = new.remaining, expires_at = new.expires_at,
        ended_at = new.ended_at
    FROM json_to_recordset(%s) AS new
        (id uuid, client_id uuid, status text, remaining bigint, expires_at timestamptz,
         ended_at timestamptz)
    WHERE hold.client_id = new.client_id AND hold.id = new.id
      AND hold.client_id = ANY(%s) AND hold.id = ANY(%s)
"""
INSERT_KEYS = "INSERT INTO users_key " + given(
    client_id="uuid",
    key="text",
    salt="bytea",
    fingerprint="bytea",
    made="text",
    made_id="uuid",
    status="smallint",
)


def write_back(pipeline: Pipeline, books: Books, clients: str) -> None:
    """Write all changes, in an order that foreign keys allow.

    `clients` is the array of the orders' clients.
    """
    for statement, values in books.statements:
        pipeline.ask(statement, values)
    add(pipeline, INSERT_HOLDS, books.placed)
    change(pipeline, UPDATE_HOLDS, clients, books.changed_holds)
    if len(books.legs) < MANY:
        add(pipeline, INSERT_MOVEMENTS, books.legs)
        add(pipeline, events.INSERT, books.facts)
    else:
        pipeline.send()
        copy(pipeline.connection, "wallets_movement", MOVEMENTS, books.legs)
        copy(pipeline.connection, "users_event", EVENTS, books.facts)
    change(pipeline, UPDATE_MOVEMENTS, clients, books.changed)
    changed = [each for each in books.wallets.values() if each.is_changed]
    change(pipeline, UPDATE_WALLETS, clients, changed)
    add(pipeline, INSERT_KEYS, books.used)


def copy(
    raw: psycopg.Connection[Any], table: str, columns: dict[str, str], things: Sequence[Any]
) -> None:
    """Send many new rows with COPY; a column is named after the last attribute of its path."""
    names = sql.SQL(", ").join(sql.Identifier(name.split(".")[-1]) for name in columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)")
    cursor, values = psycopg.Cursor(raw), attrgetter(*columns)
    set_json_dumps(orjson.dumps, cursor)
    with cursor.copy(statement.format(sql.Identifier(table), names)) as rows:
        rows.set_types([*columns.values()])
        for thing in things:
            rows.write_row(values(thing))


def add(pipeline: Pipeline, statement: str, things: Sequence[Any]) -> None:
    if things:
        pipeline.ask(statement, [as_rows(things)])


def change(pipeline: Pipeline, statement: str, clients: str, things: Sequence[Any]) -> None:
    if things:
        pipeline.ask(statement, [as_rows(things), clients, as_array(each.id for each in things)])
