"""A client that moves to another group: everything goes on there, and nothing here."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from tests.support import every_verb, people, schedules
from tests.support.anchors import write_anchor
from tests.support.people import Api
from tests.support.receivers import Receiver
from tests.support.second_group import inside, moving, owner_conninfo
from tests.support.webhooks import Worker, an_endpoint, events_after, ids, pay, to
from users.models import Client, Event
from users.models.barrier import release_events
from wallets import anchors
from wallets.duties.holds import ExpireOverdueHolds
from wallets.duties.schedules import RunSchedules
from wallets.exports.tables import exported_tables
from wallets.models import ClientMove, Hold, Movement, ScheduledOperation, ScheduledRun, Wallet
from wallets.moves import Move

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ci]


def forward(west: str, client: Client, **values: Any) -> None:
    with moving(owner_conninfo(), west, client.id, **values) as move:
        move.forward()


def test_old_requests_get_their_old_answers(client_demo, alices, bobs, west):
    """Takes 5 s."""
    api = Api(people.a_key(client_demo))
    path = f"wallets/{alices.id}/movements"
    paid = api.post(path, people.to(bobs, "10.00"), key="paid")
    forward(west, client_demo)
    assert Client.objects.get(id=client_demo.id).status == "MOVED"
    with inside(west):
        assert Client.objects.get(id=client_demo.id).status == "ACTIVE"
        again = api.post(path, people.to(bobs, "10.00"), key="paid")
        assert (again.status, again.json) == (paid.status, paid.json)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert api.post(path, people.to(bobs, "11.00"), key="paid").status == 409
        assert Movement.objects.filter(wallet=alices).count() == 2
        people.transfer(alices, bobs, 1_00)
        call_command("audit")
    call_command("audit")


def test_nothing_of_a_moved_client_changes_in_its_old_group(client_demo, alices, bobs, west):
    """Takes 5 s."""
    people.place(alices, bobs, 5_00, expires_at=timezone.now() + timedelta(hours=1))
    schedules.scheduled(alices, bobs)
    forward(west, client_demo)
    with pytest.raises(DatabaseError, match="is being moved"):
        people.transfer(alices, bobs, 1_00)
    with pytest.raises(DatabaseError, match="is being moved"):
        ScheduledOperation.objects.update(concept="Rent")
    people.pass_time(timedelta(hours=2), alices)
    assert ExpireOverdueHolds().perform() == 0
    schedules.make_due(*ScheduledOperation.objects.none())
    assert RunSchedules().perform() == 0
    assert Hold.objects.get().status == "OPEN"
    with inside(west):
        people.pass_time(timedelta(hours=2), alices)
        assert ExpireOverdueHolds().perform() == 1
        schedules.make_due(*ScheduledOperation.objects.all())
        RunSchedules().perform()
        assert ScheduledRun.objects.get().status == "SUCCESS"


def test_webhooks_go_on_where_they_were(client_demo, alices, bobs, west):
    """No event is lost, and none is sent twice that was written as sent. Takes 10 s."""
    with Receiver() as receiver:
        begin = an_endpoint(client_demo, to(receiver)).streams.get().position
        pay(alices, bobs)
        deliver()
        pay(alices, bobs)
        forward(west, client_demo)
        assert deliver() == 0
        with inside(west):
            pay(alices, bobs)
            deliver()
            expected = [event.id for event in events_after(begin, client_demo)]
        assert sorted(ids(receiver)) == sorted(expected)


def test_new_events_get_positions_after_the_webhook_streams(
    client_demo, alices, bobs, west, monkeypatch
):
    """Streams pass positions that others have taken during the move. Takes 5 s."""
    freeze = Move.freeze

    def freeze_late(move: Move, run: Any) -> None:
        pay(alices, bobs)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT max(nextval('users_event_position_seq')) FROM generate_series(1, 5000)"
            )
        people.cash_in(others, 1_00)
        deliver()
        freeze(move, run)

    monkeypatch.setattr(Move, "freeze", freeze_late)
    others = people.first_wallet(people.a_user(people.a_client("Others"), people.ALICE))
    with Receiver() as receiver:
        an_endpoint(client_demo, to(receiver))
        pay(alices, bobs)
        deliver()
        forward(west, client_demo)
        before = len(receiver.received)
        with inside(west):
            pay(alices, bobs)
            deliver()
        assert len(receiver.received) == before + 2


def deliver() -> int:
    worker = Worker()
    release_events()
    sent = worker.run()
    worker.close()
    return sent


def test_all_rows_of_every_verb_arrive(settings, west, monkeypatch):
    """But for those of banks, with which a client can't move. Takes 30 s."""
    monkeypatch.setattr(every_verb, "play_bank", lambda wallet: None)
    settings.KYC_LIMITS = every_verb.LIMITS | {"USD": every_verb.LIMITS["EUR"]}
    every_verb.play()
    client = Client.objects.get(name="Verbs")
    before = rows_of(client)
    forward(west, client)
    with inside(west):
        after = rows_of(client)
        assert {name: after[name] for name in before} == before
        call_command("audit")
    call_command("audit")


def rows_of(client: Client) -> dict[str, Any]:
    """All rows of a client, without the numbers that are drawn anew."""
    found = {}
    for table in exported_tables():
        names = [each.name for each in table.columns]
        left_out = {"status"} if table.name == "users_client" else {table.serial} - {"position"}
        kept = [name for name in names if name not in left_out]
        columns = ", ".join(f'"{name}"' for name in kept)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns} FROM {table.name} WHERE {table.condition}",
                {"clients": [client.id]},
            )
            found[table.name] = sorted(map(repr, cursor.fetchall()))
    return found


def test_two_moved_clients_keep_equal_positions(client_demo, alices, bobs, west):
    """Each group counts events from one. Takes 5 s."""
    people.transfer(alices, bobs, 1_00)
    ours = {*Event.objects.filter(client=client_demo).values_list("position", flat=True)}
    with inside(west):
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('users_event_position_seq', %s)", [min(ours)])
        others = people.a_client("Others")
        theirs = people.a_user(others, people.ALICE)
        people.cash_in(people.first_wallet(theirs), 5_00)
        known = {*Event.objects.values_list("position", flat=True)}
        assert known & ours
    forward(west, client_demo)
    with inside(west):
        people.transfer(alices, bobs, 1_00)
        assert Event.objects.filter(client=client_demo).latest("position").position > max(ours)
        call_command("audit")


def test_anchors_go_on_in_both_groups(client_demo, alices, bobs, west, tmp_path, settings):
    """Also after the rows were removed from the old one. Takes 10 s."""
    folders = [tmp_path / name for name in ("home", "west")]
    for folder in folders:
        folder.mkdir()
    people.transfer(alices, bobs, 1_00)
    with inside(west):
        people.cash_in(
            people.first_wallet(people.a_user(people.a_client("Others"), people.ALICE)), 5_00
        )
        there = anchor_in(folders[1], settings)
    here = anchor_in(folders[0], settings)
    forward(west, client_demo)
    with inside(west):
        assert differing(here) is None
        assert differing(there) is None
        people.transfer(alices, bobs, 1_00)
        later = anchor_in(folders[1], settings)
        assert str(alices.id) in later.read_text()
    assert differing(here) is None
    call_command("audit")
    with moving(owner_conninfo(), west, client_demo.id) as move:
        assert move.purge() > 10
    assert not Wallet.objects.filter(client=client_demo.id).exists()
    assert differing(here) is None
    call_command("audit")
    with inside(west):
        assert differing(later) is None
        call_command("audit")


def anchor_in(folder: Path, settings: Any) -> Path:
    settings.ANCHORS_DIR = str(folder)
    return write_anchor(folder)


def differing(anchor: Path) -> Any:
    with anchor.open() as lines:
        return anchors.compare(lines)


def test_client_can_move_to_and_fro(client_demo, alices, bobs, west):
    """Takes 10 s."""
    forward(west, client_demo)
    with inside(west):
        people.transfer(alices, bobs, 1_00)
    with moving(west, owner_conninfo(), client_demo.id, names=("west", "home")) as move:
        move.forward()
    people.transfer(alices, bobs, 1_00)
    assert Movement.objects.filter(wallet=alices).count() == 3
    call_command("audit")
    forward(west, client_demo)
    with inside(west):
        assert Movement.objects.filter(wallet=alices).count() == 3
        call_command("audit")
    assert ClientMove.objects.filter(stage="DONE").count() == 3
