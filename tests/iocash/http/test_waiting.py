"""Requests that wait: few, without a connection, and not longer than their process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.db import connection

from iocash.http import waiting
from iocash.postgres import CHECKOUT
from tests.support import people
from tests.support.server import Served, database_of_tests
from tests.support.threads import PATIENCE, Stranger
from users.views.latest import MOST_OF_CLIENT
from wallets.models import Wallet


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE", 0.01)
    monkeypatch.setattr(waiting, "close_connection", lambda: None)


def test_wait_ends_when_it_is_there():
    answers = iter([False, False, True])
    assert waiting.wait_for(lambda: next(answers), PATIENCE)


def test_wait_ends_after_its_time():
    begun = time.monotonic()
    assert not waiting.wait_for(lambda: False, 0.05)
    assert time.monotonic() - begun < PATIENCE


def test_only_a_few_threads_wait():
    """The others are answered at once."""
    asked, is_there = [Event() for _ in range(waiting.MOST)], Event()

    def wait(number: int) -> bool:
        def look() -> bool:
            asked[number].set()
            return is_there.is_set()

        return waiting.wait_for(look, PATIENCE)

    callers = [Stranger(partial(wait, number)) for number in range(waiting.MOST)]
    assert all(each.wait(PATIENCE) for each in asked)
    assert not waiting.wait_for(is_there.is_set, PATIENCE)
    is_there.set()
    assert [caller.answer for caller in callers] == [True] * waiting.MOST
    assert waiting.wait_for(is_there.is_set, PATIENCE)


def test_room_is_given_back_after_an_error():
    for _ in range(waiting.MOST + 1):
        with pytest.raises(ZeroDivisionError):
            waiting.wait_for(lambda: bool(1 / 0), PATIENCE)


WAITS = """
import signal, sys, time
from iocash.http import waiting
waiting.close_connection = lambda: None
waiting.listen()
signal.signal(signal.SIGTERM, lambda *_: None)  # as servers do, after they have loaded us
print("waits", flush=True)
begun = time.monotonic()
print(waiting.wait_for(lambda: False, 60), time.monotonic() - begun < 30, flush=True)
"""


def test_signal_ends_waiting_requests():
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "iocash.settings", "DEBUG": "1"}
    command = [sys.executable, "-c", WAITS]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "False True\n"


@pytest.mark.django_db(transaction=True)
def test_waiting_thread_keeps_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    connection.ensure_connection()
    assert waiting.wait_for(lambda: connection.connection is None, PATIENCE)


@pytest.mark.ci
@pytest.mark.django_db(transaction=True)
def test_server_ends_though_requests_wait(alices: Wallet, tmp_path: Any) -> None:
    """More of them than may wait. All get an empty page. Takes 10 s."""
    secret = people.a_key(alices.client)
    address = "/api/v1/events?size=100&wait=20"
    with Served(database_of_tests(), tmp_path / "server.log") as server:

        def follow(address: str = address) -> Any:
            return server.call("GET", address, secret=secret)

        place = follow(address.replace("wait=20", "wait=0"))[2]["_links"]["resume"]["href"]
        place = place.removeprefix(server.url).replace("wait=0", "wait=20")
        until = time.monotonic() + PATIENCE
        while follow(place.replace("wait=20", "wait=0"))[2]["_embedded"]["events"]:
            assert time.monotonic() < until
        callers = [Stranger(lambda: follow(place)) for _ in range(4 * waiting.MOST)]
        while sum(caller.is_alive() for caller in callers) > 2 * MOST_OF_CLIENT:
            assert time.monotonic() < until
        begun = time.monotonic()
        os.killpg(server.process.pid, signal.SIGTERM)
        answers = [caller.answer for caller in callers]
        while server.process.poll() is None:
            assert time.monotonic() - begun < 10
            server.terminate()  # a worker that was starting has not heard the first signal
    pages = [page for answer in answers for page in [answer[2]] if answer[0] == 200]
    assert len(pages) == len(callers)
    assert {len(page["_embedded"]["events"]) for page in pages} == {0}
