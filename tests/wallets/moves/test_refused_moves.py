"""Moves that can't begin, or must not end: nothing is changed, and the client goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from tests.support import bank, people
from tests.support.second_group import (
    inside,
    moving,
    owner_conninfo,
    require_nothing_there,
    statuses,
)
from users.models import Client, Event
from wallets import moves
from wallets.models import ClientMove, Movement, Wallet
from wallets.moves import Differs, MoveRefused, records
from wallets.moves.sides import GroupSide, Superseded, TryAgain

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ci]

ADD_EVENT = """
    INSERT INTO users_event (id, client_id, subject, subject_id, kind, actor, request_id, data)
    VALUES (gen_random_uuid(), %s, 'client', %s, 'client.changed', 'staff:1', '', '{}')
"""


def refused(west: str, client: Client, match: str, error: type[Exception] = MoveRefused) -> None:
    """The move is refused, and the client is where it was."""
    with moving(owner_conninfo(), west, client.id) as move, pytest.raises(error, match=match):
        move.forward()
    assert Client.objects.get(id=client.id).status == "ACTIVE"
    assert not ClientMove.objects.filter(stage__in=["COPYING", "FROZEN"]).exists()


def execute(conninfo: str, *statements: str) -> None:
    with psycopg.connect(conninfo) as raw:
        for statement in statements:
            raw.execute(statement.encode())


def test_client_of_another_group_is_not_moved(client_demo, alices, west):
    """Takes 3 s."""
    with (
        moving(west, owner_conninfo(), client_demo.id) as move,
        pytest.raises(MoveRefused, match="is not in home"),
    ):
        move.forward()


def test_client_with_archived_events_is_not_moved(client_demo, alices, west):
    """The audit of the new group would miss them. Takes 3 s."""
    until = "archived_position = 1, archived_until = clock_timestamp() + interval '1 day'"
    execute(owner_conninfo(), f"UPDATE users_barrier SET {until}")
    refused(west, client_demo, "Events of the client were archived in home")


@pytest.mark.parametrize(
    ("side", "until", "match"),
    [
        ("home", "archived_position = 1, archived_until = now() + interval '1 day'", "in home"),
        ("west", "archived_position = 10 ^ 15, archived_until = now()", "of west has passed"),
    ],
)
def test_archive_of_events_stops_a_move_under_way(client_demo, alices, west, side, until, match):
    """What it removes, the last pass removes in the copy too. Takes 3 s."""
    with moving(owner_conninfo(), west, client_demo.id) as move:

        def archive(text: str) -> None:
            if text.startswith("Last pass"):
                conninfo = owner_conninfo() if side == "home" else west
                execute(conninfo, f"UPDATE users_barrier SET {until}")

        move.report = archive
        with pytest.raises(MoveRefused, match=match):
            move.forward()
    assert statuses(west, client_demo) == ("ACTIVE", "")
    require_nothing_there(west, client_demo)


def test_client_is_not_moved_where_its_events_would_be_hidden(client_demo, alices, west):
    """Lists of events begin behind the archive. Takes 3 s."""
    until = "archived_position = 10 ^ 15, archived_until = now() - interval '1 day'"
    execute(west, f"UPDATE users_barrier SET {until}")
    refused(west, client_demo, "The archive of west has passed the positions")


def test_client_is_not_moved_to_its_own_group(client_demo, alices, west):
    """Takes 3 s."""
    with inside(west):
        Client.objects.create(id=client_demo.id, name="Demo")
    refused(west, client_demo, "The client is in west already")
    assert statuses(west, client_demo) == ("ACTIVE", "ACTIVE")


def test_name_of_another_client_is_refused(client_demo, alices, west):
    """Takes 3 s."""
    with inside(west):
        other = Client.objects.create(name="Demo")
    refused(west, client_demo, "another client with the name Demo")
    with inside(west):
        assert Client.objects.get() == other


def test_group_with_another_schema_is_refused(client_demo, alices, west):
    """Takes 3 s."""
    execute(west, "DELETE FROM django_migrations WHERE name LIKE '0031_move%'")
    refused(west, client_demo, "different schema versions.*0031_move_clients")
    assert statuses(west, client_demo) == ("ACTIVE", "")


def test_same_database_is_refused(client_demo, alices):
    """Takes 3 s."""
    refused(owner_conninfo(), client_demo, "are the same database")


def test_rows_of_no_move_are_refused(client_demo, alices, west):
    """Takes 3 s."""
    with inside(west):
        Client.objects.create(id=client_demo.id, name="Demo", status="MOVED")
    refused(west, client_demo, "rows of the client that are of no move")
    assert statuses(west, client_demo) == ("ACTIVE", "MOVED")


def test_client_with_a_bank_account_is_refused(client_demo, alices, west):
    """Takes 3 s."""
    account = bank.an_account(client_demo, cash_ins="API")
    refused(west, client_demo, account.iban)
    assert statuses(west, client_demo) == ("ACTIVE", "")


def test_id_of_another_clients_row_is_refused(client_demo, alices, bobs, west):
    """What was copied is removed; the other row stays as it was. Takes 5 s."""
    people.transfer(alices, bobs, 1_00)
    with inside(west):
        others = people.first_wallet(people.a_user(people.a_client("Others"), people.ALICE))
    execute(
        west,
        f"UPDATE wallets_wallet SET id = '{bobs.id}' WHERE id = '{others.id}'",
    )
    with inside(west):
        before = Wallet.objects.values().get()
    refused(west, client_demo, "wallets_wallet: a row of the client collides.*_pkey")
    with inside(west):
        assert Wallet.objects.values().get() == before
    require_nothing_there(west, client_demo)


@pytest.mark.parametrize(
    ("tampered", "match"),
    [
        ("UPDATE users_event SET request_id = 'x' WHERE kind = 'user.created'", "users_event"),
        ("UPDATE wallets_wallet SET alias = 'x' WHERE balance > 0", "wallets_wallet"),
        ("UPDATE users_key SET fingerprint = fingerprint || '1'", "users_key"),
        ("DELETE FROM users_event WHERE kind = 'wallet.opened'", "users_event"),
    ],
)
def test_difference_stops_the_move(client_demo, alices, bobs, west, monkeypatch, tampered, match):
    """It is tampered with after everything was compared. The client goes on here. Takes 5 s."""
    people.transfer(alices, bobs, 1_00, key="paid")
    whole = records.freeze_client

    def freeze(run: Any) -> None:
        move = f"SET iocash.move = '{run.move_id}'"
        execute(west, move, tampered)
        whole(run)

    monkeypatch.setattr(records, "freeze_client", freeze)
    refused(west, client_demo, f"{match} differs", Differs)
    require_nothing_there(west, client_demo)
    people.transfer(alices, bobs, 1_00)
    monkeypatch.undo()
    with moving(owner_conninfo(), west, client_demo.id) as move:
        move.forward()
    assert statuses(west, client_demo) == ("MOVED", "ACTIVE")


def test_wallet_with_another_balance_stops_the_move(client_demo, alices, bobs, west, monkeypatch):
    """Both groups have the same, and it is wrong. Takes 5 s."""
    execute(
        owner_conninfo(),
        f"UPDATE wallets_wallet SET balance = 1, received = 1 WHERE id = '{bobs.id}'",
    )
    refused(west, client_demo, "doesn't have the balance of its movements", Differs)
    execute(
        owner_conninfo(),
        f"UPDATE wallets_wallet SET balance = 0, received = 0 WHERE id = '{bobs.id}'",
    )


@pytest.fixture
def late(client_demo: Client, alices: Wallet, bobs: Wallet) -> Iterator[Callable[[], None]]:
    """A payment whose transaction has read the client's status, and commits when told."""
    goes_on, has_read = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def pay() -> None:
        try:
            with psycopg.connect(owner_conninfo()) as raw:
                raw.execute(ADD_EVENT, [client_demo.id, client_demo.id])
                has_read.set()
                goes_on.wait(30)
        except BaseException as error:  # noqa: BLE001 (it is raised in the test)
            failures.append(error)

    thread = threading.Thread(target=pay)
    thread.start()
    assert has_read.wait(30)

    def end() -> None:
        goes_on.set()
        thread.join()
        assert not failures

    yield end
    goes_on.set()
    thread.join()


def commit_soon(monkeypatch: Any, late: Callable[[], None]) -> None:
    """The late transaction commits a moment after the freeze."""
    whole = records.freeze_client

    def freeze(run: Any) -> None:
        whole(run)
        threading.Timer(0.3, late).start()

    monkeypatch.setattr(records, "freeze_client", freeze)


def changes(west: str) -> tuple[int, int]:
    here = Event.objects.filter(kind="client.changed").count()
    with inside(west):
        return here, Event.objects.filter(kind="client.changed").count()


def test_late_transaction_is_moved(client_demo, alices, west, late, monkeypatch):
    """Takes 5 s."""
    commit_soon(monkeypatch, late)
    with moving(owner_conninfo(), west, client_demo.id) as move:
        move.forward()
    assert changes(west) == (1, 1)


def test_late_transaction_is_lost_without_the_wait(client_demo, alices, west, late, monkeypatch):
    """The control: it shows that the wait is needed. Takes 5 s."""
    monkeypatch.setattr(moves, "HAVE_ENDED", "SELECT %s::text IS NOT NULL")
    commit_soon(monkeypatch, lambda: None)
    with moving(owner_conninfo(), west, client_demo.id) as move:
        move.forward()
    late()
    assert changes(west) == (1, 0)


OWN_NUMBER = "SELECT (xmin::text::bigint + 1)::text FROM users_client WHERE status = 'MOVING'"


@pytest.mark.parametrize(
    ("query", "expected"), [(moves.NEXT_NUMBER, (1, 1)), (OWN_NUMBER, (1, 0))], ids=["next", "own"]
)
def test_number_of_the_freeze_is_not_enough(
    client_demo, alices, west, monkeypatch, query, expected
):
    """A transaction that begins between the freeze and its COMMIT has a higher number, and reads
    the former status. With the number of the freeze alone it would be lost. Takes 5 s."""
    monkeypatch.setattr(moves, "NEXT_NUMBER", query)
    whole = GroupSide.change
    with psycopg.connect(owner_conninfo()) as raw:

        def change(side: GroupSide, statement: str, values: Any = None) -> int:
            number = whole(side, statement, values)
            if statement == records.END_LEASES:
                raw.execute(ADD_EVENT, [client_demo.id, client_demo.id])
                threading.Timer(0.5, raw.commit).start()
            return number

        monkeypatch.setattr(GroupSide, "change", change)
        with moving(owner_conninfo(), west, client_demo.id) as move:
            move.forward()
        time.sleep(0.6)
    assert changes(west) == expected


def test_endless_transaction_stops_the_move(client_demo, alices, bobs, west, late):
    """The copy is kept, and the next run ends the move. Takes 5 s."""
    with (
        moving(owner_conninfo(), west, client_demo.id, longest_wait=0.5) as move,
        pytest.raises(TryAgain, match="A transaction has been writing for"),
    ):
        move.forward()
    assert statuses(west, client_demo) == ("ACTIVE", "MOVED")
    people.transfer(alices, bobs, 1_00)
    call_command("audit")
    with inside(west):
        call_command("audit")
    late()
    with moving(owner_conninfo(), west, client_demo.id) as move:
        move.forward()
    with inside(west):
        assert Movement.objects.filter(wallet=alices).count() == 2


def test_second_run_at_the_same_time_is_refused(client_demo, alices, west):
    """Takes 3 s."""
    with moving(owner_conninfo(), west, client_demo.id) as first:
        first.lock()
        refused(west, client_demo, "Another process is moving this client now")


def test_run_with_a_successor_changes_nothing(client_demo, alices, bobs, west, monkeypatch):
    """It lost its lock with its connection, and goes on after another run has taken the move back.
    Takes 5 s."""
    whole = records.switch_group

    def switch(run: Any) -> None:
        records.take_move_back(run.source, run.target, run.move_id)
        whole(run)

    monkeypatch.setattr(records, "switch_group", switch)
    with moving(owner_conninfo(), west, client_demo.id) as move, pytest.raises(Superseded):
        move.forward()
    assert statuses(west, client_demo) == ("ACTIVE", "MOVED")
    people.transfer(alices, bobs, 1_00)


def test_suspended_client_is_suspended_in_the_new_group(client_demo, alices, west):
    """Takes 5 s."""
    Client.objects.filter(id=client_demo.id).update(status="SUSPENDED")
    with moving(owner_conninfo(), west, client_demo.id) as move:
        move.forward()
    assert statuses(west, client_demo) == ("MOVED", "SUSPENDED")


def test_moving_client_goes_to_no_third_group(client_demo, alices, west, late):
    """Takes 5 s."""
    with (
        moving(owner_conninfo(), west, client_demo.id, longest_wait=0.1) as move,
        pytest.raises(TryAgain),
    ):
        move.forward()
    late()
    names = ("home", "east")
    with (
        moving(owner_conninfo(), west, client_demo.id, names=names) as move,
        pytest.raises(MoveRefused, match="is being moved to west"),
    ):
        move.forward()
    with moving(owner_conninfo(), west, client_demo.id) as move:
        move.back()
    require_nothing_there(west, client_demo)
