"""Removes the rows of a client from a group in which it is not active."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from wallets.exports.tables import CASES
from wallets.moves.parts import ClientRows, client_parts
from wallets.moves.sides import GroupSide, MoveRefused

CHUNK: Final = 5_000
IS_AWAY: Final = """
    SELECT FROM users_client AS client WHERE id = %(client)s AND status = 'MOVED'
      AND EXISTS (
          SELECT FROM wallets_clientmove
          WHERE id = %(move)s AND subject_id = client.id AND is_hidden)
    FOR UPDATE
"""
CASES_OF: Final = f"SELECT id FROM users_case WHERE id IN ({CASES}) ORDER BY id"
NOTE_CASES: Final = """
    UPDATE wallets_clientmove SET progress = jsonb_build_object('cases', %s::bigint[])
    WHERE id = %s AND NOT coalesce(progress, '{}') ? 'cases'
"""
NOTED_CASES: Final = """
    SELECT ARRAY(SELECT jsonb_array_elements_text(progress -> 'cases')::bigint)
    FROM wallets_clientmove WHERE id = %s
"""
BY_CASE: Final = {
    "users_case": "id = ANY(%(cases)s)",
    "users_caseentry": "case_id = ANY(%(cases)s)",
}
"""The rows that say which cases are the client's are removed first."""
NEWEST_FIRST: Final = {"wallets_movement": "created_at DESC, id DESC"}


def remove_client_rows(side: GroupSide, client_id: UUID, move_id: UUID) -> int:
    """Remove all rows of a client that is away, and hidden from audits; return how many.

    Small transactions, which can be interrupted and repeated. The triggers of a table are off in
    them: other writers of that table wait for the end of a transaction.

    Raises:
        MoveRefused: the client is active here, or its rows are not hidden.
    """
    removed = 0
    values: dict[str, Any] = {"clients": [client_id]}
    cases = [case for (case,) in side.ask(CASES_OF, values)]
    side.change(NOTE_CASES, [cases, move_id])
    ((values["cases"],),) = side.ask(NOTED_CASES, [move_id])
    for part in reversed(client_parts()):
        while number := remove_chunk(side, part, client_id, move_id, values):
            removed += number
            if part.name == "users_client":
                return removed
    return removed


def remove_chunk(
    side: GroupSide, part: ClientRows, client_id: UUID, move_id: UUID, values: dict[str, Any]
) -> int:
    order = NEWEST_FIRST.get(part.name, ", ".join(part.key))
    condition = BY_CASE.get(part.name, part.condition)
    with side.writing(move_id):
        if not side.ask(f"SELECT FROM {part.name} WHERE {condition} LIMIT 1", values):
            return 0
        side.change(f"ALTER TABLE {part.name} DISABLE TRIGGER USER")
        if side.first(IS_AWAY, {"client": client_id, "move": move_id}) is None:
            raise MoveRefused(f"The client is active in {side.name}.")
        number = side.change(
            f"""
            DELETE FROM {part.name} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {part.name} WHERE {condition}
                ORDER BY {order} LIMIT {CHUNK}))
            """,
            values,
        )
        side.change("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        side.change(f"ALTER TABLE {part.name} ENABLE TRIGGER USER")
    return number
