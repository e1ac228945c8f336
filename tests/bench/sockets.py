"""Load from Python, where there is no `wrk`: two processes, each with half of the connections.

Run as a program with the file that says what to ask; it leaves what `load.lua` leaves. What was
asked before the time was over is waited for, and counts.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import random
import re
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from iocash.postgres.cluster import ending_with_parent

PROCESSES = 2
PATIENCE = 15.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ID = re.compile(rb'"[A-Za-z]+":"([0-9a-f-]+)"')

Summary = dict[str, float]


class Requests:
    """Makes them, each with a key of its own."""

    def __init__(self, spec: dict[str, Any], number: int) -> None:
        self.spec = spec
        self.random = random.Random(spec["seed"] * 100 + number)

    def next(self) -> bytes:
        client = self.random.choice(self.spec["clients"])
        if self.spec["kind"] == "read":
            return self.raw("GET", client, self.path(client, None), "")
        source, target = self.pair(client["wallets"])
        if self.spec["kind"] == "transfer":
            return self.raw("POST", client, self.path(client, source), self.order(client, target))
        orders = [self.order(client, self.other(client, source)) for _ in range(self.spec["items"])]
        body = f'{{"movements":[{",".join(orders)}]}}'
        return self.raw("POST", client, self.path(client, source), body)

    def pair(self, wallets: int) -> tuple[int, int]:
        if self.random.randint(1, 100) <= self.spec["hot"]:
            return self.random.randint(1, wallets - 1), 0
        source = self.random.randrange(wallets)
        return source, (source + self.random.randint(1, wallets - 1)) % wallets

    def other(self, client: dict[str, Any], source: int) -> int:
        return int((source + self.random.randint(1, client["wallets"] - 1)) % client["wallets"])

    def path(self, client: dict[str, Any], number: int | None) -> str:
        path = str(self.spec["path"])
        if self.spec["fixed"]:
            return path
        found = self.random.randrange(client["wallets"]) if number is None else number
        return path % (client["prefix"], found)

    def order(self, client: dict[str, Any], target: int) -> str:
        cents = self.random.randint(1, 100)
        return (
            f'{{"type":"TRANSFER","targetWalletId":"{client["prefix"]}{target:012d}",'
            f'"amount":"{cents // 100}.{cents % 100:02d}"}}'
        )

    def raw(self, method: str, client: dict[str, Any], path: str, body: str) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self.spec['host']}",
            f"Authorization: Bearer {client['secret']}",
            "Accept: application/json",
        ]
        if body:
            lines += [
                f"Idempotency-Key: {self.spec['run']}{self.random.getrandbits(62):016x}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            ]
        return "\r\n".join([*lines, "", body]).encode()


@dataclass
class Caller:
    """One connection: it asks, waits for the answer, and asks again."""

    socket: socket.socket
    asked_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def ask(self, request: bytes) -> None:
        self.received.clear()
        self.asked_at = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """Read what has come; the status and the body, once all of it is there."""
        some = self.socket.recv(1 << 18)
        if not some:
            raise ConnectionError("closed")
        self.received += some
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = LENGTH.search(self.received, 0, end + 2)
        if length is None:
            raise ConnectionError("an answer without a length")
        body = self.received[end + 4 :]
        if len(body) < int(length[1]):
            return None
        return int(self.received[9:12]), bytes(body)


class Caught:
    """What came back to one process."""

    def __init__(self, spec: dict[str, Any], number: int) -> None:
        folder = Path(spec["folder"])
        self.made = (folder / f"made-{number}").open("w")
        self.wrong = (folder / f"wrong-{number}").open("w")
        self.reads = spec["kind"] == "read"
        self.latencies: list[float] = []
        self.broken = 0

    def keep(self, status: int, body: bytes, latency: float) -> None:
        self.latencies.append(latency)
        if not 200 <= status <= 299:
            words = body[:500].decode(errors="replace").replace("\n", " ")
            self.wrong.write(f"{status} {words}\n")
        elif not self.reads:
            found = ID.search(body)
            self.made.write(f"{found[1].decode() if found else '?'}\n")

    def close(self) -> None:
        self.made.close()
        self.wrong.close()


class Ran(NamedTuple):
    """What one process has seen, and from when to when."""

    begun: float
    ended: float
    latencies: list[float]
    broken: int


def run(spec: dict[str, Any], number: int, connections: int) -> Ran:
    """Ask over so many connections until the time is over."""
    host, _, port = spec["host"].partition(":")
    requests, caught = Requests(spec, number), Caught(spec, number)
    waiting = selectors.DefaultSelector()
    begun = time.perf_counter()
    for _ in range(connections):
        caller = Caller(socket.create_connection((host, int(port)), PATIENCE))
        caller.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting.register(caller.socket, selectors.EVENT_READ, caller)
        caller.ask(requests.next())
    while waiting.get_map():
        ready = waiting.select(PATIENCE)
        if not ready:
            caught.broken += len(waiting.get_map())
            break
        for key, _ in ready:
            if not served(key.data, requests, caught, begun + spec["seconds"]):
                waiting.unregister(key.fileobj)
                key.data.socket.close()
    caught.close()
    return Ran(begun, time.perf_counter(), caught.latencies, caught.broken)


def served(caller: Caller, requests: Requests, caught: Caught, deadline: float) -> bool:
    """Take what has come, and ask again if there is time; False when this caller is done."""
    try:
        answer = caller.answer()
        if answer is None:
            return True
        now = time.perf_counter()
        caught.keep(*answer, 1000 * (now - caller.asked_at))
        if now >= deadline:
            return False
        caller.ask(requests.next())
    except OSError:
        caught.broken += 1
        return False
    return True


def percentile(values: list[float], percent: int) -> float:
    """The nearest rank; 0 of nothing."""
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)] if values else 0.0


def main(file: str) -> None:
    spec = json.loads(Path(file).read_text())
    shares = [len(range(number, spec["connections"], PROCESSES)) for number in range(PROCESSES)]
    shares = [share for share in shares if share]
    dying = ending_with_parent(signal.SIGKILL)
    with multiprocessing.get_context("fork").Pool(len(shares), dying) as pool:
        found = pool.starmap(run, [(spec, number, share) for number, share in enumerate(shares)])
    latencies = sorted(latency for ran in found for latency in ran.latencies)
    summary: Summary = {
        "requests": len(latencies),
        "seconds": max(ran.ended for ran in found) - min(ran.begun for ran in found),
        **{f"p{percent}": percentile(latencies, percent) for percent in (50, 95, 99)},
        "connect": 0,
        "read": sum(ran.broken for ran in found),
        "write": 0,
        "timeout": 0,
    }
    Path(spec["folder"], "summary").write_text(json.dumps(summary))


if __name__ == "__main__":
    main(sys.argv[1])
