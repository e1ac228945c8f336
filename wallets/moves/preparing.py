"""What must be true of both groups before a client moves, and what the new one gets first."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib.auth.hashers import make_password
from psycopg import errors as pg

from users.models.barrier import LAST_POSITION
from wallets.exports.tables import ACCOUNTS, CASES, exported_tables, staff_query
from wallets.exports.writing import MIGRATIONS
from wallets.moves.copying import Run, quiet_triggers, refused_collisions, sent_rows, write_rows
from wallets.moves.parts import BANK, shared_parts
from wallets.moves.sides import GroupSide, MoveRefused, rows_answered

IBANS: Final = f"""
    SELECT iban FROM wallets_bankaccount WHERE id IN ({ACCOUNTS}) ORDER BY iban
"""
SHARED_CASES: Final = f"""
    SELECT id FROM users_case WHERE id IN ({CASES}) AND EXISTS (
        SELECT FROM users_casesubject AS subject WHERE subject.case_id = users_case.id
          AND subject.client_id <> ALL(%(clients)s)) ORDER BY id
"""
IDENTITY: Final = """
    SELECT system_identifier::text || ' ' || (SELECT oid FROM pg_database
        WHERE datname = current_database()) FROM pg_control_system()
"""
ARCHIVED: Final = "SELECT archived_position, archived_until FROM users_barrier"
HAS_ARCHIVED: Final = """
    SELECT FROM wallets_movement WHERE client_id = %s AND settled_at < %s LIMIT 1
"""
HAS_POSITION: Final = """
    SELECT FROM users_event WHERE client_id = %s AND position <= %s LIMIT 1
"""
OFFSET: Final = "SELECT clock_offset FROM users_sandbox"
ADVANCE_CLOCK: Final = "UPDATE users_sandbox SET clock_offset = greatest(clock_offset, %s)"
MEMBER: Final = "SELECT id, username FROM auth_user WHERE id = %s OR username = %s"
ADD_MEMBER: Final = """
    INSERT INTO auth_user (
        id, username, first_name, last_name, email, password, is_staff, is_active, is_superuser,
        date_joined)
    VALUES (%s, %s, %s, %s, '', %s, false, false, false, clock_timestamp())
"""
MEMBERS: Final = """
    SELECT id, username, first_name, last_name FROM auth_user
    WHERE id IN (SELECT number::int FROM ({}) AS named (number)) ORDER BY id
"""
MARGIN: Final = 1_000
RAISE: Final = """
    SELECT setval(name, %(number)s::bigint + %(margin)s)
    FROM CAST(pg_get_serial_sequence(%(table)s, %(column)s) AS regclass) AS sequence (name)
    WHERE %(number)s::bigint > coalesce(pg_sequence_last_value(name), 0)
"""
SCHEMA: Final = "iocash_present"
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('iocash_present', 0))"
HIDDEN: Final = "SELECT subject_id FROM public.wallets_clientmove WHERE is_hidden"


def require_two_databases(source: GroupSide, target: GroupSide) -> None:
    """Require that the groups are not one database.

    Raises:
        MoveRefused: they are.
    """
    if source.first(IDENTITY) == target.first(IDENTITY):
        raise MoveRefused(f"{source.name} and {target.name} are the same database.")


def require_fitting_groups(source: GroupSide, target: GroupSide, client_id: UUID) -> None:
    """Require that the client can go from one group to the other.

    Raises:
        MoveRefused: it can't. Nothing was changed.
    """
    ours, theirs = ({*side.ask(MIGRATIONS)} for side in (source, target))
    if differing := sorted(name for (name,) in ours ^ theirs):
        raise MoveRefused(
            f"The groups have different schema versions ({', '.join(differing)}). "
            "Run migrate in both."
        )
    values = {"clients": [client_id]}
    if ibans := [iban for (iban,) in source.ask(IBANS, values)]:
        raise MoveRefused(
            "The money of the client is in bank accounts of the institution, whose statements "
            f"this group imports: {', '.join(ibans)}."
        )
    if cases := [str(case) for (case,) in source.ask(SHARED_CASES, values)]:
        raise MoveRefused(f"Other clients are in the same cases: {', '.join(cases)}.")
    require_events_outside_archives(source, target, client_id)
    here, there = (side.first(OFFSET) for side in (source, target))
    if (here is None) != (there is None):
        raise MoveRefused("One of the groups is a sandbox, and the other is not.")


def require_events_outside_archives(source: GroupSide, target: GroupSide, client_id: UUID) -> None:
    """Require that no archive of events is between the client's events and their readers.

    Raises:
        MoveRefused: events of settled movements are in files of the old group, and the audit of the
            new one would miss them; or lists of events begin in the new group behind the client's.
    """
    ((_, until),), ((position, _),) = (side.ask(ARCHIVED) for side in (source, target))
    if until and source.ask(HAS_ARCHIVED, [client_id, until]):
        raise MoveRefused(f"Events of the client were archived in {source.name}.")
    if position and source.ask(HAS_POSITION, [client_id, position]):
        raise MoveRefused(f"The archive of {target.name} has passed the positions of its events.")


def copy_shared_rows(run: Run) -> None:
    """Give the new group what the institution has, and rows of the client name.

    Raises:
        MoveRefused: the new group has something else.
    """
    if offset := run.source.first(OFFSET):
        run.target.change(ADVANCE_CLOCK, offset)
    tables = [table for table in exported_tables() if not table.name.startswith(BANK)]
    for member in run.source.ask(MEMBERS.format(staff_query(tables)), run.values):
        add_missing_member(run, member)
    with run.source.snapshot():
        for part in shared_parts():
            add_shared_rows(run, part)
    pass_positions(run)


def pass_positions(run: Run) -> None:
    """Let events of the new group have positions above those that the old one has given.

    The client's cursors and streams are at a released position, also if others had the events.
    """
    ((position,),) = run.source.ask(f"SELECT coalesce({LAST_POSITION}, 0)")
    raise_sequence(run.target, "users_event", "position", position)


def add_missing_member(run: Run, member: tuple[Any, ...]) -> None:
    """Add a member of staff without rights, who can't log in, unless that person is there."""
    number, name, *_ = member
    known = run.target.ask(MEMBER, [number, name])
    if any(each != (number, name) for each in known):
        raise MoveRefused(f"The member of staff {number} ({name}) is somebody else there.")
    if not known:
        run.target.change(ADD_MEMBER, [*member, make_password(None)])


def add_shared_rows(run: Run, part: Any) -> None:
    """Add the rows that are missing, and require that the others are the same."""
    query = f"SELECT {part.key_text}, {part.digest} FROM {part.name} WHERE {part.condition}"
    wanted = dict(rows_answered(run.source.reader, query))
    known = dict(run.target.ask(query))
    for key in wanted.keys() & known.keys():
        if wanted[key] != known[key]:
            raise MoveRefused(f"{part.name}: {key} is another row in {run.target.name}.")
    missing = f"({part.condition}) AND {part.key_text} = ANY(%(keys)s)"
    keys = {"keys": sorted(wanted.keys() - known.keys())}
    if not keys["keys"]:
        return
    rows = [*sent_rows(run.source, part, missing, keys)]
    with refused_collisions(part), run.target.writing(run.move_id), quiet_triggers(run, part):
        write_rows(run, part, rows, is_empty=True)
    if part.table.serial:
        set_sequence_of(run.target, part.name, part.table.serial)


def set_sequence_of(side: GroupSide, table: str, column: str) -> None:
    """Let a sequence go on after the highest number of the table."""
    ((highest,),) = side.ask(f"SELECT coalesce(max({column}), 0) FROM {table}")
    raise_sequence(side, table, column, highest)


def raise_sequence(side: GroupSide, table: str, column: str, number: int) -> None:
    """Let a sequence go on after a number, if it has not passed it; it is never set back.

    Others draw from it meanwhile: what they draw until it is set is below the margin.
    """
    side.ask(RAISE, {"table": table, "column": column, "number": number, "margin": MARGIN})


def hide_incomplete_rows(side: GroupSide, role: str) -> None:
    """Let audits and anchors leave out the rows of clients that are on their way.

    They read a schema of views first, in which these rows are missing.

    Raises:
        MoveRefused: the owner may not create a schema.
    """
    hidden = f"ARRAY({HIDDEN})"
    try:
        with side.raw.transaction():
            side.ask(ONE_AT_A_TIME)
            side.change(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            side.change(f'GRANT USAGE ON SCHEMA {SCHEMA} TO "{role}"')
            for table in exported_tables():
                condition = table.condition.replace("%(clients)s", hidden)
                if table.name.startswith(BANK) or condition == "true":
                    continue
                side.change(f"""
                    CREATE OR REPLACE VIEW {SCHEMA}.{table.name} AS
                    SELECT * FROM public.{table.name} WHERE ({condition}) IS NOT TRUE
                """)
                side.change(f'GRANT SELECT ON {SCHEMA}.{table.name} TO "{role}"')
    except pg.InsufficientPrivilege:
        raise MoveRefused(
            f"The owner of {side.name} may not create a schema: "
            "GRANT CREATE ON DATABASE … TO its role."
        ) from None


def show_complete_rows(side: GroupSide) -> None:
    """Remove the views, unless another client is on its way."""
    with side.raw.transaction():
        side.ask(ONE_AT_A_TIME)
        if not side.ask(HIDDEN):
            side.change(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
