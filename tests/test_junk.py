"""A minute of what nobody has a key for, through the proxy: the others do not notice."""

from __future__ import annotations

import http.client
import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.iocash.postgres.processes import linux
from tests.proxy import Proxy, needs_nginx
from tests.scratch import Scratch
from tests.serving import PATIENCE, Served

pytestmark = [pytest.mark.long, needs_nginx, linux]

SECONDS, IDLE = 60.0, 15.0
CALLERS, SLOW = 4, 50
MOST = 5.0
"""How many times as long as when idle 95 of 100 calls may take. Load and server share the machine."""

JSON = {"Content-Type": "application/json"}
BAD_KEY = JSON | {"Authorization": "Bearer unknown"}
HEAD = b"Host: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path_factory.mktemp("junk"))
    yield scratch
    scratch.remove()


class Caller(Thread):
    """Brings cents to Alice on one kept connection, a little at a time."""

    def __init__(self, proxy: Proxy, demo: dict[str, str], until: float) -> None:
        super().__init__(daemon=True)
        self.port, self.until = proxy.port, until
        self.path = f"/api/v1/wallets/{demo['aliceWalletId']}/movements"
        self.headers = JSON | {"Authorization": f"Bearer {demo['apiKey']}"}
        self.met: Counter[Any] = Counter()
        self.took: list[float] = []
        self.start()

    def run(self) -> None:
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        while time.monotonic() < self.until:
            begun = time.monotonic()
            try:
                caller.request(
                    "POST", self.path, '{"type": "CASH_IN", "amount": "0.01"}', self.headers
                )
                response = caller.getresponse()
                self.met[response.status, json.loads(response.read()).get("code")] += 1
            except (OSError, http.client.HTTPException) as error:
                self.met[repr(error)] += 1
                caller.close()
            self.took.append(time.monotonic() - begun)
            time.sleep(0.02)
        caller.close()


def p95(callers: list[Caller]) -> float:
    took = sorted(each for caller in callers for each in caller.took)
    return took[int(len(took) * 0.95)]


def called(proxy: Proxy, demo: dict[str, str], seconds: float) -> list[Caller]:
    callers = [Caller(proxy, demo, time.monotonic() + seconds) for _ in range(CALLERS)]
    for caller in callers:
        caller.join(seconds + PATIENCE)
    return callers


class Junker:
    """Sends one kind of junk until the end, and counts the answers."""

    def __init__(self, proxy: Proxy, enough: Event) -> None:
        self.proxy, self.enough = proxy, enough
        self.chance = random.Random(1)
        self.met: Counter[Any] = Counter()
        kinds: list[Callable[[], None]] = [self.large, self.bad, self.garbage, self.headers]
        self.threads = [Thread(target=self.go_on, args=(kind,), daemon=True) for kind in kinds]
        self.threads += [Thread(target=self.hang, daemon=True)]
        for thread in self.threads:
            thread.start()

    def go_on(self, kind: Callable[[], None]) -> None:
        while not self.enough.is_set():
            kind()
            time.sleep(0.01)

    def call(self, *arguments: Any) -> None:
        status, _, content = self.proxy.call(*arguments)
        self.met[status, content.get("code")] += 1

    def large(self) -> None:
        size = self.chance.choice([10_000, 600_000, 2_000_000, 9_000_000])
        with suppress(ConnectionError):  # it is refused while it is sent
            headers = self.chance.choice([JSON, BAD_KEY])
            self.call("POST", "/api/v1/users", b"a" * size, headers)

    def bad(self) -> None:
        body = self.chance.choice([b"{", b"\xff", b"[" * 100_000, b'{"a": 1e999}'])
        self.call("POST", "/api/v1/wallets", body, BAD_KEY)

    def garbage(self) -> None:
        path = self.chance.choice(["/.env", "/api/v9/x", "/wp-login.php", "/api/v1/users/1"])
        self.call(self.chance.choice(["GET", "POST", "DELETE"]), path, b"", {})

    def headers(self) -> None:
        self.call("GET", "/api/v1", None, {"X-Large": "a" * 20_000})

    def hang(self) -> None:
        """Keep half a request, or a body that comes byte by byte, on many connections."""
        hanging: list[socket.socket] = []
        while not self.enough.is_set():
            with suppress(OSError):
                half = socket.create_connection(("127.0.0.1", self.proxy.port), PATIENCE)
                length = b"POST /api/v1/users HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\n{"
                half.sendall(self.chance.choice([b"GET /api/v1 HT", length]))
                hanging.append(half)
            for each in hanging:
                with suppress(OSError):
                    each.sendall(b" ")
            if len(hanging) > SLOW:
                hanging.pop(0).close()
            time.sleep(0.1)
        for each in hanging:
            each.close()


def test_junk_costs_others_nothing_but_a_little_time(
    postgres: Scratch, tmp_path: Path, capsys: Any
):
    demo = postgres.seed()
    with (
        Served(postgres.address(), tmp_path / "server.log", TRUSTED_PROXIES="1") as server,
        Proxy(tmp_path, server.port) as proxy,
    ):
        called(proxy, demo, 3)
        idle = called(proxy, demo, IDLE)
        enough = Event()
        junker = Junker(proxy, enough)
        try:
            busy = called(proxy, demo, SECONDS)
        finally:
            enough.set()
        for thread in junker.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
    met = sum((caller.met for caller in idle + busy), Counter[Any]())
    with capsys.disabled():
        sys.stdout.write(
            f" {junker.met.total()} pieces of junk; {met.total()} calls, p95"
            f" {p95(idle) * 1000:.1f} ms idle, {p95(busy) * 1000:.1f} ms with junk "
        )
    assert met.keys() == {(201, None)}
    assert junker.met.total() > 1_000
    assert {status for status, _ in junker.met} == {400, 401, 404}
    assert p95(busy) < MOST * p95(idle)
