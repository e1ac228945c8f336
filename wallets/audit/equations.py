"""What an equation of the audit is, and how the books are gone through for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple


class Walk(NamedTuple):
    """How to go through the books step by step: a query that cuts all ids into steps.

    It answers the last id of each whole step of `%(step)s` rows, and how many rows there are up
    to that id. An empty query: everything is asked at once.
    """

    name: str
    query: str


def by_index(name: str, table: str, column: str) -> Walk:
    """Cut along an index, one look-up for each step: nothing is sorted."""
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
AT_ONCE: Final = Walk("whole", "")


@dataclass(frozen=True, slots=True)
class Equation:
    """A sentence that must be true, and the query that finds the rows for which it is not.

    The query's columns are the words that name the row: ids first, what is stored, what should
    be. It is about the ids of `walk` between `%(first)s` and `%(last)s`.
    """

    name: str
    sentence: str
    walk: Walk
    query: str
    tables: tuple[str, ...] = ("wallets_movement",)
    """Where its rows are: while all of these are empty, there is nothing to ask."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The first row that contradicts an equation."""

    equation: Equation
    row: dict[str, object]

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.row.items())
        return f"{self.equation.name}: not true that {self.equation.sentence} ({facts})"
