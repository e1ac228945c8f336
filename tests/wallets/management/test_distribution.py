"""What Citus would be told, and that the keys which it needs keep what they kept.

No Citus runs here: `tests/test_citus.py` uses one if there is one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections
from django.db.transaction import atomic

from tests.support import people
from wallets.management.commands import distribute
from wallets.management.commands.distribute import TargetServer, execute_on_nodes
from wallets.management.distribution import (
    DROPPED_TRIGGERS,
    KNOWN_TRIGGERS,
    Catalog,
    Kind,
    TableKey,
    Trigger,
    faults,
    kinds_of,
    our_models,
    plan_of,
)
from wallets.models import ExternalAccount

CLIENT = TableKey(
    "users_note",
    "note_client",
    "f",
    "FOREIGN KEY (client_id) REFERENCES users_client(id) DEFERRABLE INITIALLY DEFERRED",
    ["client_id"],
    "users_client",
    ["id"],
)
USER = TableKey(
    "users_note",
    "note_user",
    "f",
    "FOREIGN KEY (user_id) REFERENCES users_user(id) DEFERRABLE INITIALLY DEFERRED",
    ["user_id"],
    "users_user",
    ["id"],
)
OWN_USER = TableKey(
    "users_note",
    "note_is_of_the_users_client",
    "f",
    "FOREIGN KEY (client_id, user_id) REFERENCES users_user(client_id, id)",
    ["client_id", "user_id"],
    "users_user",
    ["client_id", "id"],
)
TASK = TableKey(
    "users_task",
    "task_user",
    "f",
    "FOREIGN KEY (user_id) REFERENCES users_user(id)",
    ["user_id"],
    "users_user",
    ["id"],
)
PRIMARY = TableKey("users_note", "users_note_pkey", "p", "PRIMARY KEY (id)", ["id"])
UNIQUE = TableKey("users_note", "note_is_one", "u", "UNIQUE (user_id)", ["user_id"])
INDEX = TableKey(
    "users_note",
    "note_waits",
    "i",
    "CREATE UNIQUE INDEX note_waits ON public.users_note USING btree (user_id) WHERE (text = '')",
    ["user_id"],
)
FEW = Catalog(
    [CLIENT, USER, TASK, PRIMARY, UNIQUE, INDEX],
    [],
    [],
    [("users_note", "UPDATE", "iocash_app", ["text", '"position"'])],
    frozenset(),
)


def ask(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def catalog(db: None) -> Catalog:
    return Catalog.read(ask)


# --- Which table is where ------------------------------------------------------------------------


def test_every_table_fits_a_rule(catalog):
    assert [*faults(catalog)] == []


def test_every_known_trigger_exists(catalog):
    known = KNOWN_TRIGGERS.keys() | DROPPED_TRIGGERS.keys()
    assert known <= {trigger.name for trigger in catalog.triggers}


def test_triggers_on_local_tables_are_dropped(catalog):
    dropped = plan_of(catalog).dropped
    assert "DROP TRIGGER event_is_of_this_group ON users_event" in dropped
    assert "DROP TRIGGER row_is_of_this_group ON wallets_wallet" in dropped
    assert not [each for each in dropped if each.endswith("ON users_approval")]


def test_every_table_has_a_kind(catalog):
    kinds = kinds_of(catalog.keys)
    of_kind = {kind: {table for table, its in kinds.items() if its is kind} for kind in Kind}
    assert kinds.keys() == {model._meta.db_table for model in our_models()}
    assert of_kind[Kind.REFERENCE] == {
        "users_apikey",
        "users_case",
        "users_client",
        "users_signingkey",
        "users_terms",
    }
    assert {"users_user", "users_event", "users_key", "wallets_wallet", "wallets_movement"} < (
        of_kind[Kind.DISTRIBUTED]
    )
    assert {"auth_user", "users_barrier", "users_approval", "wallets_bankline"} < (
        of_kind[Kind.LOCAL]
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"keys": [PRIMARY._replace(type="x")]}, "is an exclusion constraint"),
        (
            {"keys": [USER._replace(definition=f"{USER.definition} ON DELETE CASCADE")]},
            "changes or deletes rows",
        ),
        ({"identities": [("users_note", "id", "integer")]}, "is not a bigint"),
        ({"triggers": [Trigger("users_note", "t", "", False)]}, "is a trigger for statements"),
        (
            {"triggers": [Trigger("users_note", "t", "SELECT FROM auth_user", True)]},
            "reads auth_user",
        ),
        (
            {"triggers": [Trigger("users_client", "t", "NEW.x := iocash_clock()", True)]},
            "another time on each node",
        ),
    ],
)
def test_table_without_a_rule_is_named(change, fault):
    (found,) = faults(FEW._replace(**change))
    assert fault in found


def test_trigger_of_a_new_reference_table_is_checked():
    to_file = USER._replace(target="wallets_bankfile")
    reading = Trigger("wallets_bankfile", "t", "SELECT FROM users_approval", True)
    assert [*faults(FEW._replace(triggers=[reading]))] == []
    (found,) = faults(FEW._replace(keys=[to_file], triggers=[reading]))
    assert "reads users_approval" in found


# --- The statements ------------------------------------------------------------------------------


def test_keys_get_the_client_and_keep_their_names():
    assert plan_of(FEW).keys == [
        (
            "ALTER TABLE users_note DROP CONSTRAINT users_note_pkey,"
            " ADD CONSTRAINT users_note_pkey PRIMARY KEY (client_id, id)"
        ),
        (
            "ALTER TABLE users_note DROP CONSTRAINT note_is_one,"
            " ADD CONSTRAINT note_is_one UNIQUE (client_id, user_id)"
        ),
        "DROP INDEX note_waits",
        (
            "CREATE UNIQUE INDEX note_waits ON public.users_note USING btree (client_id, user_id)"
            " WHERE (text = '')"
        ),
    ]
    assert plan_of(FEW).narrowed == [UNIQUE, INDEX]


def test_foreign_keys_are_dropped_and_come_back_with_the_client():
    plan = plan_of(FEW)
    assert plan.dropped == [
        "ALTER TABLE users_note DROP CONSTRAINT note_client",
        "ALTER TABLE users_note DROP CONSTRAINT note_user",
        "ALTER TABLE users_task DROP CONSTRAINT task_user",
    ]
    assert plan.foreign_keys == [
        (
            "ALTER TABLE users_note ADD CONSTRAINT note_client FOREIGN KEY (client_id)"
            " REFERENCES users_client(id) DEFERRABLE INITIALLY DEFERRED"
        ),
        (
            "ALTER TABLE users_note ADD CONSTRAINT note_user FOREIGN KEY (client_id, user_id)"
            " REFERENCES users_user(client_id, id) DEFERRABLE INITIALLY DEFERRED"
        ),
    ]
    assert plan.left_out == [TASK]


def test_one_of_two_equal_foreign_keys_comes_back():
    plan = plan_of(FEW._replace(keys=[USER, OWN_USER]))
    assert len(plan.dropped) == 2
    assert plan.foreign_keys == [
        f"ALTER TABLE users_note ADD CONSTRAINT {OWN_USER.name} {OWN_USER.definition}"
    ]
    assert plan.left_out == []


def test_transaction_begins_with_its_settings():
    plan = plan_of(FEW)
    assert plan.in_transaction[:4] == [
        "SET LOCAL statement_timeout TO 0",
        "SET LOCAL citus.multi_shard_modify_mode TO 'sequential'",
        "SET LOCAL citus.enable_unsafe_triggers TO on",
        plan.dropped[0],
    ]


def test_citus_gets_references_first_and_all_others_beside_one():
    statements = plan_of(FEW).distributed
    assert statements[:2] == [
        "SELECT create_reference_table('users_apikey')",
        "SELECT create_reference_table('users_client')",
    ]
    first, *rest = [each for each in statements if "create_distributed_table" in each]
    assert first == (
        "SELECT create_distributed_table('users_access', 'client_id', colocate_with => 'none')"
    )
    assert rest
    assert all("'client_id', colocate_with => 'users_access')" in each for each in rest)
    assert statements[-1] == rest[-1]


def test_shards_get_column_privileges_and_the_coordinator_is_emptied():
    after = plan_of(FEW).after_commit
    assert after[0] == (
        "SELECT * FROM run_command_on_placements('users_note',"
        ' $$GRANT UPDATE (text, "position") ON TABLE %s TO iocash_app$$)'
    )
    assert "SELECT truncate_local_data_after_distributing_table('users_note')" in after
    assert not any("users_task" in each for each in after)


def test_distributed_database_is_only_completed():
    kinds = kinds_of(FEW.keys)
    known = frozenset(table for table, kind in kinds.items() if kind is not Kind.LOCAL)
    plan = plan_of(FEW._replace(known_to_citus=known))
    assert plan.in_transaction == []
    assert plan.after_commit == plan_of(FEW).after_commit


def test_new_table_is_distributed_beside_the_others():
    kinds = kinds_of(FEW.keys)
    known = {table for table, kind in kinds.items() if kind is not Kind.LOCAL} - {"users_note"}
    plan = plan_of(FEW._replace(known_to_citus=frozenset(known)))
    assert plan.distributed == [
        (
            "SELECT create_distributed_table('users_note', 'client_id',"
            " colocate_with => 'users_access')"
        )
    ]
    assert plan.dropped == [
        "ALTER TABLE users_note DROP CONSTRAINT note_client",
        "ALTER TABLE users_note DROP CONSTRAINT note_user",
    ]


def test_foreign_keys_with_the_client_keep_clients_apart(catalog, alices):
    """The foreign key of an external account is by its wallet alone, until it gets the client."""
    plan = plan_of(catalog)
    connection.check_constraints()
    ask("; ".join([*plan.dropped, *plan.keys, *plan.foreign_keys]))
    after = plan_of(Catalog.read(ask))
    assert after.keys == []
    assert {*after.foreign_keys} == {*plan.foreign_keys}
    assert len(plan.foreign_keys) > 40
    other = people.a_client("Other")
    iban = "ES9121000418450200051332"
    strange = ExternalAccount.objects.create(client=other, wallet=alices, iban=iban)
    with pytest.raises(IntegrityError, match="wallets_externalaccount_wallet_id"), atomic():
        connection.check_constraints()
    strange.delete()


# --- The command ---------------------------------------------------------------------------------

FIT = TargetServer("13.2-1", 18, is_owner=True, is_sandbox=False, is_coordinator=True)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (FIT._replace(is_owner=False), "does not own the tables"),
        (FIT._replace(major=15), "PostgreSQL must be 16, 17 or 18; this is 15"),
        (FIT._replace(major=19), "PostgreSQL must be 16, 17 or 18; this is 19"),
        (FIT._replace(citus=None), "has no extension citus"),
        (FIT._replace(citus="12.1-1"), "Citus must be 13 or newer; this is 12.1-1"),
        (FIT._replace(is_coordinator=False), "This node is a worker"),
        (FIT._replace(is_sandbox=True), "A sandbox can't be distributed"),
    ],
)
def test_unfit_server_is_refused(server, words):
    assert words in server.refusal()


def test_fit_server_is_not_refused():
    assert FIT.refusal() is None
    assert FIT._replace(citus="14.0", major=16).refusal() is None


both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def owner() -> Iterator[Any]:
    """The connection of the command, closed afterwards: an open one keeps the database alive."""
    yield connections["owner"]
    connections["owner"].close()


@both
@pytest.mark.usefixtures("owner")
def test_command_refuses_a_server_without_citus():
    with pytest.raises(CommandError, match="has no extension citus"):
        call_command("distribute")
    assert Catalog.read(ask).known_to_citus == frozenset()
    assert plan_of(Catalog.read(ask)).keys != []


@both
@pytest.mark.skipif(
    settings.DATABASES["default"]["USER"] == settings.DATABASE_ROLE,
    reason="one role both owns and serves",
)
def test_command_refuses_the_serving_role(owner, monkeypatch):
    owner.close()
    monkeypatch.setitem(owner.settings_dict, "USER", settings.DATABASE_ROLE)
    with pytest.raises(CommandError, match="does not own the tables"):
        call_command("distribute")


@both
@pytest.mark.usefixtures("owner")
def test_command_prints_the_statements():
    printed = io.StringIO()
    call_command("distribute", "--sql", stdout=printed)
    plan = plan_of(Catalog.read(ask))
    statements = ["BEGIN", *plan.in_transaction, "COMMIT", *plan.after_commit]
    assert printed.getvalue() == "".join(f"{each};\n" for each in statements)
    assert len(statements) > 200


@both
@pytest.mark.usefixtures("owner")
def test_failure_of_a_node_is_an_error():
    execute_on_nodes("SELECT 'one', 5432, 1::bigint, true, ''")
    with pytest.raises(CommandError, match=r"two:5432: no such role\n.*run distribute again"):
        execute_on_nodes("SELECT 'two', 5432, 1::bigint, false, 'no such role'")


def test_losses_are_printed():
    printed = io.StringIO()
    plan = plan_of(FEW)
    distribute.Command(stdout=printed).print_losses(plan)
    assert "users_task (user_id) -> users_user: task_user" in printed.getvalue()
    assert "users_note (user_id): note_is_one" in printed.getvalue()
    assert "movement_is_written_once" in printed.getvalue()
