"""A group was restored from a backup: each client is active in one group again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from iocash.db import groups
from tests.support import kyc, people
from tests.support.groups import west_beside_home
from tests.support.second_group import owner_conninfo
from tests.support.staff import VIEWER, a_member
from users.kyc import Kind, stored
from users.models import Client
from wallets.models import ClientMove
from wallets.moves import GroupSide
from wallets.moves.restored import Unsettled, settle_moves, unsettled_moves

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def two_groups() -> Iterator[None]:
    groups.AWAY.clear()
    with west_beside_home():
        yield
    groups.AWAY.clear()


def a_client_of(status: str, **values: Any) -> Client:
    return Client.objects.create(name="Moving", status=status, **values)


def record(client: Client, way: str, other: str, stage: str = "DONE", **values: Any) -> ClientMove:
    """What a group knows of a move that has ended an hour ago."""
    about = {"id": uuid4(), "subject_id": client.id, "name": client.name, "status": "ACTIVE"}
    ended = None if stage in {"COPYING", "FROZEN"} else timezone.now() - timedelta(hours=1)
    about |= {"way": way, "other_group": other, "stage": stage, "ended_at": ended}
    return ClientMove.objects.create(**about | values)


def statuses(client: Client) -> tuple[str, str]:
    found = []
    for name in ("home", "west"):
        with groups.entered(name):
            row = Client.objects.filter(id=client.id).values_list("status", flat=True)
            found.append(row.first() or "")
    return found[0], found[1]


def settle(name: str) -> str:
    """Settle all moves in a restored group; what is said of it."""
    names = {each: settings.GROUPS[each]["owner"]["NAME"] for each in ("home", "west")}
    sides = {
        each: GroupSide(each, partial(psycopg.connect, owner_conninfo(database)))
        for each, database in names.items()
    }
    said: list[str] = []
    try:
        with groups.entered(name):
            said += settle_moves(sides, name, unsettled_moves(), said.append)
    finally:
        for side in sides.values():
            side.close()
    return "\n".join(said)


@pytest.mark.parametrize("stage", ["", "COPYING", "FROZEN"])
def test_client_that_left_since_the_backup_leaves_again(stage):
    """The backup is of before the move, or of some instant of it."""
    status = "MOVING" if stage == "FROZEN" else "ACTIVE"
    client = a_client_of(status)
    with groups.entered("west"):
        a_client_of("SUSPENDED", id=client.id)
        move = record(client, "IN", "home", status="SUSPENDED")
    if stage:
        record(client, "OUT", "west", stage, id=move.id)
    (found,) = unsettled_moves()
    assert (found.kind, found.other) == (Unsettled.LEFT, "west")
    assert "active in west alone" in settle("home")
    assert statuses(client) == ("MOVED", "SUSPENDED")
    known = ClientMove.objects.get()
    assert (known.id, known.way, known.stage, known.other_group) == (move.id, "OUT", "DONE", "west")
    assert known.ended_at
    assert unsettled_moves() == []


@pytest.mark.parametrize("has_row", [False, True])
def test_client_that_came_since_the_backup_goes_on_where_it_was(has_row):
    """The backup is of before the move, or of while it was copied."""
    client = a_client_of("MOVED")
    move = record(client, "OUT", "west", status="SUSPENDED")
    if has_row:
        with groups.entered("west"):
            a_client_of("MOVED", id=client.id)
            record(client, "IN", "home", "COPYING", id=move.id, is_hidden=True)
    with groups.entered("west"):
        (found,) = unsettled_moves()
    assert (found.kind, found.other, found.move_id) == (Unsettled.CAME, "home", move.id)
    assert "has what it had then" in str(found)
    assert "The client is active in home" in settle("west")
    assert statuses(client) == ("SUSPENDED", "")
    assert ClientMove.objects.get().stage == "BACK"
    assert unsettled_moves() == []


def test_client_without_rows_needs_another_backup():
    client = a_client_of("ACTIVE")
    record(client, "OUT", "west", "PURGED")
    Client.objects.all().delete()
    with groups.entered("west"):
        (found,) = unsettled_moves()
    assert found.kind is Unsettled.GONE
    assert "Restore west to an instant after the move" in settle("west")


def test_last_of_several_moves_decides():
    """It came before the backup, left, and came again after it."""
    client = a_client_of("MOVED")
    early = timezone.now() - timedelta(days=2)
    record(client, "OUT", "west", ended_at=early)
    last = record(client, "OUT", "west")
    with groups.entered("west"):
        a_client_of("MOVED", id=client.id)
        (found,) = unsettled_moves()
    assert found.move_id == last.id


@pytest.mark.parametrize(
    ("here", "there"),
    [("ACTIVE", ""), ("MOVED", "ACTIVE"), ("MOVING", "MOVED"), ("ACTIVE", "MOVED")],
)
def test_client_in_one_group_is_settled(here, there):
    client = a_client_of(here)
    record(client, "OUT", "west", "DONE" if here == "MOVED" else "BACK")
    if there:
        with groups.entered("west"):
            a_client_of(there, id=client.id)
            record(client, "IN", "home", "DONE" if there == "ACTIVE" else "BACK")
    assert unsettled_moves() == []
    with groups.entered("west"):
        assert unsettled_moves() == []


def test_new_member_gets_no_number_that_a_group_knows():
    """Members after the backup are gone at home; rows of groups still name them."""
    last = a_member(VIEWER, name="Vera").pk + 500
    with groups.entered("west"):
        get_user_model().objects.create(id=last, username="Former")
    settle("home")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('auth_user', 'id'))")
        assert cursor.fetchone()[0] > last


def test_documents_of_other_groups_are_not_unknown():
    """All groups share the folder. What is reported as unknown is deleted by hand."""
    home = people.a_user(people.a_client("Of home"), people.ALICE)
    names = {kyc.send_one(home, Kind.DOCUMENT_INCOME_TAX).file.name}
    with groups.entered("west"):
        west = people.a_user(people.a_client("Of the west"), people.BOB)
        names.add(kyc.send_one(west, Kind.DOCUMENT_INCOME_TAX).file.name)
        assert names.isdisjoint(stored.unknown_files())
    assert names.isdisjoint(stored.unknown_files())


def test_document_of_a_moved_client_is_verified_in_its_new_group():
    """It may have been erased there since."""
    user = people.a_user(people.a_client("Of home"), people.ALICE)
    kyc.send_one(user, Kind.DOCUMENT_INCOME_TAX)
    for file in kyc.files(user):
        file.unlink()
    assert len([*stored.wrong_files()]) == 1
    Client.objects.update(status="MOVED")
    assert [*stored.wrong_files()] == []
