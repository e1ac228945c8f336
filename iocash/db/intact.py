"""Whether a database has all that the migrations made: tables, columns, constraints and rights.

A restore can lose what no row shows: a constraint, a trigger that was disabled, a grant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunSQL

from iocash.db.grants import Grant

COLUMNS: Final = """
    SELECT relname, attname FROM pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
"""
NAMES: Final = """
    SELECT conname FROM pg_constraint WHERE convalidated
    UNION SELECT relname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
    WHERE indisvalid AND indisready
"""
DISABLED: Final = """
    SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger
    JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = 'public'::regnamespace AND tgenabled IN ('D', 'R') ORDER BY 1
"""
ATTRIBUTES: Final = """
    SELECT rolsuper, EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)
    FROM pg_roles WHERE rolname = %s
"""
RIGHTS: Final = """
    SELECT relname, name FROM pg_class,
           unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS name
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND has_table_privilege(%(role)s, pg_class.oid, name)
    UNION ALL
    SELECT relname || '.' || attname, 'UPDATE' FROM pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND has_column_privilege(%(role)s, pg_class.oid, attname, 'UPDATE')
      AND NOT has_table_privilege(%(role)s, pg_class.oid, 'UPDATE')
    UNION ALL
    SELECT relname, name FROM pg_class, unnest(ARRAY['SELECT', 'USAGE', 'UPDATE']) AS name
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
      AND has_sequence_privilege(%(role)s, pg_class.oid, name)
    UNION ALL
    SELECT proname, 'EXECUTE' FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
      AND has_function_privilege(%(role)s, pg_proc.oid, 'EXECUTE')
"""

PRIVILEGE: Final = re.compile(r"(\w+)(?: \(([^)]*)\))?")
STATEMENT: Final = re.compile(r"GRANT ([\w\s,()]+?) ON (?:FUNCTION |SEQUENCE |TABLE )?(.+?) TO ")

Right = tuple[str, str]
"""A table, `table.column`, sequence or function, and a privilege."""


def all_rows(question: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question, *values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


# --- Schema --------------------------------------------------------------------------------------


def wrong_migrations() -> Iterator[str]:
    """Say which migrations the database has not, and which the code has not."""
    loader = MigrationLoader(connection)
    known, applied = set(loader.disk_migrations), set(loader.applied_migrations)
    for app, name in sorted(known - applied):
        yield f"The migration {app}.{name} is missing; run migrate."
    ours = {app for app, _ in known}
    for app, name in sorted(each for each in applied - known if each[0] in ours):
        yield f"The migration {app}.{name} is unknown: the database is of a newer release."


def wrong_tables() -> Iterator[str]:
    """Say which columns, constraints, indexes and triggers are missing or disabled."""
    columns = {tuple(row) for row in all_rows(COLUMNS)}
    names = {name for (name,) in all_rows(NAMES)}
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if not options.managed or options.proxy:
            continue
        for field in options.local_concrete_fields:
            if (options.db_table, field.column) not in columns:
                yield f"The column {options.db_table}.{field.column} is missing."
        for part in (*options.constraints, *options.indexes):
            if part.name not in names:
                yield f"{part.name} of {options.db_table} is missing, or not valid."
    for (name,) in all_rows(DISABLED):
        yield f"The trigger {name} is disabled."


# --- Rights --------------------------------------------------------------------------------------


def wrong_rights() -> Iterator[str]:
    """Say where the rights of the serving role differ from what the migrations grant."""
    role = settings.DATABASE_ROLE
    for is_superuser, is_owner in all_rows(ATTRIBUTES, [role]):
        if is_superuser or is_owner:
            yield f"{role} is a superuser, or owns tables."
            return
    granted, found = (
        granted_rights(),
        {(row[0], row[1]) for row in all_rows(RIGHTS, {"role": role})},
    )
    for thing, privilege in sorted(granted - found):
        yield f"{role} lacks {privilege} on {thing}."
    tables = {thing.partition(".")[0] for thing, _ in granted}
    for thing, privilege in sorted(found - granted):
        if thing.partition(".")[0] in tables:
            yield f"{role} has {privilege} on {thing}, which no migration grants."


def granted_rights() -> set[Right]:
    """What all migrations together grant to the serving role, in their order."""
    found: set[Right] = set()
    loader = MigrationLoader(None)
    for key in in_order(loader):
        for operation in loader.graph.nodes[key].operations:
            for privileges, things in grants_in(operation):
                names = [name.strip() for name in things.split(",")]
                if isinstance(operation, Grant):
                    found = {right for right in found if right[0].partition(".")[0] not in names}
                found |= {right for name in names for right in rights_in(privileges, name)}
    return found


def in_order(loader: MigrationLoader) -> list[tuple[str, str]]:
    """All migrations, each after those that it depends on."""
    order: dict[tuple[str, str], None] = {}
    for leaf in sorted(loader.graph.leaf_nodes()):
        order |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    return list(order)


def grants_in(operation: Any) -> Iterator[tuple[str, str]]:
    """The privileges and the names of tables, of a migration's operation."""
    if isinstance(operation, Grant):
        names = (table.removeprefix("SEQUENCE ") for table in operation.tables)
        yield operation.privileges, ", ".join(names)
    if isinstance(operation, RunSQL):
        for statement in [operation.sql] if isinstance(operation.sql, str) else operation.sql:
            yield from STATEMENT.findall(" ".join(str(statement).split()))


def rights_in(privileges: str, name: str) -> Iterator[Right]:
    for privilege, columns in PRIVILEGE.findall(privileges):
        if not columns:
            yield name, privilege
        for column in filter(None, columns.replace(" ", "").split(",")):
            yield f"{name}.{column}", privilege
