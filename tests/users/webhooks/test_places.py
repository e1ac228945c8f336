"""Which streams a worker takes: clients and streams take turns, and quick receivers never wait."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Event as Signal
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import pytest

from tests.support import people
from tests.support.receivers import Handler, Received, Receiver
from tests.support.threads import PATIENCE
from tests.support.webhooks import an_endpoint, ids, last_position, pay, to
from users.duties.webhooks import render_events, render_ping
from users.models import Client, WebhookEndpoint
from users.webhooks import dispatch, lanes, rounds
from users.webhooks.dispatch import MOST_STREAMS, Dispatcher, Turn
from users.webhooks.leases import MOST_OF_CLIENT, Lease, claim_streams, free_stream

pytestmark = pytest.mark.django_db


def a_client(name: str) -> Client:
    """A client with something to send."""
    client = people.a_client(name)
    people.a_user(client, people.BOB)
    return client


def some_endpoints(client: Client, number: int) -> list[WebhookEndpoint]:
    """Endpoints that have not got what happened before."""
    made = [an_endpoint(client) for _ in range(number)]
    for endpoint in made:
        endpoint.streams.update(position=0)
    return made


def taken(most: int, **options: object) -> list[Lease]:
    return claim_streams(last_position(), most, **options)  # type: ignore[arg-type]


def test_client_has_a_few_places_and_others_come_first() -> None:
    busy, other = a_client("Busy"), a_client("Other")
    some_endpoints(busy, 8)
    (own,) = some_endpoints(other, 1)
    leases = taken(2)
    assert Counter(lease.client_id for lease in leases) == {busy.id: 1, other.id: 1}
    assert own.id in {lease.endpoint_id for lease in leases}
    more = taken(10, working=leases)
    assert Counter(lease.client_id for lease in more) == {busy.id: MOST_OF_CLIENT - 1}
    assert taken(10, working=[*leases, *more]) == []


def test_failing_endpoints_come_last() -> None:
    failing, good = some_endpoints(a_client("Failing"), 2)
    WebhookEndpoint.objects.filter(id=failing.id).update(failures=1)
    assert [lease.endpoint_id for lease in taken(1)] == [good.id]


def test_streams_take_turns() -> None:
    for client in (a_client("One"), a_client("Two"), a_client("Three")):
        some_endpoints(client, 1)
    served = []
    for _ in range(6):
        (lease,) = taken(1)
        served.append(lease.client_id)
        free_stream(lease)
    assert served[3:] == served[:3]
    assert len({*served}) == 3


def test_quick_endpoints_and_others_are_taken_apart() -> None:
    quick, other = some_endpoints(a_client("Client"), 2)
    about = {"quick": [quick.id]}
    assert [each.endpoint_id for each in taken(9, **about, is_quick=False)] == [other.id]
    assert [each.endpoint_id for each in taken(9, **about, is_quick=True)] == [quick.id]


# --- What a worker remembers of receivers --------------------------------------------------------


def test_receiver_that_answers_is_quick_until_it_is_slow(
    alices, bobs, endpoint, worker, monkeypatch
):
    pay(alices, bobs)
    worker.run()
    assert worker.lines[endpoint.id].is_quick
    monkeypatch.setattr(rounds, "QUICK", -1.0)
    pay(alices, bobs)
    worker.run()
    assert not worker.lines[endpoint.id].is_quick
    monkeypatch.setattr(rounds, "SLOW_FOR", 0.0)
    assert worker.lines[endpoint.id].is_quick


def test_failure_makes_no_receiver_quick(alices, bobs, endpoint, receiver, worker):
    receiver.answering = lambda handler, _: handler.answer(500)
    pay(alices, bobs)
    worker.run()
    assert not worker.lines[endpoint.id].is_quick


def test_receivers_are_forgotten_after_a_while(alices, bobs, endpoint, worker, monkeypatch):
    pay(alices, bobs)
    worker.run()
    monkeypatch.setattr(dispatch, "IDLE", 0.0)
    worker.close_idle()
    assert [*worker.lines] == [endpoint.id]
    monkeypatch.setattr(dispatch, "FORGOTTEN", 0.0)
    worker.close_idle()
    assert worker.lines == {}


@pytest.mark.parametrize(
    ("is_full", "seconds", "sent"), [(True, 3, 2), (True, 0, 6), (False, 3, 6)]
)
def test_stream_gives_up_its_place_if_others_wait(
    alices, bobs, endpoint, receiver, worker, monkeypatch, is_full, seconds, sent
):
    monkeypatch.setattr(lanes, "BATCH", 2)
    worker.lines[endpoint.id] = rounds.Connections()
    worker.lines[endpoint.id].has_answered = True
    pay(alices, bobs, 3)
    (lease,) = worker.take()
    worker.turns[lease] = Turn(is_quick=True, begun=time.monotonic() - seconds)
    worker.is_full = {True: is_full}
    worker.work(lease)
    assert len(receiver.received) == sent
    assert worker.turns == {}
    assert len(worker.take()) == (sent < 6)


def test_stream_of_a_new_endpoint_moves_to_the_quick_ones(
    alices, bobs, endpoint, receiver, worker, monkeypatch
):
    monkeypatch.setattr(lanes, "BATCH", 2)
    pay(alices, bobs, 3)
    (lease,) = worker.take()
    worker.turns[lease] = Turn(is_quick=False, begun=time.monotonic())
    worker.work(lease)
    assert len(receiver.received) == 2
    (again,) = taken(9, quick=[endpoint.id], is_quick=True)
    assert again.endpoint_id == endpoint.id


def test_round_is_as_large_as_the_receiver_is_fast(alices, bobs, endpoint, worker):
    line = worker.lines[endpoint.id] = rounds.Connections()
    pay(alices, bobs, 3)
    (lease,) = worker.take()
    unsent = lanes.load_round(lease, last_position(), worker.render, most=2)
    assert sum(len(lane.events) for lane in unsent.lanes) == 2
    line.adapt(unsent)
    assert line.batch == rounds.THREADS
    free_stream(lease)
    pay(alices, bobs, rounds.THREADS)
    worker.run()
    assert rounds.THREADS < line.batch <= lanes.BATCH


@pytest.mark.parametrize(
    ("milliseconds", "threads"),
    [([0, 1], rounds.FEWEST_THREADS), ([2, 2, 2], 3), ([1, 9], rounds.THREADS), ([], 5)],
)
def test_round_has_as_many_threads_as_wait_for_answers(milliseconds, threads):
    line = rounds.Connections()
    line.threads = 5
    attempts = [SimpleNamespace(milliseconds=each) for each in milliseconds]
    line.adapt(cast("lanes.Round", SimpleNamespace(attempts=attempts, lanes=[])))
    ran: list[bool] = []
    line.run(rounds.THREADS, lambda: ran.append(True))
    assert len(ran) == threads
    line.close()


# --- Many receivers that hang --------------------------------------------------------------------


@pytest.fixture
def hanging() -> Iterator[Receiver]:
    """A receiver that answers when the test is over."""
    over = Signal()

    def hang(handler: Handler, _: Received) -> None:
        over.wait(PATIENCE)
        handler.answer(200)

    with Receiver() as running:
        running.answering = hang
        yield running
        over.set()


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    made = Dispatcher(render_events, render_ping)
    yield made
    made.close()


def steps_until(dispatcher: Dispatcher, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        dispatcher.step()
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_hanging_receivers_do_not_delay_a_quick_one(
    alices, bobs, endpoint, receiver, dispatcher, hanging
):
    """They take all places of endpoints that have not answered."""

    def has_all(number: int) -> bool:
        return len(ids(receiver)) >= number and not dispatcher.turns

    pay(alices, bobs)
    steps_until(dispatcher, lambda: has_all(2))
    for number in range(MOST_STREAMS // MOST_OF_CLIENT + 1):
        client = a_client(f"Hanging {number}")
        for _ in range(MOST_OF_CLIENT + 1):
            an_endpoint(client, to(hanging)).streams.update(position=0)
    steps_until(dispatcher, lambda: len(dispatcher.turns) == MOST_STREAMS)
    pay(alices, bobs, 2)
    steps_until(dispatcher, lambda: len(ids(receiver)) >= 6)
    assert len(dispatcher.turns) >= MOST_STREAMS
    served = {UUID(each.headers["webhook-id"]) for each in receiver.received}
    assert len(served) == 6
