"""What both groups record of a move, and the changes of the client's status that go with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from wallets.audit.proofs import FORM
from wallets.moves.copying import Run
from wallets.moves.sides import GroupSide, MoveRefused, Superseded

CLIENT: Final = "SELECT name, status FROM users_client WHERE id = %s"
LOCK_CLIENT: Final = "SELECT FROM users_client WHERE id = %s FOR NO KEY UPDATE"
AT_HOME: Final = ("ACTIVE", "SUSPENDED")
OPEN: Final = """
    SELECT id, other_group, stage FROM wallets_clientmove
    WHERE subject_id = %s AND way = 'OUT' AND stage IN ('COPYING', 'FROZEN')
"""
STAGE: Final = "SELECT stage FROM wallets_clientmove WHERE id = %s"
RECORD: Final = """
    INSERT INTO wallets_clientmove
        (id, subject_id, name, way, other_group, stage, status, is_hidden)
    VALUES (%(id)s, %(client)s, %(name)s, %(way)s, %(other)s, 'COPYING', %(status)s, %(hidden)s)
    ON CONFLICT (id) DO NOTHING
"""
ADD_CLIENT: Final = """
    INSERT INTO users_client (id, name, status) VALUES (%s, %s, 'MOVED') ON CONFLICT DO NOTHING
"""
LEFTOVERS: Final = """
    SELECT id FROM wallets_clientmove
    WHERE subject_id = %s AND way = 'IN' AND (stage = 'COPYING' OR is_hidden)
"""
GIVE_UP: Final = """
    UPDATE wallets_clientmove
    SET stage = 'BACK', is_hidden = false, run = run + 1, ended_at = clock_timestamp()
    WHERE subject_id = %s AND id <> %s AND way = 'IN' AND (stage = 'COPYING' OR is_hidden)
"""
OVERTAKE: Final = "UPDATE wallets_clientmove SET run = %s WHERE id = %s AND run < %s"
PROGRESS: Final = "SELECT coalesce(progress, '{}') FROM wallets_clientmove WHERE id = %s"
NOTE: Final = "UPDATE wallets_clientmove SET progress = %s WHERE id = %s AND run = %s"
FREEZE: Final = """
    UPDATE wallets_clientmove
    SET stage = 'FROZEN', frozen_at = coalesce(frozen_at, clock_timestamp()),
        status = CASE WHEN client.status IN ('ACTIVE', 'SUSPENDED') THEN client.status
            ELSE wallets_clientmove.status END
    FROM users_client AS client
    WHERE wallets_clientmove.id = %(move)s AND run = %(run)s AND stage IN ('COPYING', 'FROZEN')
      AND client.id = subject_id
    RETURNING wallets_clientmove.status
"""
STOP: Final = """
    UPDATE users_client SET status = 'MOVING'
    WHERE id = %s AND status IN ('ACTIVE', 'SUSPENDED', 'MOVING')
"""
END_LEASES: Final = """
    UPDATE users_webhookstream SET lease = lease + 1, leased_until = NULL
    WHERE endpoint_id IN (SELECT id FROM users_webhookendpoint WHERE client_id = %s)
      AND ended_at IS NULL
"""
RESUME: Final = """
    WITH mine AS (
        UPDATE wallets_clientmove SET stage = 'COPYING', frozen_at = NULL
        WHERE id = %s AND run = %s AND way = 'OUT' AND stage = 'FROZEN'
        RETURNING subject_id, status
    )
    UPDATE users_client AS client SET status = mine.status FROM mine
    WHERE client.id = mine.subject_id AND client.status = 'MOVING'
"""
ACTIVATE: Final = """
    WITH mine AS (
        UPDATE wallets_clientmove
        SET stage = 'DONE', is_hidden = false, status = %(status)s, ended_at = clock_timestamp()
        WHERE id = %(move)s AND run = %(run)s AND way = 'IN' AND stage = 'COPYING'
        RETURNING subject_id
    )
    UPDATE users_client AS client SET status = %(status)s FROM mine
    WHERE client.id = mine.subject_id AND client.status = 'MOVED'
"""
UNPROVED: Final = """
    INSERT INTO wallets_audit (started_at, movements, finding, proof)
    SELECT clock_timestamp(), 0, '', jsonb_build_object('form', %s::int, 'anchor', coalesce((
        SELECT proof ->> 'anchor' FROM wallets_audit ORDER BY id DESC LIMIT 1), ''))
"""
NO_PROGRESS: Final = "DELETE FROM wallets_auditprogress"
LEAVE: Final = """
    WITH mine AS (
        UPDATE wallets_clientmove SET stage = 'DONE', ended_at = clock_timestamp()
        WHERE id = %s AND way = 'OUT' AND stage IN ('COPYING', 'FROZEN')
        RETURNING subject_id, extract(epoch FROM clock_timestamp() - frozen_at)::float AS waited
    ), moved AS (
        UPDATE users_client AS client SET status = 'MOVED' FROM mine
        WHERE client.id = mine.subject_id AND client.status = 'MOVING'
    )
    SELECT coalesce(waited, 0) FROM mine
"""
BACK_THERE: Final = """
    UPDATE wallets_clientmove SET stage = 'BACK', run = run + 1, ended_at = clock_timestamp()
    WHERE id = %s AND way = 'IN' AND stage IN ('COPYING', 'BACK') RETURNING id
"""
BACK_HERE: Final = """
    WITH mine AS (
        UPDATE wallets_clientmove SET stage = 'BACK', run = run + 1, ended_at = clock_timestamp()
        WHERE id = %s AND way = 'OUT' AND stage IN ('COPYING', 'FROZEN')
        RETURNING subject_id, status
    )
    UPDATE users_client AS client SET status = mine.status FROM mine
    WHERE client.id = mine.subject_id AND client.status = 'MOVING'
"""
FORMER: Final = """
    SELECT FROM wallets_clientmove
    WHERE subject_id = %s AND id <> %s AND way = 'OUT' AND stage = 'DONE'
"""
SHOW: Final = "UPDATE wallets_clientmove SET is_hidden = false WHERE id = %s"
LAST_OUT: Final = """
    SELECT id, stage FROM wallets_clientmove
    WHERE subject_id = %s AND way = 'OUT' AND stage IN ('DONE', 'PURGED') AND other_group = %s
    ORDER BY started_at DESC LIMIT 1
"""
BEGIN_PURGE: Final = """
    UPDATE wallets_clientmove SET is_hidden = true, wallets = coalesce(wallets, (
        SELECT coalesce(jsonb_agg(id ORDER BY id), '[]') FROM wallets_wallet
        WHERE client_id = subject_id))
    WHERE id = %s AND stage = 'DONE'
"""
END_PURGE: Final = """
    UPDATE wallets_clientmove SET stage = 'PURGED', is_hidden = false WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class OpenMove:
    """A move that has not ended in the old group."""

    id: UUID
    is_switched: bool
    """Whether the client is active in the new group."""


def open_move(source: GroupSide, target: GroupSide, client_id: UUID) -> OpenMove | None:
    """The move of the client from one group to the other that has not ended; None if there is none.

    Raises:
        MoveRefused: the client is not in the old group, or moves to a third one.
    """
    row = source.first(OPEN, [client_id])
    client = source.first(CLIENT, [client_id])
    if row is None:
        if client is None or client[1] not in AT_HOME:
            raise MoveRefused(f"The client is not in {source.name}.")
        return None
    move_id, other, _ = row
    if other != target.name:
        raise MoveRefused(f"The client is being moved to {other}. End that move, or take it back.")
    return OpenMove(move_id, target.first(STAGE, [move_id]) == ("DONE",))


def begin_move(source: GroupSide, target: GroupSide, client_id: UUID, move_id: UUID) -> None:
    """Record a new move in both groups, first in the old one.

    Raises:
        MoveRefused: the new group has the client, or rows of it that are of no move.
    """
    name, status = source.first(CLIENT, [client_id]) or ("", "")
    require_place(target, client_id, name)
    about = {"id": move_id, "client": client_id, "name": name, "status": status}
    source.change(RECORD, about | {"way": "OUT", "other": target.name, "hidden": False})
    record_there(source, target, about)


def record_there(source: GroupSide, target: GroupSide, about: dict[str, object]) -> None:
    client_id = about["client"]
    with target.raw.transaction():
        target.change(GIVE_UP, [client_id, about["id"]])
        target.change(RECORD, about | {"way": "IN", "other": source.name, "hidden": True})
        target.change(ADD_CLIENT, [client_id, about["name"]])
        if (found := target.first(CLIENT, [client_id])) is None or found[1] != "MOVED":
            raise MoveRefused(f"{target.name} has a client with the name {about['name']} already.")


def require_place(target: GroupSide, client_id: UUID, name: str) -> None:
    """Require that the new group has nothing of the client but what moves have left."""
    there = target.first(CLIENT, [client_id])
    if there is None:
        if target.ask("SELECT FROM users_client WHERE name = %s", [name]):
            raise MoveRefused(f"{target.name} has another client with the name {name}.")
        return
    if there[1] != "MOVED":
        raise MoveRefused(f"The client is in {target.name} already ({there[1]}).")
    if not target.ask("SELECT FROM wallets_clientmove WHERE subject_id = %s", [client_id]):
        raise MoveRefused(f"{target.name} has rows of the client that are of no move.")


def take_over(source: GroupSide, target: GroupSide, client_id: UUID, move_id: UUID) -> int:
    """Become the only run of a move; return the number. A run before can write no more."""
    name, status = source.first(CLIENT, [client_id]) or ("", "")
    ((kept,),) = source.ask("SELECT status FROM wallets_clientmove WHERE id = %s", [move_id])
    ((number,),) = source.ask("SELECT run + 1 FROM wallets_clientmove WHERE id = %s", [move_id])
    source.change(OVERTAKE, [number, move_id, number])
    if target.first(STAGE, [move_id]) is None:
        require_place(target, client_id, name)
        about = {"id": move_id, "client": client_id, "name": name}
        record_there(source, target, about | {"status": kept if status == "MOVING" else status})
    target.change(OVERTAKE, [number, move_id, number])
    return int(number)


def progress_of(target: GroupSide, move_id: UUID) -> dict[str, str]:
    found = target.first(PROGRESS, [move_id])
    return dict(found[0]) if found else {}


def note_progress(run: Run) -> None:
    """Record that everything up to a snapshot has been copied."""
    run.target.change(NOTE, [json.dumps(run.progress), run.move_id, run.number])


def freeze_client(run: Run) -> None:
    """Stop the client in the old group, and end the leases of its webhooks.

    Raises:
        Superseded: another run has taken over.
    """
    with run.source.raw.transaction():
        run.source.ask(LOCK_CLIENT, [run.client_id])
        if not run.source.ask(FREEZE, {"move": run.move_id, "run": run.number}):
            raise Superseded()
        run.source.change(STOP, [run.client_id])
        run.source.change(END_LEASES, [run.client_id])


def resume_client(source: GroupSide, move_id: UUID, number: int) -> bool:
    """Let the client go on in the old group, if this run has stopped it; return whether it had."""
    source.reconnect()
    return source.change(RESUME, [move_id, number]) > 0


def switch_group(run: Run) -> None:
    """Activate the client in the new group, and let the next audit there verify everything.

    Raises:
        Superseded: another run has taken over, or the move was taken back.
    """
    ((status,),) = run.source.ask(
        "SELECT status FROM wallets_clientmove WHERE id = %s", [run.move_id]
    )
    with run.target.writing(run.move_id):
        about = {"move": run.move_id, "run": run.number, "status": status}
        if run.target.change(ACTIVATE, about) != 1:
            raise Superseded()
        distrust_proofs(run.target)


def distrust_proofs(side: GroupSide) -> None:
    """Let the next audit verify everything: rows have come or gone that are older than its proof.

    As `wallets.audit.proofs.record_without_proof` does.
    """
    side.change(UNPROVED, [FORM])
    side.change(NO_PROGRESS)


def end_move(source: GroupSide, move_id: UUID) -> float:
    """Say in the old group that the client has moved; return the seconds for which it waited."""
    found = source.first(LEAVE, [move_id])
    return float(found[0]) if found else 0.0


def take_move_back(source: GroupSide, target: GroupSide, move_id: UUID) -> None:
    """Take a move back: first where it would be switched.

    Raises:
        MoveRefused: it was switched.
    """
    if not target.ask(BACK_THERE, [move_id]) and target.first(STAGE, [move_id]) is not None:
        raise MoveRefused(f"The client is active in {target.name} already.")
    source.change(BACK_HERE, [move_id])


def is_all_of_this_move(target: GroupSide, client_id: UUID, move_id: UUID) -> bool:
    """Whether the new group has rows of the client, and all of them come from this move."""
    is_known = target.first(STAGE, [move_id]) is not None
    return is_known and not target.ask(FORMER, [client_id, move_id])


def show_rows(side: GroupSide, move_id: UUID) -> None:
    side.change(SHOW, [move_id])


def begin_purge(source: GroupSide, target: GroupSide, client_id: UUID) -> UUID:
    """Hide the rows of a client that has moved, and note its wallets for older anchors.

    Raises:
        MoveRefused: it has not moved there.
    """
    found = source.first(LAST_OUT, [client_id, target.name])
    if found is None or target.first(STAGE, [found[0]]) != ("DONE",):
        raise MoveRefused(f"The client has not moved from {source.name} to {target.name}.")
    client = source.first(CLIENT, [client_id])
    if client and client[1] != "MOVED":
        raise MoveRefused(f"The client is in {source.name} ({client[1]}).")
    source.change(BEGIN_PURGE, [found[0]])
    move_id: UUID = found[0]
    return move_id


def end_purge(source: GroupSide, move_id: UUID) -> None:
    with source.raw.transaction():
        source.change(END_PURGE, [move_id])
        distrust_proofs(source)
