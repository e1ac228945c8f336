"""A minute of what nobody has a key for, through the proxy: the others do not notice.

Takes about a minute and a half; needs nginx and Linux.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread
from typing import Any

import pytest

from iocash.postgres import CHECKOUT
from tests.support.embedded_postgres import linux
from tests.support.nginx import Proxy, needs_nginx
from tests.support.scratch_postgres import Scratch
from tests.support.server import PATIENCE, Served

pytestmark = [pytest.mark.long, needs_nginx, linux]

SECONDS, IDLE = 60.0, 15.0
CALLERS = 4
MOST = 5.0
"""How many times as long as when idle 95 of 100 calls may take; all of them share the machine."""

JSON = {"Content-Type": "application/json"}
CASH_IN = '{"type": "CASH_IN", "amount": "0.01"}'


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


@contextmanager
def junk(proxy: Proxy) -> Iterator[Counter[int]]:
    """Send junk until the block ends; then count the answers to it, by status."""
    met: Counter[int] = Counter()
    program = [sys.executable, "-m", "tests.support.junk_traffic", str(proxy.port)]
    with Popen(program, cwd=CHECKOUT, stdin=PIPE, stdout=PIPE) as process:
        yield met
        said, _ = process.communicate(timeout=PATIENCE * 2)
        assert process.returncode == 0
    for status, _, times in json.loads(said):
        met[status] += times


def test_junk_requests_delay_others_only_slightly(postgres: Scratch, tmp_path: Path, capsys: Any):
    demo = postgres.seed()
    with (
        Served(postgres.address(), tmp_path / "server.log", TRUSTED_PROXIES="1") as server,
        Proxy(tmp_path, server.port) as proxy,
    ):
        called(proxy, demo, 3)
        idle = called(proxy, demo, IDLE)
        with junk(proxy) as refused:
            busy = called(proxy, demo, SECONDS)
    met = sum((caller.met for caller in idle + busy), Counter[Any]())
    with capsys.disabled():
        sys.stdout.write(
            f" {refused.total()} pieces of junk; {met.total()} calls, p95"
            f" {p95(idle) * 1000:.1f} ms idle, {p95(busy) * 1000:.1f} ms with junk "
        )
    assert met.keys() == {(201, None)}
    assert refused.total() > 1_000
    assert {400, 401, 404} <= refused.keys() <= {400, 401, 404, 503}  # 503: refused too often
    assert p95(busy) < MOST * p95(idle)
