"""Numbers that groups give while a client moves: none is given twice."""

from __future__ import annotations

import threading
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Final

import psycopg
import pytest
from django.db import connection
from django.test import override_settings

from iocash.db import groups
from tests.support import people
from tests.support.groups import west_beside_home
from tests.support.second_group import owner_conninfo
from users.models import Note
from wallets import posting
from wallets.moves import GroupSide
from wallets.moves.preparing import raise_sequence
from wallets.orders.ibans import CreateIban

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ci]

DRAW: Final = """
    SELECT array_agg(nextval('users_event_position_seq')) FROM generate_series(1, 300000)
"""
DRAWN: Final = "SELECT nextval('users_event_position_seq')"
NUMBERLESS: Final = """
    CREATE FUNCTION test_has_number() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF pg_current_xact_id_if_assigned() IS NULL THEN RAISE 'no number yet'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER row_is_read_after_this_guard AFTER INSERT ON users_note
        FOR EACH ROW EXECUTE FUNCTION test_has_number()
"""
separate = import_module("wallets.migrations.0030_separate_account_numbers").separate


def test_sequence_is_never_set_back_while_others_draw(client_demo):
    """Takes 4 s."""
    drawn: list[list[int]] = []

    def draw() -> None:
        with psycopg.connect(owner_conninfo()) as raw:
            drawn.extend(numbers for (numbers,) in raw.execute(DRAW).fetchall())

    side = GroupSide("home", partial(psycopg.connect, owner_conninfo()))
    try:
        drawing = threading.Thread(target=draw)
        drawing.start()
        while drawing.is_alive():
            raise_sequence(side, "users_event", "position", 1)
        drawing.join()
    finally:
        side.close()
    assert len(drawn[0]) == len({*drawn[0]}) == 300_000


def test_sequence_goes_on_behind_a_number_of_two_bytes(client_demo):
    """PostgreSQL adds two small numbers as such. Takes 2 s."""
    side = GroupSide("home", partial(psycopg.connect, owner_conninfo()))
    try:
        side.ask("ALTER TABLE users_event ALTER position RESTART WITH 1")
        raise_sequence(side, "users_event", "position", 32_767)
        assert side.ask(DRAWN)[0][0] > 32_767
    finally:
        side.close()


def test_sequence_continues_after_the_moved_rows(client_demo):
    """Takes 2 s."""
    side = GroupSide("home", partial(psycopg.connect, owner_conninfo()))
    try:
        ((last,),) = side.ask(DRAWN)
        raise_sequence(side, "users_event", "position", last + 5_000)
        assert side.ask(DRAWN)[0][0] > last + 5_000
    finally:
        side.close()


def test_guard_reads_the_status_after_the_transaction_has_its_number(client_demo, alice):
    """The freeze waits for transactions with a number only. Takes 2 s."""
    with psycopg.connect(owner_conninfo()) as raw:
        raw.execute(NUMBERLESS)
        raw.commit()
        try:
            Note.objects.create(
                client=client_demo,
                user=alice,
                subject="user",
                subject_id=alice.id,
                text="Called.",
                actor="staff:1",
            )
        finally:
            connection.close()
            raw.execute("DROP FUNCTION test_has_number() CASCADE")


def test_no_two_groups_give_one_iban(client_demo):
    """Takes 5 s."""
    with west_beside_home():
        ours = an_iban()
        with groups.entered("west"):
            with override_settings(GROUP="west"):
                separate(None, SimpleNamespace(connection=connection))
            theirs = an_iban()
    assert ours != theirs


def an_iban() -> str:
    wallet = people.first_wallet(people.a_user(people.a_client("Of a group"), people.ALICE))
    posting.submit(CreateIban(**people.about(wallet)))
    wallet.refresh_from_db()
    return wallet.iban or ""
