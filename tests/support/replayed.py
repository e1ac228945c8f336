"""What most tests begin with: made by the product once in minutes, then inserted row by row.

To create and activate a user takes the product more time than most tests take. What one test has
made, as rows of the tables, the next begins with: the same rows, with the same ids. Only tests that
roll back do so. What is not in the tables is not repeated: files, counters of the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, wraps
from typing import Any, Final, ParamSpec, TypeVar

from django.db import connection, transaction

from tests.support import emptying

P = ParamSpec("P")
T = TypeVar("T")
LONGEST: Final = 180
"""Seconds that rows are used. What is made later in a test must not find them old."""
COLUMNS: Final = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""

BIRTHS: Final = {
    "users_approval": '{"state": "ASKED", "code": "", "decided_by_id": null, "decided_at": null,'
    ' "decision": "", "made_id": null}'
}
"""How rows begin that the database lets in only so; then they are changed to what they are."""

Rows = dict[str, frozenset[tuple[str, str]]]
"""The rows of each table, as (primary key, row)."""


@dataclass
class Step:
    """Something that was made after other things, and the rows that were added and changed."""

    made: Any = None
    added: list[tuple[str, list[str]]] = field(default_factory=list)
    changed: list[tuple[str, str, str]] = field(default_factory=list)
    """As (table, old row, new row)."""
    next_steps: dict[str, Step] = field(default_factory=dict)
    day: date = field(default_factory=lambda: datetime.now(UTC).date())
    since: float = field(default_factory=time.monotonic)

    def is_usable(self) -> bool:
        """Whether it is of today, and of the last minutes: limits are those of a day."""
        return time.monotonic() - self.since < LONGEST and self.day == datetime.now(UTC).date()


class Steps:
    """The steps of the test that runs."""

    def __init__(self) -> None:
        self.first = Step()
        self.last: Step | None = None

    def begin(self, *, rolls_back: bool) -> None:
        """Begin a test. What a test commits is made by the product each time."""
        self.last = self.first if rolls_back else None

    def forget(self) -> None:
        """Let the test that runs make everything anew, with ids that no test has had."""
        self.first = self.last = Step()

    def take(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returns, from the rows of an earlier test if there are any."""
        if self.last is None:
            return make()
        step = self.last.next_steps.get(name)
        if step is None or not step.is_usable() or not replayed(step):
            step = self.last.next_steps[name] = recorded(make)
        self.last = step
        made: T = deepcopy(step.made)
        return made


steps: Final = Steps()


def step(fixture: Callable[P, T]) -> Callable[P, T]:
    """Replay the rows of a fixture. The rows that it refers to must be of other steps."""
    name = f"{fixture.__module__}.{fixture.__qualname__}"

    @wraps(fixture)
    def take(*args: P.args, **kwargs: P.kwargs) -> T:
        return steps.take(name, lambda: fixture(*args, **kwargs))

    return take


def recorded(make: Callable[[], Any]) -> Step:
    """Make something, and note which rows it adds and changes."""
    before = rows()
    step = Step(make())
    for table, after in rows().items():
        known = dict(before[table])
        new = [row for key, row in after - before[table] if key not in known]
        step.added += [(table, new)] if new else []
        step.changed += [
            (table, known[key], row) for key, row in after - before[table] if key in known
        ]
    return step


def replayed(step: Step) -> bool:
    """Add and change the same rows; if one to change is no longer as it was, do nothing."""
    try:
        with transaction.atomic() if step.changed else nullcontext():
            for table, old, new in step.changed:
                change(table, old, new)
            add(step.added)
    except LookupError:
        return False
    return True


def change(table: str, old: str, new: str) -> None:
    names = columns(table)
    values = f"SELECT {names} FROM (SELECT (%s::{table}).*) AS new"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS old SET ({names}) = ({values}) WHERE old::text = %s", [new, old]
        )
        if not cursor.rowcount:
            raise LookupError(old)


def add(added: list[tuple[str, list[str]]]) -> None:
    """Add rows with one statement: foreign keys are checked at its end."""
    additions = ", ".join(
        f"added_{n} AS (INSERT INTO {table} SELECT (born).* FROM unnest(%s::{table}[]) AS row,"
        f" jsonb_populate_record(row, '{BIRTHS.get(table, '{}')}') AS born)"
        for n, (table, _) in enumerate(added)
    )
    if additions:
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {additions} SELECT", [rows for _, rows in added])
    for table, grown in added:
        if table in BIRTHS:
            names = columns(table)
            with connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE {table} AS old SET ({names}) = (SELECT {names} FROM (SELECT row.*) AS"
                    f" new) FROM unnest(%s::{table}[]) AS row WHERE old.id = row.id",
                    [grown],
                )


def rows() -> Rows:
    """The rows of all tables, what refers to others after them."""
    tables = [each for some in emptying.tables() for each in reversed(some)]
    found: dict[str, set[tuple[str, str]]] = {table: set() for table in tables}
    for table, key, row in emptying.ask(
        " UNION ALL ".join(
            f"SELECT '{each}', {key_of(each)}::text, row::text FROM {each} AS row"
            for each in tables
        )
    ):
        found[table].add((key, row))
    return {table: frozenset(some) for table, some in found.items()}


@cache
def key_of(table: str) -> str:
    with connection.cursor() as cursor:
        names = connection.introspection.get_primary_key_columns(cursor, table) or []
    return f"({', '.join(f'row.{name}' for name in names)})"


@cache
def columns(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        [(names,)] = cursor.fetchall()
        return str(names)
