"""Imports an export into a server without these clients: all of it, or nothing.

One transaction, as the role that owns the tables: the rows with their ids, positions and hashes,
the sequences, then the audit of the whole ledger. Triggers that watch over changes are off
meanwhile, because the rows are history; foreign keys and constraints are not.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.core.files import File
from django.db import IntegrityError, connection, transaction

from users.models import Client, Sandbox
from users.models.kyc_documents import file_storage
from wallets import audit
from wallets.audit import runs
from wallets.audit.proofs import record_without_proof
from wallets.exports import secrets
from wallets.exports.folder import (
    DOCUMENTS,
    STAFF,
    BadExport,
    Manifest,
    blocks_of,
    listed_documents,
    verify_files,
)
from wallets.exports.tables import Table, exported_tables, record_sql, stored_sql, values_sql
from wallets.exports.writing import Report, applied_migrations, changed_lines, heads_of

CAN_BE_THERE: Final = frozenset({"users_terms", "users_threshold", "users_approval"})
"""Tables with rows of the institution, which an earlier import may have brought. They must be the
same then."""

SETTINGS: Final = """
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL TIME ZONE 'UTC'
"""
STAGE: Final = "CREATE TEMPORARY TABLE import_line (line json) ON COMMIT DROP"
ADD_MEMBERS: Final = """
    INSERT INTO auth_user (
        id, username, first_name, last_name, email, password, is_staff, is_active, is_superuser,
        date_joined)
    SELECT made.*, '', %s, false, false, false, clock_timestamp()
    FROM import_line CROSS JOIN LATERAL json_to_record(line) AS made (
        id integer, username varchar, first_name varchar, last_name varchar)
    WHERE NOT EXISTS (
        SELECT FROM auth_user AS known
        WHERE known.id = made.id AND known.username = made.username)
"""
FOREIGN_MEMBER: Final = """
    SELECT made.id, made.username FROM import_line
    CROSS JOIN LATERAL json_to_record(line) AS made (id integer, username varchar)
    JOIN auth_user AS known ON (known.id = made.id) <> (known.username = made.username)
    ORDER BY 1 LIMIT 1
"""
SET_SEQUENCE: Final = """
    SELECT setval(pg_get_serial_sequence(%s, %s), greatest(
        (SELECT max({column}) FROM {table}),
        (SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, %s)::regclass))))
    WHERE EXISTS (SELECT FROM {table})
"""
CHECK_NOW, CHECK_LATER = "SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"


def import_clients(
    folder: Path, manifest: Manifest, passphrase: str | None, report: Report
) -> None:
    """Import an export. `connection` is that of the owner.

    Raises:
        BadExport: it is incomplete, was changed, or does not fit this server. Nothing was changed.
    """
    verify_files(folder, manifest)
    lock = manifest.secrets
    cipher = secrets.cipher_of(passphrase, lock) if lock and passphrase is not None else None
    if lock and cipher is None:
        raise BadExport("The export has secrets: the passphrase is needed.")
    tables, changes = exported_tables(), secrets.for_import(cipher)
    with transaction.atomic(), removed_after_failure() as stored:
        run_statement(SETTINGS)
        require_fitting_server(manifest)
        run_statement(STAGE)
        switch_triggers(tables, "DISABLE")
        import_members(folder)
        for table in tables:
            lines = lines_of_file(folder, table.name)
            if table.name in changes:
                lines = changed_lines(lines, changes[table.name])
            report(table.name, import_rows(table, lines))
        require_own_rows(tables, manifest)
        set_sequences(tables)
        run_statement(CHECK_NOW)
        switch_triggers(tables, "ENABLE")
        run_statement("; ".join(f"ANALYZE {table.name}" for table in tables))
        require_same_heads(manifest)
        require_right_audit()
        store_documents(folder, stored)


def run_statement(statement: str, values: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def require_fitting_server(manifest: Manifest) -> None:
    """Require the same tables, and none of the clients.

    Raises:
        BadExport: a migration is missing on one side, a client is there, or one of the servers is
            a sandbox and the other is not.
    """
    ours, theirs = {*applied_migrations()}, {*manifest.migrations}
    if ours != theirs:
        words = [
            f"{where}: {', '.join(sorted(names))}"
            for where, names in (("only here", ours - theirs), ("only there", theirs - ours))
            if names
        ]
        raise BadExport(f"The export is of another schema version ({'; '.join(words)}).")
    run_statement("LOCK TABLE users_client IN SHARE ROW EXCLUSIVE MODE")
    ids = [UUID(each["id"]) for each in manifest.clients]
    if known := Client.objects.filter(id__in=ids).first():
        raise BadExport(f"This server has the client {known.name} ({known.id}) already.")
    sandbox, offset = Sandbox.objects.first(), manifest.clock_offset
    if (sandbox is None) != (offset is None):
        raise BadExport("Only a sandbox (make_sandbox) can import from a sandbox, and only that.")
    if sandbox and offset is not None:
        sandbox.clock_offset = max(sandbox.clock_offset, timedelta(seconds=offset))
        sandbox.save(update_fields=["clock_offset"])


def switch_triggers(tables: list[Table], switch: str) -> None:
    """Switch the triggers off or on. Others can read these tables meanwhile, and not write."""
    run_statement("; ".join(f"ALTER TABLE {table.name} {switch} TRIGGER USER" for table in tables))


def lines_of_file(folder: Path, name: str) -> Iterable[bytes]:
    """The lines of a file."""
    with (folder / f"{name}.ndjson").open("rb") as lines:
        yield from lines


def stage(blocks: Iterable[bytes]) -> None:
    """Send lines to the table of lines, in place of those before."""
    run_statement("TRUNCATE import_line")
    with (
        psycopg.Cursor(connection.connection) as cursor,
        cursor.copy("COPY import_line FROM STDIN") as target,
    ):
        for block in blocks:
            target.write(block.replace(b"\\", b"\\\\"))


def import_members(folder: Path) -> None:
    """Add the members of staff whom rows name, without rights and unable to log in.

    Raises:
        BadExport: this server has another person with the same number or name.
    """
    stage(blocks_of(folder / f"{STAFF}.ndjson"))
    with connection.cursor() as cursor:
        cursor.execute(FOREIGN_MEMBER)
        if found := cursor.fetchone():
            number, name = found
            raise BadExport(
                f"The member of staff {number} ({name}) of the export is somebody else here. "
                "Import before you add members of staff."
            )
        cursor.execute(ADD_MEMBERS, [make_password(None)[: len(UNUSABLE_PASSWORD_PREFIX) + 40]])
    set_sequence("auth_user", "id")


def import_rows(table: Table, lines: Iterable[bytes]) -> int:
    """Add the rows of a table; return how many.

    Raises:
        BadExport: an id is used already, or a row breaks a constraint.
    """
    stage(lines)
    names = ", ".join(connection.ops.quote_name(each.name) for each in table.columns)
    skip = "ON CONFLICT (id) DO NOTHING" if table.name in CAN_BE_THERE else ""
    statement = f"""
        INSERT INTO {table.name} ({names}) OVERRIDING SYSTEM VALUE
        SELECT {stored_sql(table.columns)} FROM import_line
        CROSS JOIN LATERAL json_to_record(line) AS exported_row ({record_sql(table.columns)}) {skip}
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            added = int(cursor.rowcount)
        if skip:
            require_same_rows(table)
        run_statement(CHECK_NOW)
        run_statement(CHECK_LATER)
    except IntegrityError as error:
        cause: Any = error.__cause__
        name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else ""
        raise BadExport(f"{table.name}: rows collide with this server ({name}).") from None
    return added


def require_same_rows(table: Table) -> None:
    """Require that rows which were there are the same.

    Raises:
        BadExport: one is not.
    """
    question = f"""
        SELECT line ->> 'id' FROM import_line
        JOIN (SELECT {values_sql(table.columns)} FROM {table.name}) AS exported_row
            ON exported_row.id::text = line ->> 'id'
        WHERE row_to_json(exported_row)::jsonb <> line::jsonb LIMIT 1
    """
    with connection.cursor() as cursor:
        cursor.execute(question)
        if found := cursor.fetchone():
            raise BadExport(f"{table.name}: {found[0]} is another row on this server.")


def require_own_rows(tables: list[Table], manifest: Manifest) -> None:
    """Require that the rows are of the clients of the manifest: who wrote the export could have
    given a key to another client of this server.

    Raises:
        BadExport: some are not.
    """
    rows = {each.name: each.rows for each in manifest.files}
    values = {"clients": [UUID(each["id"]) for each in manifest.clients]}
    for table in tables:
        if table.name in CAN_BE_THERE:
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table.name} WHERE {table.condition}", values)
            (own,) = cursor.fetchone()
        if own != rows.get(f"{table.name}.ndjson"):
            raise BadExport(f"{table.name} has rows that are not of these clients.")


def set_sequences(tables: list[Table]) -> None:
    for table in tables:
        if table.serial:
            set_sequence(table.name, table.serial)


def set_sequence(table: str, column: str) -> None:
    """Let a sequence go on after the highest value; it is never set back."""
    run_statement(SET_SEQUENCE.format(table=table, column=column), [table, column, table, column])


def require_same_heads(manifest: Manifest) -> None:
    """Require the wallets, owners and heads of the manifest.

    Raises:
        BadExport: they are others.
    """
    if heads_of([UUID(each["id"]) for each in manifest.clients]) != manifest.heads:
        raise BadExport("The heads of the wallets are not those of the manifest.")


def require_right_audit() -> None:
    """Require that every equation holds, before the import is committed.

    What was imported is older than what the last audit of this server has proved, so the next one
    verifies everything.

    Raises:
        BadExport: one is violated.
    """
    started_at = datetime.now(UTC)
    if wrong := [str(finding) for _, finding in audit.findings() if finding]:
        raise BadExport(f"The ledger would be wrong: {wrong[0]}")
    record_without_proof(started_at, runs.count_movements())


@contextmanager
def removed_after_failure() -> Iterator[list[str]]:
    """Remove the files whose names the block notes, if it fails.

    The block ends before COMMIT. If that has no answer, rows that name the files may be there: the
    files are kept.
    """
    stored: list[str] = []
    try:
        yield stored
    except BaseException:
        for name in stored:
            file_storage().delete(name)
        raise


def store_documents(folder: Path, stored: list[str]) -> None:
    """Store the files of users, and note the name of each.

    A file that an import has left which was killed is not stored again.

    Raises:
        BadExport: another file of that name is there.
    """
    storage = file_storage()
    for document in listed_documents(folder):
        name = document["name"]
        if storage.exists(name):
            with storage.open(name) as kept:
                if hashlib.file_digest(kept, "sha256").hexdigest() == document["sha256"]:
                    continue
            raise BadExport(f"Another document {name} is on this server already.")
        with (folder / DOCUMENTS / name).open("rb") as content:
            stored.append(storage.save(name, File(content)))
