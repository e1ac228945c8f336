"""Long statements of the tests, which each connection prepares once: to plan them is slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.db import connection

IS_PREPARED: Final = "SELECT FROM pg_prepared_statements WHERE name = %s"


def execute(name: str, statement: Callable[[], str]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement without parameters, which is made when it is first needed."""
    with connection.cursor() as cursor:
        cursor.execute(IS_PREPARED, [name])
        if not cursor.rowcount:
            cursor.execute(f"PREPARE {name} AS {statement()}")
        cursor.execute(f"EXECUTE {name}")
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
