"""What belongs to a client that is being moved, or has moved, changes no more in this group.

A transaction that has read the client's status before the freeze writes an event, and the trigger
reads the status again: after the transaction has its number, which a guard before an INSERT has to
draw itself. So the freeze has to wait only for
transactions that have a number. Whoever moves the client says so in `iocash.move`.

Positions of events are unique within a client: other groups count from one, too. The indexes are
made while others write. All of this can be repeated after an interruption.
"""

from typing import ClassVar

from django.db import migrations, models

FUNCTIONS = """
CREATE OR REPLACE FUNCTION users_refuse_moving(is_away boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF is_away AND coalesce(current_setting('iocash.move', true), '') = '' THEN
        RAISE EXCEPTION 'the client is being moved, or has moved, to another group'
            USING ERRCODE = 'serialization_failure', CONSTRAINT = 'client_is_in_this_group';
    END IF;
END
$$;
CREATE OR REPLACE FUNCTION users_events_are_of_this_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM users_refuse_moving(EXISTS (
        SELECT FROM users_client
        WHERE status IN ('MOVING', 'MOVED') AND id IN (SELECT client_id FROM added)));
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION users_row_is_of_this_group() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given record;
    own uuid;
BEGIN
    IF TG_OP = 'DELETE' THEN given := OLD; ELSE given := NEW; END IF;
    PERFORM pg_current_xact_id();
    IF TG_NARGS = 0 THEN
        own := given.client_id;
    ELSIF TG_OP = 'DELETE' THEN
        EXECUTE TG_ARGV[0] INTO own USING OLD;
    ELSE
        EXECUTE TG_ARGV[0] INTO own USING NEW;
    END IF;
    PERFORM users_refuse_moving(EXISTS (
        SELECT FROM users_client WHERE id = own AND status IN ('MOVING', 'MOVED')));
    RETURN given;
END
$$;
CREATE OR REPLACE TRIGGER event_is_of_this_group AFTER INSERT ON users_event
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION users_events_are_of_this_group();
"""
NO_FUNCTIONS = """
DROP TRIGGER event_is_of_this_group ON users_event;
DROP FUNCTION users_events_are_of_this_group();
DROP FUNCTION users_row_is_of_this_group();
DROP FUNCTION users_refuse_moving(boolean);
"""

ALWAYS = "INSERT OR UPDATE OR DELETE"
GUARDED = {
    "users_apikey": (ALWAYS, ""),
    "users_signingkey": (ALWAYS, ""),
    "users_webhookendpoint": (ALWAYS, ""),
    "users_user": (ALWAYS, ""),
    "users_casesubject": (ALWAYS, ""),
    "users_kycdocument": (ALWAYS, ""),
    "users_note": (ALWAYS, ""),
    "users_reviewassignment": (ALWAYS, ""),
    "users_task": (ALWAYS, ""),
    "users_termssignature": (ALWAYS, ""),
    "users_identityverification": (ALWAYS, ""),
    "users_approval": (ALWAYS, ""),
    "users_key": ("UPDATE OR DELETE", ""),
    "users_taskchange": (ALWAYS, "SELECT client_id FROM users_task WHERE id = ($1).task_id"),
    "users_webhookstream": (
        "INSERT",
        "SELECT client_id FROM users_webhookendpoint WHERE id = ($1).endpoint_id",
    ),
    "users_webhookdelivery": (
        ALWAYS,
        "SELECT client_id FROM users_webhookendpoint WHERE id = ($1).endpoint_id",
    ),
    "users_caseentry": (
        ALWAYS,
        """SELECT subject.client_id FROM users_casesubject AS subject
        JOIN users_client AS client ON client.id = subject.client_id
        WHERE subject.case_id = ($1).case_id
        ORDER BY client.status IN (''MOVING'', ''MOVED'') DESC LIMIT 1""",
    ),
}
"""What is written without an event, and seldom: by which commands, and how its client is found.

Everything else of a client is written together with an event, or copied again after the freeze:
one-time passwords, uses of phones, accesses, attempts of deliveries; the positions of streams are
written by whoever has the lease, which the freeze ends."""


GUARD = """
CREATE OR REPLACE TRIGGER row_is_of_this_group AFTER {commands} ON {table}
    FOR EACH ROW EXECUTE FUNCTION users_row_is_of_this_group({path});
"""


def guards(tables: dict[str, tuple[str, str]]) -> str:
    """The statements that add the guards of these tables."""
    return "".join(
        GUARD.format(commands=commands, table=table, path=path and f"'{path}'")
        for table, (commands, path) in tables.items()
    )


def no_guards(tables: dict[str, tuple[str, str]]) -> str:
    """The statements that remove them."""
    return "".join(f"DROP TRIGGER row_is_of_this_group ON {table};" for table in tables)


BY_POSITION = "CREATE INDEX CONCURRENTLY event_by_position ON users_event (position)"
NO_BY_POSITION = "DROP INDEX CONCURRENTLY IF EXISTS event_by_position"
KEY = "CREATE UNIQUE INDEX CONCURRENTLY event_has_its_position ON users_event (client_id, position)"
NO_KEY = "DROP INDEX CONCURRENTLY IF EXISTS event_has_its_position"
SWAP = """
ALTER TABLE users_event DROP CONSTRAINT users_event_pkey,
    ADD CONSTRAINT event_has_its_position PRIMARY KEY USING INDEX event_has_its_position;
DROP INDEX event_of_client;
"""
SWAP_BACK = """
CREATE INDEX event_of_client ON users_event (client_id, position);
ALTER TABLE users_event DROP CONSTRAINT event_has_its_position,
    ADD CONSTRAINT users_event_pkey PRIMARY KEY (position);
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar = [("users", "0026_know_clients_that_move")]

    operations: ClassVar = [
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.RunSQL(guards(GUARDED), no_guards(GUARDED)),
        migrations.RunSQL(NO_KEY, migrations.RunSQL.noop),
        migrations.RunSQL(KEY, migrations.RunSQL.noop),
        migrations.RunSQL(NO_BY_POSITION, migrations.RunSQL.noop),
        migrations.RunSQL(
            BY_POSITION,
            NO_BY_POSITION,
            state_operations=[
                migrations.AddIndex(
                    "event", models.Index(fields=["position"], name="event_by_position")
                )
            ],
        ),
        migrations.RunSQL(
            SWAP,
            SWAP_BACK,
            state_operations=[migrations.RemoveIndex("event", "event_of_client")],
        ),
    ]
