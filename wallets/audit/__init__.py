"""Verifies the ledger: equations that no constraint can state, checked for every row.

All queries use SQL, in steps of `STEP` rows, so memory does not grow with the ledger. Each step is
a transaction of its own: a long one would keep old versions of the rows of busy wallets. An
equation compares rows that are written together, so it holds in every snapshot. The audit shares no
code with the writer: canonical forms, digests and rules are written here a second time. If rows,
all later digests and their events were rewritten together, only an anchor detects it: see
`wallets.anchors`.

`findings` checks everything. `runs` goes on from the last audit that found nothing, and can be
interrupted.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from wallets.audit import (
    approvals,
    balances,
    bank,
    bank_accounts,
    bank_files,
    holds,
    movements,
    records,
    schedules,
    users,
)
from wallets.audit.equations import (
    AT_ONCE,
    BY_BANK,
    BY_MADE,
    BY_OPERATION,
    BY_SUBJECT,
    BY_USER,
    BY_WALLET,
    Equation,
    Finding,
)

__all__ = [
    "AT_ONCE",
    "BY_BANK",
    "BY_MADE",
    "BY_OPERATION",
    "BY_SUBJECT",
    "BY_USER",
    "BY_WALLET",
    "EQUATIONS",
    "Equation",
    "Finding",
    "findings",
    "snapshot",
    "steps",
    "survey",
]

Report = Callable[[str, int, int], None]
"""Called after each step with the equation's name, the rows checked so far, and all rows."""

EQUATIONS: Final = (
    *balances.EQUATIONS,
    *movements.EQUATIONS,
    *holds.EQUATIONS,
    *records.EQUATIONS,
    *schedules.EQUATIONS,
    *bank.EQUATIONS,
    *bank_accounts.EQUATIONS,
    *bank_files.EQUATIONS,
    *approvals.EQUATIONS,
    *users.EQUATIONS,
)
CUT: Final = (BY_WALLET, BY_OPERATION, BY_SUBJECT, BY_USER, BY_MADE, BY_BANK)
WALKS: Final = (*CUT, AT_ONCE)
TABLES: Final = sorted({table for equation in EQUATIONS for table in equation.tables})
SURVEY: Final = " UNION ALL ".join(
    [
        *(f"SELECT '{walk.name}', id, total FROM ({walk.query}) AS cuts" for walk in CUT),
        *(f"SELECT '{table}', NULL, 1 WHERE EXISTS (SELECT FROM {table})" for table in TABLES),
    ]
)
FILLED: Final = " UNION ALL ".join(
    f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in TABLES
)
STEP: Final = 50_000
"""Number of rows in a step."""

ALONE: Final = """
    SET LOCAL statement_timeout = 0;
    SET LOCAL max_parallel_workers_per_gather = 0;
    SET LOCAL work_mem = '64MB';
    SET LOCAL jit = off;
    SET LOCAL search_path = iocash_present, public
"""
"""A step uses one processor and sorts in memory. While rows of a client are not complete here,
since it is being moved, a schema has views without them (`wallets.moves`)."""
IN_ORDER: Final = "SET LOCAL enable_sort = off"
"""Cuts are looked up in an index: before there are statistics, all ids would be sorted."""

LOWEST, HIGHEST = UUID(int=0), UUID(int=2**128 - 1)


Cut = tuple[UUID, int]
"""The last id of a full step, and the number of rows up to it."""


class Step(NamedTuple):
    """A range of ids for one query, `first` to `last`, and its number of rows."""

    first: UUID
    last: UUID
    rows: int


def silent(name: str, done: int, total: int) -> None:
    """Report no progress."""


def findings(report: Report = silent) -> Iterator[tuple[Equation, Finding | None]]:
    """Check all equations, step by step; yield each with its first wrong row, or None."""
    with snapshot():
        cuts, filled = survey()
    walks = {walk: list(steps(cuts[walk.name])) for walk in WALKS}
    total = sum(step.rows for equation in EQUATIONS for step in walks[equation.walk])
    done = 0
    for equation in EQUATIONS:
        found = None
        for step in walks[equation.walk]:
            if not found and not filled.isdisjoint(equation.tables):
                with snapshot():
                    found = first_wrong_row(equation, step)
            done += step.rows
            report(equation.name, done, total)
        yield equation, found


def survey() -> tuple[dict[str, list[Cut]], set[str]]:
    """Read the cuts of each walk and the names of the tables with rows, in one trip."""
    cuts: dict[str, list[Cut]] = {walk.name: [] for walk in WALKS}
    filled = set()
    with connection.cursor() as cursor:
        cursor.execute(IN_ORDER)
        cursor.execute(SURVEY, {"step": STEP})
        for name, last, total in cursor.fetchall():
            if name in cuts:
                cuts[name].append((last, total))
            else:
                filled.add(name)
    return cuts, filled


def survey_tables() -> set[str]:
    """The names of the tables with rows."""
    with connection.cursor() as cursor:
        cursor.execute(FILLED)
        return {name for (name,) in cursor.fetchall()}


def steps(cuts: Iterable[Cut]) -> Iterator[Step]:
    """Build steps that cover all ids; the last step ends at the highest possible id."""
    first, before = LOWEST, 0
    for last, total in cuts:
        if first <= last < HIGHEST:
            yield Step(first, last, total - before)
            first, before = UUID(int=last.int + 1), total
    yield Step(first, HIGHEST, 1)


FIRST_WRONG: Final = "SELECT * FROM ({} OFFSET 0) AS wrong ORDER BY 1, 2 LIMIT 1"
"""OFFSET 0 stops the planner from moving LIMIT into the query, which would scan all ids."""


def first_wrong_row(equation: Equation, step: Step) -> Finding | None:
    return first_row(equation, equation.query, {"first": step.first, "last": step.last})


def first_row(equation: Equation, query: str, values: dict[str, Any]) -> Finding | None:
    """The first row that a query of an equation selects."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST_WRONG.format(query), values)
        row = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return Finding(equation, dict(zip(names, row, strict=True))) if row else None


@contextmanager
def snapshot() -> Iterator[None]:
    """Read one snapshot of the database; inside a transaction, the snapshot of that one."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute(ALONE)
        yield
