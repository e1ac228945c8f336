"""Proves that the books are right: equations that no constraint can state, asked of every row.

Everything is asked in SQL, of one snapshot, in steps of so many rows: nothing grows with the
books but the time. Nothing is taken from the code that wrote the rows: the canonical forms, the
digests and the rules are written here a second time. Somebody who rewrites rows, all digests after
them and their events is found by an anchor only: see `wallets.anchors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from wallets.audit import balances, movements, people, promises, records
from wallets.audit.equations import (
    AT_ONCE,
    BY_OPERATION,
    BY_SUBJECT,
    BY_USER,
    BY_WALLET,
    Equation,
    Finding,
    Walk,
)

__all__ = ["AT_ONCE", "EQUATIONS", "WALKS", "Equation", "Finding", "findings", "snapshot", "steps"]

Report = Callable[[str, int, int], None]
"""Told, after each step, which equation is asked, how much is done, and how much there is."""

EQUATIONS: Final = (
    *balances.EQUATIONS,
    *movements.EQUATIONS,
    *promises.EQUATIONS,
    *records.EQUATIONS,
    *people.EQUATIONS,
)
WALKS: Final = (BY_WALLET, BY_OPERATION, BY_SUBJECT, BY_USER, AT_ONCE)
STEP: Final = 50_000
"""How many rows a step is about."""

ALONE: Final = """
    SET LOCAL statement_timeout = 0;
    SET LOCAL max_parallel_workers_per_gather = 0;
    SET LOCAL work_mem = '64MB'
"""
"""A step takes one processor, and sorts in memory."""

LOWEST, HIGHEST = UUID(int=0), UUID(int=2**128 - 1)


class Step(NamedTuple):
    """Ids to ask about at once, `first` to `last`, and how many rows that is about."""

    first: UUID
    last: UUID
    rows: int


def silent(name: str, done: int, total: int) -> None:
    """Report to nobody."""


def findings(report: Report = silent) -> Iterator[tuple[Equation, Finding | None]]:
    """Ask each equation, in one snapshot; yield it with the first row that is wrong, if any."""
    with snapshot():
        walks = {walk: list(steps(walk)) for walk in WALKS}
        total = sum(step.rows for equation in EQUATIONS for step in walks[equation.walk])
        done = 0
        for equation in EQUATIONS:
            found = None
            for step in walks[equation.walk]:
                found = found or ask(equation, step)
                done += step.rows
                report(equation.name, done, total)
            yield equation, found


def steps(walk: Walk) -> Iterator[Step]:
    """Cut all ids into steps; the last goes on to the highest, so that none is left out."""
    first, before = LOWEST, 0
    for last, total in cuts(walk):
        if first <= last < HIGHEST:
            yield Step(first, last, total - before)
            first, before = UUID(int=last.int + 1), total
    yield Step(first, HIGHEST, 1)


def cuts(walk: Walk) -> list[tuple[UUID, int]]:
    """The last id of each whole step, and how many rows there are up to it."""
    if not walk.query:
        return []
    with connection.cursor() as cursor:
        cursor.execute(walk.query, {"step": STEP})
        return list(cursor.fetchall())


FIRST_WRONG: Final = "SELECT * FROM ({} OFFSET 0) AS wrong ORDER BY 1, 2 LIMIT 1"
"""OFFSET 0 keeps the limit out of the query, or it would be asked in the order of all ids."""


def ask(equation: Equation, step: Step) -> Finding | None:
    with connection.cursor() as cursor:
        query = FIRST_WRONG.format(equation.query)
        cursor.execute(query, {"first": step.first, "last": step.last})
        row = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return Finding(equation, dict(zip(names, row, strict=True))) if row else None


@contextmanager
def snapshot() -> Iterator[None]:
    """See one moment of the database; inside a transaction, what that one sees."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute(ALONE)
        yield
