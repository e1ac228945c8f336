"""Workers and connections are killed under load: each order is done once, or its caller may doubt.

Who sends a key repeats the order until it is acknowledged; then it is in the books once. Who sends
none asks once: what was acknowledged is there once, what was refused is not, and only where the
connection broke, or the outcome is called unknown, may it be either.

Takes several minutes; needs Linux.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest

from tests.faults.proof import KEYS, MADE
from tests.support.embedded_postgres import eventually, linux
from tests.support.lossy_wire import Wire
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = [pytest.mark.long, linux]

CALLERS, WORKERS = 12, 2
KILLS, HANG_UPS, LOST = 6, 100, 50
LONGEST = 15.0
"""Seconds that one call may take, whatever happens."""

BROKEN = "broken"
"""What a caller notes whose connection ended without an answer."""

UNDONE, UNSURE = {"database_unavailable", "lock_timeout"}, {"outcome_unknown", BROKEN}

HANG_UP = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE usename = 'iocash_app' AND random() < 0.5
"""
SLOW_COMMITS = [
    "ALTER SYSTEM SET commit_delay = 20000",
    "ALTER SYSTEM SET commit_siblings = 0",
    "SELECT pg_reload_conf()",
]
"""Most of the time that a transfer takes is COMMIT then: that is what is cut off."""

MONEY = "SELECT sum(balance) FROM wallets_wallet"


@pytest.fixture
def server(postgres: Scratch, demo: dict[str, str], tmp_path: Path) -> Iterator[Served]:
    with Served(postgres.address(), tmp_path / "server.log") as served:
        yield served


class Caller(Thread):
    """Moves cents between Alice and Bob; every other order has a key, and is repeated with it."""

    def __init__(self, server: Served, demo: dict[str, str], *, is_alice: bool) -> None:
        super().__init__(daemon=True)
        wallets = [demo["aliceWalletId"], demo["bobWalletId"]]
        self.source, self.target = wallets if is_alice else wallets[::-1]
        self.server, self.secret = server, demo["apiKey"]
        self.enough = Event()
        self.acknowledged: dict[str, str] = {}
        self.made: dict[str, str] = {}
        self.refused: set[str] = set()
        self.doubted: set[str] = set()
        self.met: Counter[str] = Counter()
        self.slowest = 0.0
        self.odd: list[Any] = []
        self.start()

    def run(self) -> None:
        orders = cycle([self.cash_in(), self.transfer(), self.hold()])
        try:
            while not self.enough.is_set():
                below, body = next(orders)
                self.ask_until_done(below, body)
                self.ask_once(below, body)
        except Exception as error:  # noqa: BLE001
            self.odd.append(error)

    def cash_in(self) -> tuple[str, dict[str, Any]]:
        return "movements", {"type": "CASH_IN", "amount": "0.03"}

    def transfer(self) -> tuple[str, dict[str, Any]]:
        body = {"type": "TRANSFER", "targetWalletId": self.target, "amount": "0.01"}
        return "movements", body

    def hold(self) -> tuple[str, dict[str, Any]]:
        return "holds", {"targetWalletId": self.target, "amount": "0.01"}

    def ask_until_done(self, below: str, body: dict[str, Any]) -> None:
        key = f"{below} {uuid4()}"
        while (said := self.ask(below, body, key, Idempotency_Key=key)) != "201":
            self.met["repeated"] += 1
            self.enough.wait(0.05)
            assert said in UNDONE | UNSURE, said
        self.acknowledged[key] = self.made[key]

    def ask_once(self, below: str, body: dict[str, Any]) -> None:
        mark = f"{below} {uuid4()}"
        said = self.ask(below, body, mark)
        if said in UNDONE:
            self.refused.add(mark)
        if said in UNSURE:
            self.doubted.add(mark)

    def ask(self, below: str, body: dict[str, Any], mark: str, **headers: str) -> str:
        """Send the order, marked, and tell the status or the code that came back."""
        path = f"/api/v1/wallets/{self.source}/{below}"
        body = body | {"metadata": {"mark": mark}}
        begun = time.monotonic()
        try:
            answer = self.server.call("POST", path, body, self.secret, **headers)
        except (ConnectionError, http.client.HTTPException):
            said = BROKEN
        else:
            said = self.judged(mark, *answer)
        self.slowest = max(self.slowest, time.monotonic() - begun)
        self.met[said] += 1
        return said

    def judged(self, mark: str, status: int, headers: dict[str, str], content: Any) -> str:
        """A success, or a 503 in full form; anything else is odd."""
        if status == 201:
            self.met["replayed"] += "idempotent-replayed" in headers
            self.made[mark] = content["id"]
            return "201"
        if status != 503 or not headers["retry-after"].isdecimal():
            self.odd.append((status, headers, content))
        return str(content["code"])


@contextmanager
def load(server: Served, demo: dict[str, str]) -> Iterator[list[Caller]]:
    callers = [Caller(server, demo, is_alice=number % 2 == 0) for number in range(CALLERS)]
    try:
        yield callers
    finally:
        for caller in callers:
            caller.enough.set()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive(), "somebody waits for ever"


def done(callers: list[Caller]) -> int:
    return sum(len(caller.made) for caller in callers)


def some_more(callers: list[Caller], number: int) -> None:
    """Wait until some more orders were acknowledged, or somebody met what is odd."""
    least = done(callers) + number
    eventually(lambda: done(callers) >= least or any(caller.odd for caller in callers))


def survive(
    postgres: Scratch, server: Served, demo: dict[str, str], attack: Callable[[list[Caller]], int]
) -> Counter[str]:
    """Attack under load, and prove the books by what each caller was told."""
    money = postgres.ask(MONEY)
    with load(server, demo) as callers:
        some_more(callers, 100)
        kills = attack(callers)
        some_more(callers, 100)
    assert [odd for caller in callers for odd in caller.odd] == []
    made = {mark: thing for caller in callers for mark, thing in caller.made.items()}
    acknowledged = {key: made for caller in callers for key, made in caller.acknowledged.items()}
    doubted = {mark for caller in callers for mark in caller.doubted}
    refused = {mark for caller in callers for mark in caller.refused}
    times: dict[str, int] = postgres.ask(MADE)
    assert {mark: times.get(mark, 0) for mark in made} == dict.fromkeys(made, 1)
    assert {mark: times[mark] for mark in refused if mark in times} == {}
    assert {mark: times[mark] for mark in doubted if times.get(mark, 0) > 1} == {}
    assert postgres.ask(KEYS).items() >= acknowledged.items()
    cash = "SELECT coalesce(sum(amount), 0) FROM wallets_movement WHERE metadata ->> 'mark' IN ({})"
    marks = ", ".join(f"'{mark}'" for mark in made.keys() | doubted)
    came_in = postgres.ask(cash.format(marks))
    assert postgres.ask(MONEY) - money == came_in
    assert "The ledger is correct." in postgres.manage("audit")
    assert max(caller.slowest for caller in callers) < LONGEST
    met = sum((caller.met for caller in callers), Counter[str]())
    met |= Counter(kills=kills, doubted=len(doubted), done=len(doubted & times.keys()))
    met["slowest ms"] = int(max(caller.slowest for caller in callers) * 1000)
    return met


def told(capsys: pytest.CaptureFixture[str], met: Counter[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f" {', '.join(f'{count} {what}' for what, count in met.items())} ")


def commit_outcomes(server: Served) -> Counter[str]:
    """What the server found out about each COMMIT that was not answered, from its log."""
    return Counter(re.findall(r"COMMIT got no answer; outcome: (\w+)", server.log.read_text()))


def kill_the_older(server: Served) -> None:
    """Kill the worker that lives for longest, and wait until there is another in its place.

    One that dies twice within seconds ends the whole server.
    """
    old = min(workers(server), key=begun)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: len(now := workers(server)) == WORKERS and old not in now)


def workers(server: Served) -> list[int]:
    above = server.process.pid
    return [*map(int, Path(f"/proc/{above}/task/{above}/children").read_text().split())]


def begun(pid: int) -> int:
    """When a process began, in ticks since the machine did."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_killed_worker_loses_and_repeats_no_payment(postgres, server, demo, capsys):
    chance = random.Random(1)

    def attack(callers: list[Caller]) -> int:
        for _ in range(KILLS):
            kill_the_older(server)
            some_more(callers, chance.randrange(200, 400))
        return KILLS

    met = survive(postgres, server, demo, attack)
    told(capsys, met)
    assert met[BROKEN] > KILLS
    assert server.process.poll() is None


def test_terminated_connections_lose_and_repeat_no_payment(postgres, server, demo, capsys):
    chance = random.Random(2)

    def attack(callers: list[Caller]) -> int:
        postgres.tell(*SLOW_COMMITS)
        ended = 0
        for _ in range(HANG_UPS):
            some_more(callers, chance.randrange(1, 20))
            ended += postgres.ask(HANG_UP)
        return ended

    met = survive(postgres, server, demo, attack)
    told(capsys, met)
    assert met[BROKEN] == 0
    assert met["kills"] > HANG_UPS
    outcomes = commit_outcomes(server)
    assert outcomes["COMMITTED"] + outcomes["ROLLED_BACK"] > 0
    assert met["outcome_unknown"] == 0


def test_lost_commit_loses_and_repeats_no_payment(postgres, demo, tmp_path, capsys):
    """The COMMIT or its answer is lost; repeating a committed payment would pay twice."""

    def attack(callers: list[Caller]) -> int:
        wire.is_bad = True
        while wire.cuts < LOST:
            some_more(callers, 10)
        wire.is_bad = False
        return wire.cuts

    with Wire(postgres.address()) as wire, Served(wire.address, tmp_path / "log") as server:
        met = survive(postgres, server, demo, attack)
        found = commit_outcomes(server)
    told(capsys, met | found)
    assert met[BROKEN] == 0
    assert found["COMMITTED"] > 0
    assert found["ROLLED_BACK"] > 0
    assert met["outcome_unknown"] == 0
