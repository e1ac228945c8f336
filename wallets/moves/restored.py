"""Moves of clients that a group does not know of, because it was restored from a backup.

Another group knows them. What it has was acknowledged after the backup, so it decides:

- a client that has left since the backup is active in two groups, and leaves the restored one;
- a client that has come since the backup is active in none, and goes on where it came from, with
  what it had there at the move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from iocash.db import groups
from iocash.db.transactions import fetch
from iocash.times import moment
from users.searched_groups import look_in
from wallets.moves import Move, MoveRefused
from wallets.moves.preparing import raise_sequence
from wallets.moves.records import LOCK_CLIENT, RECORD
from wallets.moves.sides import GroupSide

ACTIVE: Final = "SELECT id, name FROM users_client WHERE status <> 'MOVED'"
"""A client that is being moved is active, or goes on: one of the two groups has it."""
CAME_FROM: Final = """
    SELECT id, subject_id, name, stage, ended_at FROM wallets_clientmove
    WHERE way = 'OUT' AND stage IN ('DONE', 'PURGED') AND other_group = %s ORDER BY ended_at
"""
ARRIVED: Final = """
    SELECT id, name, status FROM wallets_clientmove
    WHERE subject_id = %s AND way = 'IN' AND stage = 'DONE' AND other_group = %s
    ORDER BY ended_at DESC LIMIT 1
"""
END_OPEN: Final = """
    UPDATE wallets_clientmove SET stage = 'DONE', ended_at = clock_timestamp()
    WHERE subject_id = %s AND way = 'OUT' AND stage IN ('COPYING', 'FROZEN')
"""
END_MOVE: Final = """
    UPDATE wallets_clientmove SET stage = 'DONE', ended_at = clock_timestamp() WHERE id = %s
"""
LEAVE: Final = "UPDATE users_client SET status = 'MOVED' WHERE id = %s"
OPEN_AGAIN: Final = """
    WITH reopened AS (
        UPDATE wallets_clientmove SET stage = 'FROZEN', ended_at = NULL
        WHERE id = %s AND way = 'OUT' AND stage = 'DONE' RETURNING subject_id
    )
    UPDATE users_client AS client SET status = 'MOVING' FROM reopened
    WHERE client.id = reopened.subject_id AND client.status = 'MOVED'
"""
HIGHEST_MEMBER: Final = "SELECT coalesce(max(id), 0) FROM auth_user"


class Unsettled(StrEnum):
    """What is wrong: the client has left, has come, or has come and has no rows anywhere."""

    LEFT = "LEFT"
    CAME = "CAME"
    GONE = "GONE"


class UnsettledMove(NamedTuple):
    """A client about which the restored group and another one differ."""

    kind: Unsettled
    client_id: UUID
    name: str
    other: str
    """The group in which it is active, or from which it has come."""
    move_id: UUID | None = None
    moved_at: Any = None

    def __str__(self) -> str:
        about = f"The client {self.name} ({self.client_id})"
        if self.kind is Unsettled.LEFT:
            return f"{about} is active in {self.other} too: it has moved there since the backup."
        came = f"{about} is in no group: it came from {self.other} at {moment(self.moved_at)}"
        if self.kind is Unsettled.CAME:
            return f"{came}, after the backup, and {self.other} has what it had then."
        return f"{came}, after the backup, and its rows were removed there."


Ask = Callable[[str, str, Sequence[Any]], list[Any]]
"""Executes a query in a group."""


def asked_in(name: str, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Rows of a group, as the role that serves.

    Raises:
        DatabaseUnavailable, OperationalError, InterfaceError: it does not answer.
    """
    return look_in(name, lambda: [tuple(row) for row in fetch(statement, tuple(values))])


def unsettled_moves(ask: Ask = asked_in) -> list[UnsettledMove]:
    """What the group of this thread does not know of moves from and to it."""
    here = groups.current()
    others = [name for name in groups.names() if name != here]
    active: dict[str, dict[UUID, str]] = {
        name: dict(ask(name, ACTIVE, ())) for name in (here, *others)
    }
    came = [(name, row) for name in others for row in ask(name, CAME_FROM, [here])]
    return [*has_left(here, active), *has_come(came, active)]


def has_left(here: str, active: Mapping[str, Mapping[UUID, str]]) -> Iterator[UnsettledMove]:
    for name, clients in active.items():
        if name != here:
            for client_id in clients.keys() & active[here].keys():
                yield UnsettledMove(Unsettled.LEFT, client_id, clients[client_id], name)


def has_come(
    came: list[tuple[str, tuple[Any, ...]]], active: Mapping[str, Mapping[UUID, str]]
) -> Iterator[UnsettledMove]:
    somewhere = {client_id for clients in active.values() for client_id in clients}
    last: dict[UUID, UnsettledMove] = {}
    for name, (move_id, client_id, named, stage, at) in came:
        kind = Unsettled.CAME if stage == "DONE" else Unsettled.GONE
        found = UnsettledMove(kind, client_id, named, name, move_id, at)
        if client_id not in last or last[client_id].moved_at < at:
            last[client_id] = found
    return (each for client_id, each in last.items() if client_id not in somewhere)


def settle_moves(
    sides: Mapping[str, GroupSide],
    here: str,
    every: list[UnsettledMove],
    report: Callable[[str], None],
) -> list[str]:
    """Settle all that can be settled; return why the rest can't."""
    if here == groups.HOME:
        pass_members(sides)
    refused = []
    for each in every:
        try:
            settle_move(sides, here, each, report)
        except MoveRefused as error:
            refused.append(str(error))
    return refused


def settle_move(
    sides: Mapping[str, GroupSide], here: str, found: UnsettledMove, report: Callable[[str], None]
) -> None:
    """Let the client be active in one group: in that which has what was acknowledged last.

    Raises:
        MoveRefused: its rows are nowhere, or the client is being moved.
    """
    restored, other = sides[here], sides[found.other]
    if found.kind is Unsettled.GONE:
        raise MoveRefused(
            f"{found} Restore {here} to an instant after the move, or {found.other} to one before "
            "the rows were removed."
        )
    if found.kind is Unsettled.LEFT:
        leave_restored(restored, other, found.client_id)
        report(f"{found.name} is active in {found.other} alone.")
        return
    other.change(OPEN_AGAIN, [found.move_id])
    Move(other, restored, found.client_id, role="", report=report).back()


def leave_restored(restored: GroupSide, other: GroupSide, client_id: UUID) -> None:
    """Record in the restored group that the client has left, as its own move had done."""
    restored.lock(client_id)
    arrived = other.first(ARRIVED, [client_id, restored.name])
    with restored.raw.transaction():
        restored.ask(LOCK_CLIENT, [client_id])
        restored.change(END_OPEN, [client_id])
        if arrived:
            move_id, name, status = arrived
            about = {"id": move_id, "client": client_id, "name": name, "status": status}
            record = about | {"way": "OUT", "other": other.name, "hidden": False}
            restored.change(RECORD, record)
            restored.change(END_MOVE, [move_id])
        restored.change(LEAVE, [client_id])


def pass_members(sides: Mapping[str, GroupSide]) -> None:
    """Give new members of staff numbers that no group knows, also of members after the backup.

    Rows of other groups name them by their numbers.
    """
    highest = max(side.ask(HIGHEST_MEMBER)[0][0] for side in sides.values())
    raise_sequence(sides[groups.HOME], "auth_user", "id", highest)
