"""Empties the tables after a test that commits, as Django's `flush` does, but faster.

`TRUNCATE` makes a new file for each table and each index, whether or not there are rows; `DELETE`
of the few rows of a test makes none. A table whose trigger refuses `DELETE` is truncated, if it has
rows. `flush` also deletes the content types and permissions, and creates them again: here they
stay, unless a test has changed them.
"""

from __future__ import annotations

from functools import cache
from graphlib import TopologicalSorter
from typing import Any, Final

from django.core.management import call_command
from django.db import connection, transaction
from django.test import TransactionTestCase

KEPT: Final = ("django_content_type", "auth_permission")
CONTENT: Final = "SELECT {}".format(
    ", ".join(
        f"(SELECT string_agg(row::text, ';' ORDER BY id) FROM {each} AS row)" for each in KEPT
    )
)
REFERENCES: Final = """
    SELECT conrelid::regclass::text, confrelid::regclass::text
    FROM pg_constraint WHERE contype = 'f'
"""
GUARDED: Final = (
    "SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgtype & 8 > 0"
    " AND tgname <> 'row_is_of_this_group'"
)
"""The tables with a trigger on `DELETE`, but for those that only keep clients that are away."""

kept: list[Any] = []
"""The rows of the tables of `KEPT`, as they must be."""


def watch() -> None:
    """Let every test that commits empty the tables in this way."""
    TransactionTestCase._fixture_teardown = lambda case: empty()  # type: ignore[attr-defined]


def remember() -> None:
    """Note the content types and permissions that the migrations made."""
    kept[:] = ask(CONTENT)


def empty() -> None:
    """Empty all tables. Who still writes is waited for, as `TRUNCATE` does."""
    if ask(CONTENT) != kept:
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
        remember()
        return
    guarded, others = tables()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL iocash.move = 'emptying'")
        cursor.execute(f"LOCK TABLE {', '.join(guarded + others)} IN ACCESS EXCLUSIVE MODE")
        if filled := [each for each in guarded if ask(f"SELECT FROM {each} LIMIT 1")]:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")
        cursor.execute("; ".join(f"DELETE FROM {each}" for each in others))


@cache
def tables() -> tuple[list[str], list[str]]:
    """Return the tables to truncate, and those to delete from: a row before what it refers to."""
    known = set(
        connection.introspection.django_table_names(only_existing=True, include_views=False)
    )
    order = TopologicalSorter({each: set() for each in known})
    for table, referred in ask(REFERENCES):
        if table != referred:
            order.add(referred, table)
    guarded = {table for (table,) in ask(GUARDED)}
    emptied = [each for each in order.static_order() if each in known.difference(KEPT)]
    return (
        [each for each in emptied if each in guarded],
        [each for each in emptied if each not in guarded],
    )


def ask(question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()
