"""What a migration does that processes of the former release can't live with.

They serve while it runs, and for minutes afterwards. Django's own operations are compared by the
state of the models before and after; SQL is read without its comments, texts and bodies of
functions. A table that this upgrade creates is unknown to the former release: nothing about it is
found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import connection, models
from django.db.migrations import operations as ops
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field

from iocash.db.grants import Grant
from tests.support import release

SMALL = {
    "users_apikey",
    "users_barrier",
    "users_client",
    "users_dutystate",
    "users_publickey",
    "users_sandbox",
    "users_signingkey",
    "users_terms",
    "wallets_audit",
}
"""Tables that stay small: to read them whole takes no time."""

REMOVES, NARROWS, LOCKS, CHANGES = "removes", "narrows", "locks", "changes"
"""What is found: something that the former release names is gone; it can't write what it writes;
writes of a large table wait until it is read; rows or rights are changed by code."""

REMOVING = (
    ops.RemoveField,
    ops.DeleteModel,
    ops.RenameField,
    ops.RenameModel,
    ops.AlterModelTable,
    ops.AlterUniqueTogether,
)
HARMLESS = (
    ops.AlterModelOptions,
    ops.AlterModelManagers,
    ops.RemoveIndex,
    ops.RenameIndex,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)

COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
QUOTED = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'", re.DOTALL)
NAMES = r'(?:IF EXISTS |ONLY |"?public"?\.)*"?(\w+)"?'
SQL = [
    (re.compile(rf"\bDROP (?:TABLE|VIEW|TYPE|FUNCTION|SEQUENCE) {NAMES}", re.I), REMOVES),
    (
        re.compile(rf"\bALTER TABLE {NAMES} [^;]*\bDROP (?!CONSTRAINT|DEFAULT|NOT|EXPR)", re.I),
        REMOVES,
    ),
    (re.compile(rf"\bALTER \w+ {NAMES} [^;]*\bRENAME\b", re.I), REMOVES),
    (re.compile(rf"\bALTER TABLE {NAMES} [^;]*\bDROP DEFAULT\b", re.I), NARROWS),
    (re.compile(rf"\bALTER TABLE {NAMES} [^;]*\bSET NOT NULL\b", re.I), NARROWS),
    (re.compile(rf"\bALTER TABLE {NAMES} [^;]*\bADD (?:CONSTRAINT|CHECK|UNIQUE)\b", re.I), NARROWS),
    (re.compile(r"\bCREATE (?:CONSTRAINT )?TRIGGER [^;]*? ON \"?(\w+)\"?", re.I), NARROWS),
    (re.compile(r"\bCREATE UNIQUE INDEX [^;]*? ON \"?(\w+)\"?", re.I), NARROWS),
    (re.compile(rf"\bREVOKE [^;]*? ON (?:TABLE |FUNCTION |SEQUENCE )?{NAMES}", re.I), NARROWS),
    (re.compile(rf"\bALTER TABLE {NAMES} [^;]*\bTYPE\b", re.I), LOCKS),
    (re.compile(rf"\bLOCK (?:TABLE )?{NAMES}", re.I), LOCKS),
    (re.compile(r"\bCREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)[^;]*? ON \"?(\w+)\"?", re.I), LOCKS),
    (re.compile(rf"^(?:UPDATE|DELETE FROM|TRUNCATE(?: TABLE)?) {NAMES}", re.I), CHANGES),
]
"""Statements, and what they are; the group is the table (or what else is named)."""
VALIDATES = re.compile(r"\bADD CONSTRAINT\b(?!.*\bNOT VALID\b)", re.I | re.DOTALL)
ADDS_COLUMN = re.compile(
    rf"\bALTER TABLE {NAMES} ADD (?:COLUMN )?(?!CONSTRAINT|CHECK|UNIQUE)", re.I
)
NEEDS_A_VALUE = re.compile(r"^(?!.* DEFAULT ).* NOT NULL\b", re.I)
CREATES = re.compile(rf"CREATE (?:TABLE|FUNCTION|VIEW|SEQUENCE) (?:IF NOT EXISTS )?{NAMES}", re.I)


def findings(migration: Migration, before: ProjectState, new: set[str]) -> Iterator[str]:
    """Say what is not additive, each as `kind: subject`.

    `before` becomes the state after the migration; tables that it creates are added to `new`.
    """
    yield from walk(migration.operations, migration.app_label, before, new)


def walk(
    operations: Iterable[Operation], app: str, before: ProjectState, new: set[str]
) -> Iterator[str]:
    for operation in operations:
        after = before.clone()
        operation.state_forwards(app, after)
        if isinstance(operation, ops.SeparateDatabaseAndState):
            yield from walk(operation.database_operations, app, before.clone(), new)
        else:
            yield from of_operation(operation, app, before, after, new)
        before.models = after.models


def of_operation(
    operation: Operation, app: str, before: ProjectState, after: ProjectState, new: set[str]
) -> Iterator[str]:
    if isinstance(operation, ops.CreateModel):
        new |= {table_of(app, operation.name), *joined(app, operation)}
    elif isinstance(operation, ops.RunSQL):
        yield from of_sql(texts_of(operation.sql), new)
    elif isinstance(operation, ops.RunPython):
        yield f"{CHANGES}: {getattr(operation.code, '__name__', '')}"
    elif isinstance(operation, Grant):
        return
    elif not isinstance(operation, HARMLESS):
        yield from of_model(operation, app, before, after, new)


def of_model(
    operation: Any, app: str, before: ProjectState, after: ProjectState, new: set[str]
) -> Iterator[str]:
    name = getattr(operation, "model_name", None) or operation.name
    table = table_of(app, name)
    if table in new:
        return
    subject = f"{table}.{getattr(operation, 'old_name', None) or getattr(operation, 'name', '')}"
    if isinstance(operation, REMOVING):
        yield f"{REMOVES}: {subject}"
    elif isinstance(operation, ops.AddField):
        yield from of_column(field_of(after, app, name, operation.name), table, subject)
    elif isinstance(operation, ops.AlterField):
        was = field_of(before, app, name, operation.name)
        yield from of_change(was, field_of(after, app, name, operation.name), table, subject)
    elif isinstance(operation, ops.AddIndex):
        yield from locking(table, f"{table}.{operation.index.name}")
    elif isinstance(operation, ops.AddConstraint):
        subject = f"{table}.{operation.constraint.name}"
        yield f"{NARROWS}: {subject}"
        if not isinstance(operation, AddConstraintNotValid):
            yield from locking(table, subject)
    elif isinstance(operation, ops.RemoveConstraint):
        constraint = before.models[app, name.lower()].get_constraint_by_name(operation.name)
        if isinstance(constraint, models.UniqueConstraint):  # ON CONFLICT names its columns
            yield f"{REMOVES}: {subject}"
    else:
        yield f"{CHANGES}: {type(operation).__name__} {subject}"


def of_column(field: Any, table: str, subject: str) -> Iterator[str]:
    """A new column: the former release inserts rows without it."""
    if not (field.null or field.has_db_default()):
        yield f"{NARROWS}: {subject}"
    if field.db_index or field.unique:
        yield from locking(table, subject)


def of_change(was: Any, field: Any, table: str, subject: str) -> Iterator[str]:
    """A changed column. Texts may only grow."""
    old, new = column_type(was), column_type(field)
    if was.db_column != field.db_column:
        yield f"{REMOVES}: {subject}"
    grows = is_longer(was, field) and new.startswith(("varchar", "text"))
    if was.has_db_default() and not field.has_db_default():
        yield f"{NARROWS}: {subject}"
    elif (was.null and not field.null) or (old != new and not grows):
        yield f"{NARROWS}: {subject}"
        yield from locking(table, subject)
    if (field.unique or field.db_index) and not (was.unique or was.db_index):
        yield from locking(table, subject)


def column_type(field: Field) -> str:
    """The type; of a relation, the model that it names."""
    if field.is_relation:
        return str(field.deconstruct()[3]["to"])
    return str(field.db_parameters(connection)["type"])


def is_longer(was: Field, field: Field) -> bool:
    if not column_type(was).startswith("varchar"):
        return False
    return (was.max_length or 10**9) <= (field.max_length or 10**9)


def of_sql(statements: list[str], new: set[str]) -> Iterator[str]:
    text = " ; ".join(statements)
    bare = QUOTED.sub("''", COMMENT.sub(" ", text))
    for statement in (" ".join(part.split()) for part in bare.split(";")):
        yield from of_statement(statement, new)


def of_statement(statement: str, new: set[str]) -> Iterator[str]:
    if created := CREATES.match(statement):
        new.add(created[1])
        return
    for pattern, kind in SQL:
        for name in pattern.findall(statement):
            if name in new or (kind == LOCKS and name in SMALL):
                continue
            yield f"{kind}: {name} ({statement[:60].strip()})"
            if VALIDATES.search(statement) and name not in SMALL:
                yield f"{LOCKS}: {name} ({statement[:60].strip()})"
    column = ADDS_COLUMN.search(statement)
    if column and column[1] not in new and NEEDS_A_VALUE.search(statement):
        yield f"{NARROWS}: {column[1]} ({statement[:60].strip()})"


def locking(table: str, subject: str) -> Iterator[str]:
    if table not in SMALL:
        yield f"{LOCKS}: {subject}"


def joined(app: str, operation: ops.CreateModel) -> Iterator[str]:
    """The tables between two models, which the migration creates with one of them."""
    for name, field in operation.fields:
        if isinstance(field, models.ManyToManyField):
            yield f"{table_of(app, operation.name)}_{name}"


def texts_of(sql: Any) -> list[str]:
    if isinstance(sql, str):
        return [sql]
    return [each if isinstance(each, str) else each[0] for each in sql]


def table_of(app: str, model: str) -> str:
    return f"{app}_{model.lower()}"


def field_of(state: ProjectState, app: str, model: str, name: str) -> Any:
    return state.models[app, model.lower()].fields[name]


def of_upgrade(graph: Any, released: set[tuple[str, str]]) -> dict[str, list[str]]:
    """What the migrations after the released ones do, by `app.number`, in the order of running."""
    state, new = ProjectState(), set[str]()
    found: dict[str, list[str]] = {}
    for app, name in graph._generate_plan(nodes=graph.leaf_nodes(), at_end=True):
        migration = graph.nodes[app, name]
        if (app, name) in released or app not in release.APPS:
            migration.mutate_state(state, preserve=False)
        else:
            found[f"{app}.{name[:4]}"] = [*findings(migration, state, new)]
    return found
