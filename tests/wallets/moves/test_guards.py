"""What the database refuses about clients that are away, and about the records of moves."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection, transaction

from tests.support import people
from tests.support.constraints import refused_by
from users.models import Client, Event, Note
from users.models.events import By, EventKind, record_about_client
from users.models.ids import new_id
from wallets.models import ClientMove

pytestmark = pytest.mark.django_db

INSERT = """
    INSERT INTO wallets_clientmove
        (id, subject_id, name, way, other_group, stage, status, is_hidden)
    VALUES (%s, %s, 'Demo', %s, 'west', %s, 'ACTIVE', %s)
"""
GUARDED = """
    SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
    WHERE tgname IN ('row_is_of_this_group', 'event_is_of_this_group')
"""
OF_CLIENTS = """
    SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE attname = 'client_id' AND relkind = 'r' AND attrelid::regclass::text ~ '^(users|wallets)_'
"""
WITH_EVENTS = {"users_otp", "users_phoneuse", "users_access"}
"""Written together with events, or copied again after the freeze."""


@pytest.fixture
def owner(settings):
    """The constraints are refused to the owner of the tables too."""
    if connection.settings_dict["USER"] == settings.DATABASE_ROLE:
        pytest.skip("the role that serves writes no records of moves")


@pytest.mark.parametrize(
    ("constraint", "way", "stage", "is_hidden"),
    [
        ("client_is_moved_once_at_a_time", "OUT", "FROZEN", False),
        ("client_move_has_a_stage_of_its_way", "IN", "FROZEN", False),
        ("client_move_has_a_stage_of_its_way", "IN", "PURGED", False),
        ("client_move_shows_what_has_arrived", "IN", "DONE", True),
    ],
)
def test_invalid_move_violates_the_named_constraint(owner, constraint, way, stage, is_hidden):
    subject = new_id()
    ClientMove.objects.create(
        id=new_id(), subject_id=subject, name="Demo", way="OUT", other_group="west", status="ACTIVE"
    )
    assert refused_by(INSERT, [new_id(), subject, way, stage, is_hidden]) == constraint


def test_every_constraint_of_moves_is_tested():
    declared = {constraint.name for constraint in ClientMove._meta.constraints}
    assert declared == {
        "client_is_moved_once_at_a_time",
        "client_move_has_a_stage_of_its_way",
        "client_move_shows_what_has_arrived",
    }


@pytest.mark.parametrize("status", ["MOVING", "MOVED"])
def test_moved_client_gets_no_event(client_demo, status):
    Client.objects.update(status=status)
    with (
        pytest.raises(OperationalError, match="is being moved, or has moved"),
        transaction.atomic(),
    ):
        record_about_client(client_demo, EventKind.CLIENT_CHANGED, By("staff:1"))
    assert not Event.objects.filter(kind=EventKind.CLIENT_CHANGED).exists()


@pytest.mark.parametrize("status", ["ACTIVE", "SUSPENDED"])
def test_present_client_gets_its_events(client_demo, status):
    Client.objects.update(status=status)
    record_about_client(client_demo, EventKind.CLIENT_CHANGED, By("staff:1"))
    assert Event.objects.filter(kind=EventKind.CLIENT_CHANGED).count() == 1


def test_row_of_a_moved_client_is_not_changed(client_demo, alice):
    Client.objects.update(status="MOVED")
    with (
        pytest.raises(OperationalError, match="is being moved, or has moved"),
        transaction.atomic(),
    ):
        Note.objects.create(
            client=client_demo,
            user=alice,
            subject=Note.Subject.USER,
            subject_id=alice.id,
            text="Called.",
            actor="staff:1",
        )
    with (
        pytest.raises(OperationalError, match="is being moved, or has moved"),
        transaction.atomic(),
    ):
        alice.save(update_fields=["first_name"])
    Client.objects.update(status="ACTIVE")
    alice.save(update_fields=["first_name"])


def test_every_table_of_clients_is_guarded():
    with connection.cursor() as cursor:
        cursor.execute(OF_CLIENTS)
        there = {name for (name,) in cursor.fetchall()}
        cursor.execute(GUARDED)
        guarded = {name for (name,) in cursor.fetchall()}
    assert there - guarded == WITH_EVENTS | {"wallets_bankdecision"} - guarded


def test_two_clients_can_have_one_position(client_demo):
    others = people.a_client("Others")
    for client in (client_demo, others):
        Event.objects.create(
            position=10**9,
            client=client,
            subject="client",
            subject_id=client.id,
            kind=EventKind.CLIENT_CHANGED,
            actor="staff:1",
            data={},
        )
    assert Event.objects.filter(position=10**9).count() == 2
    copied = """
        INSERT INTO users_event (position, id, client_id, subject, subject_id, kind, actor,
            request_id, data)
        SELECT position, id, client_id, subject, subject_id, kind, actor, request_id, data
        FROM users_event WHERE position = %s AND client_id = %s
    """
    assert refused_by(copied, [10**9, others.id]) == "event_has_its_position"
