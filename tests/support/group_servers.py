"""Two PostgreSQL servers, one for each group, with a web server and a worker that know both."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from iocash.postgres import CHECKOUT, places
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served


def url_of(server: Scratch, role: str) -> str:
    """The address of a server without spaces, as DATABASE_GROUPS needs it."""
    sockets = quote(str(server.cluster.sockets), safe="")
    return f"postgresql://{role}@/iocash?host={sockets}&port={places.PORT}"


@dataclass
class TwoGroups:
    """`home` and `west`."""

    home: Scratch
    west: Scratch

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "iocash.settings",
            "DATABASE_URL": url_of(self.home, "iocash_app"),
            "DATABASE_OWNER_URL": url_of(self.home, "iocash_owner"),
            "DATABASE_GROUPS": f"west={url_of(self.west, 'iocash_app')}",
            "DATABASE_OWNER_GROUPS": f"west={url_of(self.west, 'iocash_owner')}",
        }

    def served(self, log: Path) -> Served:
        """A web server of both groups."""
        given = dict(self.environment)
        return Served(given.pop("DATABASE_URL"), log, **given)

    def manage(self, *words: str, **values: str) -> subprocess.CompletedProcess[str]:
        """Run a management command; its group is that of `GROUP`."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=CHECKOUT,
            env=os.environ | self.environment | values,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *words: str, **values: str) -> subprocess.Popen[str]:
        """Start a management command."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=CHECKOUT,
            env=os.environ | self.environment | values,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def statuses(self, client_id: str) -> tuple[str, ...]:
        """The status of a client in each group; blank where it has no row."""
        found = []
        for server in (self.home, self.west):
            with psycopg.connect(server.address("postgres")) as raw:
                row = raw.execute(
                    "SELECT status FROM users_client WHERE id = %s", [client_id]
                ).fetchone()
                found.append(row[0] if row else "")
        return tuple(found)

    def audit(self) -> None:
        """Verify both ledgers completely."""
        for group in ("home", "west"):
            done = self.manage("audit", "--all", GROUP=group)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@contextmanager
def two_groups(folder: Path) -> Iterator[TwoGroups]:
    """Start both servers, with their tables."""
    for name in ("home", "west"):
        (folder / name).mkdir()
    home, west = (Scratch(folder / name) for name in ("home", "west"))
    try:
        for server in (home, west):
            server.manage("migrate", "--verbosity", "0")
        yield TwoGroups(home, west)
    finally:
        for server in (home, west):
            server.remove()


@dataclass
class Payers:
    """Threads that pay through the API, and retry each payment with its key until it is done."""

    port: int
    secret: str
    wallets: list[str]
    paid: dict[str, tuple[str, str, dict[str, Any]]] = field(default_factory=dict)
    """The answer to each key: its wallets, and the body."""
    unexpected: list[str] = field(default_factory=list)
    instants: list[tuple[float, int]] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def paying(self, threads: int) -> Iterator[None]:
        running = [threading.Thread(target=self.pay, args=(number,)) for number in range(threads)]
        for each in running:
            each.start()
        try:
            yield
        finally:
            self.is_over.set()
            for each in running:
                each.join()

    def pay(self, number: int) -> None:
        count = len(self.wallets)
        turn = 0
        while not self.is_over.is_set():
            turn += 1
            source = self.wallets[(number + turn) % count]
            target = self.wallets[(number + turn * 7 + 1) % count]
            if source != target:
                self.pay_once(uuid.uuid4().hex, source, target)

    def pay_once(self, key: str, source: str, target: str) -> None:
        """Send a payment until it is answered."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            status, body = self.send(key, source, target)
            self.instants.append((time.monotonic(), status))
            if status == http.client.CREATED:
                self.paid[key] = source, target, body
                return
            if status != http.client.SERVICE_UNAVAILABLE:
                self.unexpected.append(f"{status} {body}")
                return
            time.sleep(0.05)
        self.unexpected.append(f"{key} was not done in 60 s")

    def send(self, key: str, source: str, target: str) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            connection.request(
                "POST",
                f"/api/v1/wallets/{source}/movements",
                json.dumps({"type": "TRANSFER", "targetWalletId": target, "amount": "0.01"}),
                {
                    "Authorization": f"Bearer {self.secret}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": key,
                },
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    @property
    def longest_stop(self) -> float:
        """Seconds from the first 503 to the first success after the last 503."""
        refused = [at for at, status in self.instants if status != http.client.CREATED]
        done = [at for at, status in self.instants if status == http.client.CREATED]
        if not refused:
            return 0.0
        return min(at for at in done if at > max(refused)) - min(refused)
