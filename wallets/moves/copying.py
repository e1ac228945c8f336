"""Copies the rows of a client to the new group, in passes.

The first pass copies everything, while the client works. Each later one copies what was written
since: the rows whose `xmin` is not below the lowest number that was running in the snapshot before.
What is written in the new group is committed in small transactions, so nothing there waits for the
move. Each of them names the run, so a process that has a successor can't write any more.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import errors as pg

from wallets.moves.parts import BUSY, GUARDED, ClientRows, client_parts
from wallets.moves.sides import GroupSide, MoveRefused, Superseded, rows_answered

CHUNK: Final = 5_000
"""Rows of a transaction in the new group."""
CHANGED: Final = "AND age(xmin) <= age(%(since)s::text::xid)"
MINE: Final = """
    SELECT FROM wallets_clientmove
    WHERE id = %s AND run = %s AND way = 'IN' AND stage = 'COPYING' FOR SHARE
"""


@dataclass
class Run:
    """One process that works on a move."""

    source: GroupSide
    target: GroupSide
    client_id: UUID
    move_id: UUID
    number: int
    progress: dict[str, str] = field(default_factory=dict)
    """`source`: the lowest number that was running there when the last pass began."""
    compared: dict[str, str] = field(default_factory=dict)
    """`source` and `target`: what was written before these numbers was compared."""
    quiet: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.quiet = frozenset(name for (name,) in self.target.ask(GUARDED, [list(BUSY)]))

    @property
    def values(self) -> dict[str, Any]:
        return {"clients": [self.client_id]}

    def require_mine(self) -> None:
        """Require, in a transaction in the new group, that the move is still that of this run.

        Raises:
            Superseded: another run has begun, or the move was taken back.
        """
        if self.target.first(MINE, [self.move_id, self.number]) is None:
            raise Superseded()


def copy_pass(run: Run, since: str | None) -> int:
    """Copy what was written since a number; None: everything. Return the number of rows.

    A snapshot of the old group must be open. Afterwards the new group has what the snapshot has.

    Raises:
        MoveRefused: a row collides with one of the new group, or another run has begun.
    """
    copied = 0
    for part in client_parts():
        copied += replace_rows(run, part) if part.is_renumbered else copy_rows(run, part, since)
    for part in reversed(client_parts()):
        if not part.is_renumbered:
            remove_rows(run, part)
    return copied


def copy_rows(run: Run, part: ClientRows, since: str | None) -> int:
    """Copy the new and changed rows of a table, chunk by chunk."""
    condition = f"({part.condition}) {CHANGED if since else ''}"
    is_empty = not run.target.ask(
        f"SELECT FROM {part.name} WHERE {part.condition} LIMIT 1", run.values
    )
    rows, copied = sent_rows(run.source, part, condition, run.values | {"since": since}), 0
    while chunk := list(islice(rows, CHUNK)):
        with refused_collisions(part), run.target.writing(run.move_id):
            run.require_mine()
            with quiet_triggers(run, part):
                write_rows(run, part, chunk, is_empty=is_empty)
        copied += len(chunk)
    return copied


def sent_rows(
    side: GroupSide,
    part: ClientRows,
    condition: str,
    values: dict[str, Any],
    columns: Sequence[str] = (),
) -> Iterator[bytes]:
    """Rows of the snapshot, as COPY sends them."""
    names = ", ".join(columns or part.columns)
    query = f"SELECT {names} FROM {part.name} WHERE {condition} ORDER BY {part.order}"
    with (
        psycopg.Cursor(side.reader) as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT".encode(), values) as rows,
    ):
        for row in rows:
            yield bytes(row)


def write_rows(run: Run, part: ClientRows, chunk: list[bytes], *, is_empty: bool) -> None:
    """Write a chunk of rows: change those that are there and differ, add the others."""
    names = ", ".join(part.columns)
    if is_empty:
        receive_rows(run.target, f"{part.name} ({names})", chunk)
        return
    stage = stage_rows(run.target, part, chunk)
    values = ", ".join(f"staged.{each}" for each in part.columns)
    own = ", ".join(f"own.{each}" for each in part.columns)
    same = same_key(part, "own", "staged")
    run.target.change("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
    run.target.change(f"""
        UPDATE {part.name} AS own SET ({names}) = ROW({values}) FROM {stage} AS staged
        WHERE {same} AND ROW({own}) IS DISTINCT FROM ROW({values})
    """)
    run.target.change(f"""
        INSERT INTO {part.name} ({names}) OVERRIDING SYSTEM VALUE
        SELECT {names} FROM {stage} AS staged
        WHERE NOT EXISTS (SELECT FROM {part.name} AS own WHERE {same}) ORDER BY {part.order}
    """)


def same_key(part: ClientRows, one: str, other: str) -> str:
    """Whether two rows are the same row of the same client."""
    names = dict.fromkeys((*part.key, part.owner))
    return " AND ".join(f"{one}.{each} = {other}.{each}" for each in names)


def stage_rows(
    side: GroupSide, part: ClientRows, chunk: list[bytes], columns: Sequence[str] = ()
) -> str:
    """Send rows to a temporary table, which is emptied at COMMIT; return its name."""
    stage = f"moved_{part.name}"
    side.change(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS"
        f" AS SELECT * FROM {part.name} WITH NO DATA"
    )
    receive_rows(side, f"{stage} ({', '.join(columns or part.columns)})", chunk)
    side.change(f"ANALYZE {stage}")
    return stage


def receive_rows(side: GroupSide, target: str, chunk: list[bytes]) -> None:
    with (
        psycopg.Cursor(side.raw) as cursor,
        cursor.copy(f"COPY {target} FROM STDIN".encode()) as rows,
    ):
        rows.write(b"".join(chunk))


@contextmanager
def quiet_triggers(run: Run, part: ClientRows) -> Iterator[None]:
    """Switch the triggers of a table off in a transaction, if it has some that refuse history."""
    if part.name not in run.quiet:
        yield
        return
    run.target.change(f"ALTER TABLE {part.name} DISABLE TRIGGER USER")
    yield
    run.target.change("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    run.target.change(f"ALTER TABLE {part.name} ENABLE TRIGGER USER")


@contextmanager
def refused_collisions(part: ClientRows) -> Iterator[None]:
    """Explain a row of the new group that is in the way.

    Raises:
        MoveRefused: there is one.
    """
    try:
        yield
    except pg.IntegrityError as error:
        raise MoveRefused(
            f"{part.name}: a row of the client collides with the new group "
            f"({error.diag.constraint_name}: {error.diag.message_detail})"
        ) from None


def replace_rows(run: Run, part: ClientRows) -> int:
    """Replace all rows of a table whose numbers are drawn anew, if they differ."""
    digests = [
        rows_answered(raw, total_query(part), run.values)
        for raw in (run.source.reader, run.target.raw)
    ]
    if digests[0] == digests[1]:
        return 0
    rows = [*sent_rows(run.source, part, part.condition, run.values)]
    with refused_collisions(part), run.target.writing(run.move_id):
        run.require_mine()
        with quiet_triggers(run, part):
            run.target.change(f"DELETE FROM {part.name} WHERE {part.condition}", run.values)
            receive_rows(run.target, f"{part.name} ({', '.join(part.columns)})", rows)
    return len(rows)


def total_query(part: ClientRows) -> str:
    """The number of rows, and one digest of all of them."""
    return f"""
        SELECT coalesce(sum(rows), 0), encode(
            sha256(coalesce(string_agg(digest, ''::bytea ORDER BY bucket), '')), 'hex')
        FROM (
            SELECT get_byte(digest, 0) AS bucket, count(*) AS rows,
                   sha256(string_agg(digest, ''::bytea ORDER BY digest)) AS digest
            FROM (SELECT {part.digest} AS digest FROM {part.name} WHERE {part.condition}) AS row
            GROUP BY 1
        ) AS buckets
    """


def remove_rows(run: Run, part: ClientRows) -> None:
    """Remove what was removed in the old group since it was copied."""
    count = f"SELECT count(*) FROM {part.name} WHERE {part.condition}"
    if rows_answered(run.source.reader, count, run.values) == run.target.ask(count, run.values):
        return
    keys = [*sent_rows(run.source, part, part.condition, run.values, part.key)]
    with run.target.writing(run.move_id):
        run.require_mine()
        with quiet_triggers(run, part):
            stage = stage_rows(run.target, part, keys, part.key)
            same = " AND ".join(f"own.{each} = staged.{each}" for each in part.key)
            run.target.change(
                f"""
                DELETE FROM {part.name} AS own WHERE {part.condition}
                AND NOT EXISTS (SELECT FROM {stage} AS staged WHERE {same})
                """,
                run.values,
            )
