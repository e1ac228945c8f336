"""Readers who follow events while others write: none is lost, and each wallet's are in order.

The controls read in ways that look right and are not: they show that the tests can fail.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from tests.support import people
from tests.support.people import Api
from tests.support.server import Served, database_of_tests
from tests.support.threads import PATIENCE, Caller, holding, wait_until_blocked
from users.models import Client, Event, barrier
from users.models.barrier import release_events
from wallets.models import Wallet
from wallets.orders.base import Order
from wallets.posting import group

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, READERS, SHARED = 12, 3, 4
LONG = 120.0
"""Seconds until the last events are released: other tests may be writing in the same cluster."""

Seen = tuple[str, str | None, int]
"""What a reader keeps of an event: its id, its wallet, and the wallet's `seq`."""


class TakenBack(Exception):
    """Rolls back a transaction of a writer."""


# --- Readers -------------------------------------------------------------------------------------


@dataclass
class Reader:
    """Reads events from old to new, and keeps what it has seen."""

    seen: list[Seen] = field(default_factory=list)

    def read(self) -> None:
        """Read what comes next."""
        raise NotImplementedError

    def read_until(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            self.read()
        until = time.monotonic() + LONG
        last = str(Event.objects.latest("position").id)
        while last not in {each[0] for each in self.seen[-200:]} and time.monotonic() < until:
            self.read()

    @property
    def lost(self) -> int:
        """How many of all events it has not seen, or has seen twice."""
        ids = [each[0] for each in self.seen]
        every = {str(each) for each in Event.objects.values_list("id", flat=True)}
        return len(every ^ {*ids}) + len(ids) - len({*ids})

    @property
    def disordered(self) -> int:
        """How many events came after a later one of their wallet."""
        last: dict[str, int] = {}
        found = 0
        for _, wallet, seq in self.seen:
            if wallet:
                found += seq < last.get(wallet, 0)
                last[wallet] = max(seq, last.get(wallet, 0))
        return found


@dataclass
class Follower(Reader):
    """Follows `resume`, as clients do."""

    get: Callable[[str], Any] = str
    address: str = "events?size=100"

    def read(self) -> None:
        page = self.get(self.address)
        self.address = page["_links"]["resume"]["href"]
        self.seen += [
            (each["id"], each["walletId"], each["data"].get("seq", 0))
            for each in page["_embedded"]["events"]
        ]


@dataclass
class Statement(Reader):
    """A control: reads what is after its cursor, by a statement of its own."""

    sql: str = ""
    cursor: tuple[int, int] = (0, 0)

    def read(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.cursor)
            for first, second, event_id, wallet_id, seq in cursor.fetchall():
                self.cursor = first, second
                self.seen.append((str(event_id), wallet_id and str(wallet_id), seq or 0))


COLUMNS = "position, id, wallet_id, (data ->> 'seq')::int FROM users_event"
BY_ID = f"SELECT 0, {COLUMNS} WHERE (0, position) > (%s, %s) ORDER BY position"
"""Loses what commits late."""
XID = "xmin::text::bigint"
BY_TRANSACTION = f"""
    SELECT {XID}, {COLUMNS}
    WHERE ({XID}, position) > (%s, %s)
      AND {XID} < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY {XID}, position
"""
"""Loses nothing, but a transaction can begin before another and write to the wallet after it."""


def in_process(client: Client) -> Callable[[str], Any]:
    api = Api(people.a_key(client))
    return lambda address: api.get(address).json


# --- Writers -------------------------------------------------------------------------------------


@dataclass
class Stage:
    """Wallets that all writers use, and one for each writer."""

    client: Client
    shared: list[Wallet]
    own: list[Wallet]

    def write(self, number: int, rounds: int) -> None:
        """Write some events to the own wallet, and then to shared ones; one time in four in vain.

        So a transaction takes its number before it waits for the shared wallets.
        """
        chance = random.Random(number)
        for _ in range(rounds):
            source, target = chance.sample(self.shared, 2)
            orders: list[Order] = [
                *(people.a_cash_in(self.own[number], 1) for _ in range(1 + chance.randrange(3))),
                people.a_transfer(source, target, 1),
            ]
            if chance.randrange(4):
                group.post(orders)
                continue
            with suppress(TakenBack), transaction.atomic():
                group.post(orders)
                raise TakenBack


def a_rich_wallet(client: Client, number: int) -> Wallet:
    names = {"user_name": f"user{number}", "mobile_phone": f"+3461{number:07d}"}
    wallet = people.first_wallet(people.a_user(client, people.ALICE | names))
    people.cash_in(wallet, 1_000_00)
    return wallet


@pytest.fixture
def stage(client_demo: Client) -> Stage:
    wallets = [a_rich_wallet(client_demo, number) for number in range(WRITERS + SHARED)]
    return Stage(client_demo, wallets[WRITERS:], wallets[:WRITERS])


def read_while_writing(stage: Stage, rounds: int, readers: list[Reader]) -> None:
    writers = [Caller(partial(stage.write, number, rounds)) for number in range(WRITERS)]

    def is_over() -> bool:
        return not any(writer.is_alive() for writer in writers)

    reading = [Caller(partial(reader.read_until, is_over)) for reader in readers]
    for caller in (*writers, *reading):
        caller.join()
        assert caller.result is None, caller.result


# --- Tests ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_readers_lose_no_event_and_read_each_wallet_in_order(stage: Stage) -> None:
    readers: list[Reader] = [Follower(get=in_process(stage.client)) for _ in range(READERS)]
    read_while_writing(stage, 3, readers)
    assert [(reader.lost, reader.disordered) for reader in readers] == [(0, 0)] * READERS


@pytest.mark.ci
def test_readers_of_several_processes_lose_no_event(stage: Stage, tmp_path: Path) -> None:
    """Writes 3,000 events or more, beside two readers that are wrong. Takes 60 s."""
    secret = people.a_key(stage.client)
    with Served(database_of_tests(), tmp_path / "server.log") as server:

        def get(address: str) -> Any:
            path = address.removeprefix(server.url)
            path = path if path.startswith("/") else f"/api/v1/{path}"
            status, _, page = server.call("GET", path, secret=secret)
            assert status == 200, page
            return page

        readers: list[Reader] = [Follower(get=get) for _ in range(READERS)]
        naive, by_transaction = Statement(sql=BY_ID), Statement(sql=BY_TRANSACTION)
        read_while_writing(stage, 90, [*readers, naive, by_transaction])
        server.settle()
    assert Event.objects.count() >= 3_000
    assert [(reader.lost, reader.disordered) for reader in readers] == [(0, 0)] * READERS
    assert naive.lost
    assert (by_transaction.lost, by_transaction.disordered > 0) == (0, True)


def test_reader_by_position_alone_loses_an_event_that_is_committed_late(
    client_demo: Client, alices: Wallet, bobs: Wallet
) -> None:
    """A control; who follows `resume` loses nothing."""
    naive, follower = Statement(sql=BY_ID), Follower(get=in_process(client_demo))
    with holding(people.a_cash_in(alices, 1)):
        group.post([people.a_cash_in(bobs, 1)])
        naive.read()
        follower.read()
    follower.read_until(lambda: True)
    naive.read()
    assert (naive.lost, naive.disordered) == (1, 0)
    assert (follower.lost, follower.disordered) == (0, 0)


@pytest.mark.slow
def test_reader_by_transaction_reads_a_wallet_out_of_order(client_demo: Client) -> None:
    """A control; who follows `resume` reads it in order.

    One transaction takes its number for the first wallet, and waits for the second. Another, with a
    higher number, writes to the third wallet before it.
    """
    first, second, third = (a_rich_wallet(client_demo, number) for number in range(3))
    orders = [people.a_transfer(first, second, 1), people.a_transfer(first, third, 1)]
    with holding(people.a_cash_in(second, 1)):
        waiting = Caller(partial(group.post, orders))
        wait_until_blocked()
        group.post([people.a_cash_in(third, 1)])
    assert len(waiting.answer) == 2
    wait_until_released()
    by_transaction, follower = Statement(sql=BY_TRANSACTION), Follower(get=in_process(client_demo))
    by_transaction.read()
    follower.read_until(lambda: True)
    assert (by_transaction.lost, by_transaction.disordered) == (0, 1)
    assert (follower.lost, follower.disordered) == (0, 0)


def wait_until_released() -> None:
    until, last = time.monotonic() + LONG, Event.objects.latest("position").position
    while release_events() < last:
        assert time.monotonic() < until


# --- Waiting -------------------------------------------------------------------------------------


@pytest.fixture
def waiting(client_demo: Client, alices: Wallet) -> Iterator[Caller]:
    """A reader at the end of the list who waits for the next event."""
    get = in_process(client_demo)
    wait_until_released()
    page = get("events")
    reader = Caller(partial(get, f"{page['_links']['resume']['href']}&wait=20"))
    yield reader
    assert not reader.is_alive()


@pytest.mark.slow
def test_waiting_reader_gets_the_next_event(waiting: Caller, alices: Wallet) -> None:
    begun = time.monotonic()
    people.cash_in(alices, 7)
    page = waiting.answer
    assert [each["data"]["amount"] for each in page["_embedded"]["events"]] == ["0.07"]
    assert time.monotonic() - begun < PATIENCE


@pytest.mark.slow
def test_waiting_reader_writes_nothing_and_ignores_other_clients(
    waiting: Caller, alices: Wallet
) -> None:
    before = barrier.State.read()
    third = people.first_wallet(people.a_user(people.a_client("Third"), people.BOB))
    waiting.join(3 * 0.2)
    assert waiting.is_alive()
    after = barrier.State.read()
    assert (after.barrier_at, after.barrier_position) == (
        before.barrier_at,
        before.barrier_position,
    )
    people.cash_in(alices, 7)
    (event,) = waiting.answer["_embedded"]["events"]
    assert event["walletId"] == str(alices.id) != str(third.id)
