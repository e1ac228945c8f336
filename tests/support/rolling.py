"""Instances of the server behind nginx that are stopped and started in turn, under load."""

from __future__ import annotations

import http.client
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.support.embedded_postgres import eventually
from tests.support.nginx import Proxy
from tests.support.scratch_postgres import Scratch
from tests.support.server import PATIENCE, Served

CALLERS, WORKERS = 8, 2


class Caller(Thread):
    """Brings cents to Alice, without keys, and looks at her wallet, on one kept connection."""

    def __init__(self, proxy: Proxy, demo: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.port, self.enough = proxy.port, Event()
        self.wallet = f"/api/v1/wallets/{demo['aliceWalletId']}"
        self.headers = {
            "Authorization": f"Bearer {demo['apiKey']}",
            "Content-Type": "application/json",
        }
        self.met: Counter[Any] = Counter()
        self.start()

    def run(self) -> None:
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        body = json.dumps({"type": "CASH_IN", "amount": "0.01"})
        for number in count():
            if self.enough.is_set():
                break
            try:
                if number % 4:
                    caller.request("POST", f"{self.wallet}/movements", body, self.headers)
                else:
                    caller.request("GET", self.wallet, headers=self.headers)
                response = caller.getresponse()
                content = json.loads(response.read())
                self.met[response.status, content.get("code")] += 1
            except (OSError, http.client.HTTPException) as error:
                self.met[repr(error)] += 1
                caller.close()
        caller.close()


@contextmanager
def load(proxy: Proxy, demo: dict[str, str]) -> Iterator[Callable[[], Counter[Any]]]:
    callers = [Caller(proxy, demo) for _ in range(CALLERS)]
    try:
        yield lambda: sum((caller.met for caller in callers), Counter[Any]())
    finally:
        for caller in callers:
            caller.enough.set()
        for caller in callers:
            caller.join(PATIENCE)


def balance(postgres: Scratch, demo: dict[str, str]) -> int:
    wallet = f"SELECT balance FROM wallets_wallet WHERE id = '{demo['aliceWalletId']}'"
    return int(postgres.ask(wallet))


def all_listen(server: Served) -> bool:
    """Tell whether each worker has its socket: a signal that comes earlier is lost in granian."""
    here = f":{server.port:04X} "
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return sum(here in line.split(" 0A ")[0] and " 0A " in line for line in lines) >= WORKERS


def restart(server: Served) -> None:
    eventually(lambda: all_listen(server))
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0  # by itself: nothing had to be killed
    server.__enter__()
