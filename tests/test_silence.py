"""PostgreSQL goes silent: it neither answers nor ends its connections.

Takes half a minute.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.embedded_postgres import eventually
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = pytest.mark.ci

PATIENCE = 3.0
CONNECT = 5.0
"""Seconds for a new connection, after the one that was given up."""
SLACK = 3.0
THREADS = 2 * 16


@pytest.fixture(scope="module")
def demo(postgres: Scratch, demo: dict[str, str]) -> dict[str, str]:
    postgres.tell("ALTER ROLE iocash_app SET statement_timeout = '2s'")  # below the patience
    return demo


@pytest.fixture(scope="module")
def server(
    postgres: Scratch, demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("served") / "server.log"
    with Served(postgres.address(), log, DATABASE_PATIENCE=str(PATIENCE)) as served:
        yield served
        assert "crashed" not in log.read_text()


@contextmanager
def silence(postgres: Scratch) -> Iterator[None]:
    """Stop every process of PostgreSQL, as a frozen machine would."""
    first = str(postgres.process.pid)
    listed = subprocess.check_output(["ps", "-o", "pid=", "--pid", first, "--ppid", first])
    numbers = [int(number) for number in listed.split()]
    try:
        for number in numbers:
            os.kill(number, signal.SIGSTOP)
        yield
    finally:
        for number in numbers:
            os.kill(number, signal.SIGCONT)


class Call:
    """One call, and how long it took."""

    def __init__(self, server: Served, path: str, secret: str = "") -> None:
        begun = time.monotonic()
        self.status, _, self.content = server.call("GET", path, secret=secret)
        self.seconds = time.monotonic() - begun


def warm(server: Served, demo: dict[str, str], callers: ThreadPoolExecutor) -> None:
    """Let every thread open its connection."""
    calls = [callers.submit(Call, server, "/api/v1/users", demo["apiKey"]) for _ in range(200)]
    assert {call.result().status for call in calls} == {200}


def test_every_request_is_answered_while_the_database_is_silent(postgres, server, demo):
    with ThreadPoolExecutor(THREADS) as callers:
        warm(server, demo, callers)
        paths = ("/api/v1/users", "/readyz", "/api/v1/wallets")
        with silence(postgres):
            calls = [
                callers.submit(Call, server, paths[number % len(paths)], demo["apiKey"])
                for number in range(THREADS)
            ]
            time.sleep(1)
            live = [Call(server, "/livez") for _ in range(50)]
            done = [call.result() for call in calls]
    assert [call.status for call in live] == [200] * 50
    assert live[0].content == {"status": "ok"}
    quick = sorted(call.seconds for call in live)
    assert quick[len(quick) // 2] < 0.05
    assert {call.status for call in done} == {503}
    assert max(call.seconds for call in done) < PATIENCE + CONNECT + SLACK
    eventually(lambda: server.call("GET", "/readyz")[0] == 200)


def test_livez_is_answered_while_all_threads_wait_and_others_queue(postgres, server, demo):
    with ThreadPoolExecutor(4 * THREADS) as callers:
        warm(server, demo, callers)
        with silence(postgres):
            calls = [
                callers.submit(Call, server, "/api/v1/users", demo["apiKey"])
                for _ in range(4 * THREADS)
            ]
            time.sleep(1)
            live = [Call(server, "/livez") for _ in range(50)]
            assert not any(call.done() for call in calls)
        for call in calls:
            call.result()
    assert [call.status for call in live] == [200] * 50
    assert sorted(call.seconds for call in live)[25] < 0.05
