"""Write all changes with set-based statements.

Rows are sent as JSON whose names are those of the books. Updates also get arrays of clients and
ids, because PostgreSQL can't estimate the row count of a JSON set; without the arrays it would scan
tables. Many new rows are sent with COPY instead: that is cheaper per row, but needs extra trips.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar

import orjson
import psycopg
from psycopg import sql
from psycopg.types.json import set_json_dumps

from iocash.db.pipeline import Pipeline
from iocash.db.transactions import as_array, as_rows, from_json
from users.models import events
from wallets.books import Books
from wallets.books.columns import types
from wallets.books.hold_rows import LockedHold
from wallets.books.resources import RESOURCES
from wallets.books.rows import Leg, LockedUser, LockedWallet

Row = TypeVar("Row")

MANY: Final = 300
"""From this number of new movements on, rows are sent with COPY."""


CHANGED_LATER: Final = frozenset({"sent_at", "ended_at", "updated_at", "bank_file_id"})
MOVEMENTS: Final = {name: type_ for name, type_ in types(Leg).items() if name not in CHANGED_LATER}
"""The columns of new movements; none was put into a file, sent to the bank, ended or changed."""
INSERT_MOVEMENTS = "INSERT INTO wallets_movement " + from_json(MOVEMENTS)
UPDATE_MOVEMENTS = """
    UPDATE wallets_movement AS movement
    SET status = new.status, sent_at = new.sent_at, reason = new.reason, seq = new.seq,
        balance_after = new.balance_after, received_after = new.received_after,
        settled_at = new.settled_at, ended_at = new.ended_at, updated_at = new.updated_at,
        digest = new.digest, bank_file_id = new.bank_file_id
    FROM json_to_recordset(%s) AS new
        (id uuid, client_id uuid, status text, sent_at timestamptz, reason text, seq bigint,
         balance_after bigint, received_after bigint, settled_at timestamptz,
         ended_at timestamptz, updated_at timestamptz, digest bytea, bank_file_id uuid)
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
INSERT_HOLDS = f"INSERT INTO wallets_hold {from_json(types(LockedHold))}"
UPDATE_HOLDS = """
    UPDATE wallets_hold AS hold
    SET status = new.status, remaining = new.remaining, expires_at = new.expires_at,
        ended_at = new.ended_at, updated_at = new.updated_at, reason = new.reason
    FROM json_to_recordset(%s) AS new
        (id uuid, client_id uuid, status text, remaining bigint, expires_at timestamptz,
         ended_at timestamptz, updated_at timestamptz, reason text)
    WHERE hold.client_id = new.client_id AND hold.id = new.id
      AND hold.client_id = ANY(%s) AND hold.id = ANY(%s)
"""
INSERT_WALLETS = """
    INSERT INTO wallets_wallet
        (id, client_id, user_id, currency, status, alias, dlt_address, dlt_network,
         metadata, alert_below, balance, held, received, seq, head)
    SELECT id, client_id, user_id, currency, 'READY', alias, dlt_address, dlt_network,
           nullif(metadata, '{}'), alert_below, 0, 0, 0, 0, ''
    FROM json_to_recordset(%s) AS new
        (id uuid, client_id uuid, user_id uuid, currency text, alias text, dlt_address text,
         dlt_network text, metadata jsonb, alert_below bigint)
"""
UPDATE_WALLET_DETAILS = """
    UPDATE wallets_wallet AS wallet
    SET status = new.status, iban = new.iban, alias = coalesce(new.alias, wallet.alias),
        dlt_address = coalesce(new.dlt_address, wallet.dlt_address),
        dlt_network = coalesce(new.dlt_network, wallet.dlt_network),
        metadata = nullif(coalesce(new.metadata, wallet.metadata), '{}'),
        alert_below = new.alert_below, updated_at = iocash_now()
    FROM json_to_recordset(%s) AS new
        (id uuid, client_id uuid, status text, iban text, alias text, dlt_address text,
         dlt_network text, metadata jsonb, alert_below bigint)
    WHERE wallet.client_id = new.client_id AND wallet.id = new.id
      AND wallet.client_id = ANY(%s) AND wallet.id = ANY(%s)
"""
UPDATE_USERS = """
    UPDATE users_user AS person
    SET status = new.status, mobile_phone = new.mobile_phone,
        unverified_phone = new.unverified_phone, unsubscribed_at = new.unsubscribed_at,
        updated_at = iocash_now()
    FROM json_to_recordset(%s) AS new
        (id uuid, client_id uuid, status text, mobile_phone text, unverified_phone text,
         unsubscribed_at timestamptz)
    WHERE person.client_id = new.client_id AND person.id = new.id
      AND person.client_id = ANY(%s) AND person.id = ANY(%s)
"""
VOID_OTPS = """
    UPDATE users_otp AS otp SET digest = NULL, sealed = NULL, next_try_at = NULL
    FROM json_to_recordset(%s) AS new (id uuid, client_id uuid)
    WHERE otp.client_id = new.client_id AND otp.user_id = new.id
      AND otp.client_id = ANY(%s) AND otp.user_id = ANY(%s)
"""
INSERT_RESOURCES = {
    kind: f"INSERT INTO {kind.table} {from_json(types(kind))}" for kind in RESOURCES
}
UPDATE_RESOURCES = {
    kind: f"""
    UPDATE {kind.table} AS resource
    SET {", ".join(f"{name} = new.{name}" for name in kind.changes)}, updated_at = iocash_now()
    FROM json_to_recordset(%s) AS new
        ({", ".join(f"{name} {types(kind)[name]}" for name in ("id", "client_id", *kind.changes))})
    WHERE resource.client_id = new.client_id AND resource.id = new.id
      AND resource.client_id = ANY(%s) AND resource.id = ANY(%s)
"""  # noqa: S608
    for kind in RESOURCES
}
INSERT_KEYS = "INSERT INTO users_key " + from_json(
    {
        "client_id": "uuid",
        "key": "text",
        "salt": "bytea",
        "fingerprint": "bytea",
        "made": "text",
        "made_id": "uuid",
        "status": "smallint",
    }
)


def write_back(pipeline: Pipeline, books: Books, clients: str) -> None:
    """Write all changes, in an order that foreign keys allow.

    `clients` is the array of the orders' clients.
    """
    if books.inserts:
        add(pipeline, INSERT_WALLETS, of_kind(LockedWallet, books.inserts))
    add(pipeline, INSERT_HOLDS, books.placed_holds)
    change(pipeline, UPDATE_HOLDS, clients, books.changed_holds)
    if len(books.legs) < MANY:
        add(pipeline, INSERT_MOVEMENTS, books.legs)
        add(pipeline, events.INSERT, books.facts)
    else:
        pipeline.send()
        copy(pipeline.connection, "wallets_movement", MOVEMENTS, books.legs)
        copy(pipeline.connection, "users_event", events.COLUMNS, books.facts)
    change(pipeline, UPDATE_MOVEMENTS, clients, books.changed_legs)
    changed = [each for each in books.wallets.values() if each.is_changed]
    change(pipeline, UPDATE_WALLETS, clients, changed)
    if books.inserts or books.updates:
        write_details(pipeline, books, clients)
    add(pipeline, INSERT_KEYS, books.used_keys)


def write_details(pipeline: Pipeline, books: Books, clients: str) -> None:
    """Write what is not money.

    It comes after the money, for a wallet that is closed must have none. Resources are removed
    before others are added: a unique value is only once among a wallet's active ones.
    """
    updates = books.updates.values()
    users = of_kind(LockedUser, updates)
    change(pipeline, UPDATE_USERS, clients, users)
    change(pipeline, VOID_OTPS, clients, [user for user in users if user.voids_otps])
    change(pipeline, UPDATE_WALLET_DETAILS, clients, of_kind(LockedWallet, updates))
    for kind in RESOURCES:
        change(pipeline, UPDATE_RESOURCES[kind], clients, of_kind(kind, updates))
        add(pipeline, INSERT_RESOURCES[kind], of_kind(kind, books.inserts))


def of_kind(kind: type[Row], rows: Iterable[Any]) -> list[Row]:
    return [row for row in rows if isinstance(row, kind)]


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
