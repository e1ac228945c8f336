"""Equations of the audit, and the walks that split the rows into steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple


class Walk(NamedTuple):
    """A way to split the rows into steps: a query that cuts all ids.

    The query returns the last id of each full step of `%(step)s` rows, and the number of rows up
    to that id. With an empty query, there is one step for all rows.
    """

    name: str
    query: str
    nth: str = ""
    """Selects the last id of the step that begins at `%(first)s`, if it is full."""


def by_index(name: str, table: str, column: str) -> Walk:
    """Cut along an index, with one look-up for each step and no sort."""
    nth = f"SELECT {column} FROM {table} {{}} ORDER BY {column} OFFSET %(step)s - 1 LIMIT 1"  # noqa: S608
    first, following = nth.format(""), nth.format(f"WHERE {column} > cut.id")
    return Walk(
        name,
        f"""
        WITH RECURSIVE cut (id, total) AS (
            SELECT ({first}), %(step)s::bigint
            UNION ALL
            SELECT ({following}), total + %(step)s FROM cut WHERE id IS NOT NULL
        )
        SELECT id, total FROM cut WHERE id IS NOT NULL
        """,  # noqa: S608
        nth.format(f"WHERE {column} BETWEEN %(first)s AND %(last)s"),
    )


BY_WALLET: Final = Walk(
    "wallets",
    """
    SELECT DISTINCT ON (total / %(step)s) id, total FROM (
        SELECT id, sum(seq + 1) OVER (ORDER BY id)::bigint AS total FROM wallets_wallet
    ) AS rows
    WHERE total >= %(step)s ORDER BY total / %(step)s, total
    """,
)
BY_OPERATION: Final = by_index("operations", "wallets_movement", "operation_id")
BY_SUBJECT: Final = by_index("subjects", "users_event", "subject_id")
BY_USER: Final = by_index("users", "users_user", "id")
BY_MADE: Final = by_index("made", "users_key", "made_id")
BY_BANK: Final = by_index("bank", "wallets_bankline", "id")
AT_ONCE: Final = Walk("whole", "")


@dataclass(frozen=True, slots=True)
class Equation:
    """A sentence that must be true, and the query that selects the rows that violate it.

    The query's columns describe the row: ids first, then the stored and the expected values. It
    selects ids of `walk` between `%(first)s` and `%(last)s`.
    """

    name: str
    sentence: str
    walk: Walk
    query: str
    tables: tuple[str, ...] = ("wallets_movement",)
    """The tables with its rows; if all of them are empty, the query is skipped."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The first row that violates an equation."""

    equation: Equation
    row: dict[str, object]

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.row.items())
        return f"{self.equation.name} violated: {self.equation.sentence} ({facts})"
