"""Requests without a valid key, as many as possible, until standard input ends.

Run it as `python -m tests.support.junk_traffic PORT`.

It runs in a process of its own, so that those who measure do not wait for it.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from tests.support.nginx import call
from tests.support.server import PATIENCE

SLOW = 50
JSON = {"Content-Type": "application/json"}
BAD_KEY = JSON | {"Authorization": "Bearer unknown"}
HEAD = b"Host: 127.0.0.1\r\n"


class Junker:
    """Sends one kind of junk until the end, and counts the answers."""

    def __init__(self, port: int, enough: Event) -> None:
        self.port, self.enough = port, enough
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
        status, _, content = call(self.port, *arguments)
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
                half = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
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


if __name__ == "__main__":
    enough = Event()
    junker = Junker(int(sys.argv[1]), enough)
    sys.stdin.read()
    enough.set()
    for thread in junker.threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    kinds = [[status, code, times] for (status, code), times in junker.met.items()]
    sys.stdout.write(json.dumps(kinds))
