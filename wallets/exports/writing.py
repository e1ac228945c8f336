"""Writes the export of clients: one snapshot, one file for each table, then the manifest.

The server makes the lines of JSON and sends them with COPY, so memory does not grow with the rows,
and no number or time passes through Python.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from cryptography.fernet import Fernet
from django.db import connection

from iocash.db import clock
from iocash.times import moment
from users.models import Client, KycDocument, Sandbox
from users.models.barrier import State
from users.models.kyc_documents import file_storage
from wallets import audit
from wallets.anchors.merkle import Merkle
from wallets.exports import secrets
from wallets.exports.folder import (
    DOCUMENTS,
    FORMAT,
    STAFF,
    BadExport,
    FileFacts,
    LinesWriter,
    Manifest,
    facts_of_file,
)
from wallets.exports.tables import (
    SHARED,
    Table,
    exported_tables,
    staff_query,
    values_sql,
)
from wallets.models import Wallet

Report = Callable[[str, int], None]
"""Called after each file with its name and its number of lines."""

MIGRATIONS: Final = """
    SELECT app || '.' || name FROM django_migrations WHERE app IN ('users', 'wallets') ORDER BY 1
"""
IS_FROZEN: Final = """
    SELECT NOT EXISTS (
        SELECT FROM users_client WHERE id = ANY(%(clients)s) AND status = 'ACTIVE'
    ) AND NOT EXISTS (
        SELECT FROM users_webhookstream AS stream
        JOIN users_webhookendpoint AS endpoint ON endpoint.id = stream.endpoint_id
        WHERE endpoint.client_id = ANY(%(clients)s) AND stream.leased_until > clock_timestamp()
    )
"""
"""Whether no request of the clients and no delivery to them is under way."""
MEMBERS: Final = """
    SELECT row_to_json(exported_row)::text FROM (
        SELECT id, username, first_name, last_name FROM auth_user
        WHERE id IN (SELECT number::int FROM ({}) AS named (number)) ORDER BY id
    ) AS exported_row
"""


def export_clients(
    clients: list[Client], folder: Path, passphrase: str | None, report: Report
) -> tuple[Manifest, str]:
    """Write the export; return the manifest and its digest. Without a passphrase, no secrets.

    Raises:
        BadExport: the folder is not empty, or other clients share a bank account with these.
        OSError: the folder can't be written. There is no manifest then.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadExport(f"{folder} is not empty.")
    lock = None if passphrase is None else secrets.new_lock()
    cipher = secrets.cipher_of(passphrase, lock) if lock and passphrase is not None else None
    with audit.snapshot():
        require_own_accounts(clients)
        files = [*write_files(clients, folder, cipher, report)]
        documents, missing = copy_documents(clients, folder)
        report(DOCUMENTS, documents.rows)
        made = make_manifest(clients, [*files, documents], lock, missing)
    return made, made.write(folder)


def require_own_accounts(clients: list[Client]) -> None:
    """Require that all bank rows of the clients are theirs alone.

    Raises:
        BadExport: they share bank accounts with others.
    """
    with connection.cursor() as cursor:
        cursor.execute(SHARED, of_clients(clients))
        shared = [iban for (iban,) in cursor.fetchall()]
    if shared:
        raise BadExport(
            "Other clients have money or rows in the same bank accounts or bank files: "
            f"{', '.join(shared)}. Export these clients together (--with)."
        )


def of_clients(clients: list[Client]) -> dict[str, Any]:
    return {"clients": [client.id for client in clients]}


def write_files(
    clients: list[Client], folder: Path, cipher: Fernet | None, report: Report
) -> Iterator[FileFacts]:
    """Write the members of staff whom rows name, then each table."""
    tables, changes, values = exported_tables(), secrets.for_export(cipher), of_clients(clients)
    members = sent_lines(MEMBERS.format(staff_query(tables)), values)
    yield write_table(folder, STAFF, members, report)
    for table in tables:
        lines: Iterable[bytes] = sent_lines(query_of(table), values)
        if table.name in changes:
            lines = changed_lines(lines, changes[table.name])
        yield write_table(folder, table.name, lines, report)


def query_of(table: Table) -> str:
    """The rows of the clients in a table, as lines of JSON."""
    return f"""
        SELECT row_to_json(exported_row)::text FROM (
            SELECT {values_sql(table.columns)} FROM {table.name}
            WHERE {table.condition} ORDER BY {qualified(table)}
        ) AS exported_row
    """


def qualified(table: Table) -> str:
    """The columns to sort by: those of the table, not the texts that are made of them."""
    return ", ".join(f"{table.name}.{each}" for each in table.order.split(", "))


def sent_lines(query: str, values: dict[str, Any]) -> Iterator[bytes]:
    """The lines that a query answers. COPY doubles each backslash; JSON has no other escapes."""
    connection.ensure_connection()
    with (
        psycopg.Cursor(connection.connection) as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT".encode(), values) as lines,
    ):
        for line in lines:
            yield bytes(line).replace(b"\\\\", b"\\")


def changed_lines(lines: Iterable[bytes], change: secrets.Change) -> Iterator[bytes]:
    for line in lines:
        row = json.loads(line)
        change(row)
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_table(folder: Path, name: str, lines: Iterable[bytes], report: Report) -> FileFacts:
    writer = LinesWriter(folder, name)
    for line in lines:
        writer.write(line)
    facts = writer.close()
    report(name, facts.rows)
    return facts


def copy_documents(clients: list[Client], folder: Path) -> tuple[FileFacts, int]:
    """Copy the files of users, and list them; return how many are missing, too."""
    missing, storage = 0, file_storage()
    writer = LinesWriter(folder, DOCUMENTS)
    names = KycDocument.objects.filter(client__in=clients).exclude(file="").order_by("file")
    for name in names.values_list("file", flat=True).iterator():
        target = folder / DOCUMENTS / name
        try:
            with storage.open(name) as source:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                target.touch(mode=0o600)
                with target.open("wb") as out:
                    shutil.copyfileobj(source, out)
        except FileNotFoundError:
            missing += 1
            continue
        facts = facts_of_file(target)
        line = {"name": name, "bytes": facts.bytes, "sha256": facts.sha256}
        writer.write(json.dumps(line).encode() + b"\n")
    return writer.close(), missing


def make_manifest(
    clients: list[Client], files: list[FileFacts], lock: dict[str, Any] | None, missing: int
) -> Manifest:
    state, sandbox = State.read(), Sandbox.objects.first()
    return Manifest(
        format=FORMAT,
        created_at=moment(clock.now()),
        clients=[{"id": str(each.id), "name": each.name} for each in clients],
        is_frozen=are_frozen(clients),
        migrations=applied_migrations(),
        released_at=moment(state.released_at),
        released_position=state.released_position,
        last_position=state.last_position,
        clock_offset=sandbox.clock_offset.total_seconds() if sandbox else None,
        secrets=lock,
        missing_documents=missing,
        heads=heads_of([each.id for each in clients]),
        files=files,
    )


def are_frozen(clients: list[Client]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(IS_FROZEN, of_clients(clients))
        (is_frozen,) = cursor.fetchone()
    return bool(is_frozen)


def applied_migrations() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(MIGRATIONS)
        return [name for (name,) in cursor.fetchall()]


def heads_of(clients: list[UUID]) -> dict[str, Any]:
    """The wallets of clients as an anchor has them: how many, and the root over their lines."""
    tree = Merkle()
    wallets = Wallet.objects.filter(client__in=clients).order_by("id")
    for own, owner, seq, head in wallets.values_list("id", "user", "seq", "head").iterator():
        tree.add(f"wallet {own} {owner} {seq} {bytes(head).hex() or '-'}")
    return {"wallets": tree.leaves, "root": tree.root}
