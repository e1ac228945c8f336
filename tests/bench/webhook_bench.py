"""A database with clients and endpoints, and the processes that work on it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from iocash import demo
from iocash.postgres import CHECKOUT
from tests.bench import processes
from tests.bench.database import Database
from tests.bench.server import OURS, Server

WALLETS: Final = 300
SECONDS: Final = 5.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


class Older(Server):
    """The server of another checkout."""

    checkout = CHECKOUT

    def _popen(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        here = Path.cwd()
        os.chdir(self.checkout)
        with processes.undisturbed():
            options = [*demo.GRANIAN.split(), "--port", str(self.port)]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "granian", *options, self.application],
                cwd=self.checkout,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.chdir(here)
        return self.process


class Bench:
    """A database with clients, and what works on it."""

    def __init__(self, made: Database, folder: Path, name: str, checkout: Path = CHECKOUT) -> None:
        self.database, self.folder, self.name, self.checkout = made, folder, name, checkout
        self.workers, self.seconds, self.nice = CHECKOUT, SECONDS, 0
        self.port = free_port()
        self.arrived = folder / f"{name}-arrived"
        self.python("manage.py", "migrate", "--verbosity", "0")
        words = json.dumps({"wallets": WALLETS, "ten": True})
        self.clients = json.loads(self.python("-m", "tests.bench.stage", words))
        self.victim, self.others = self.clients["large"][0], self.clients["ten"]

    def python(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.checkout,
            env=self.database.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"bench: {words} failed.\n{done.stderr}")
        return done.stdout

    def add_endpoints(self, *wanted: tuple[str, str]) -> None:
        urls = [(client, f"http://127.0.0.1:{self.port}{path}") for client, path in wanted]
        environment = self.database.environment(DEBUG="1")
        self.database.python(
            "-m", "tests.bench.webhook_stage", json.dumps(urls), environment=environment
        )

    def enable(self, *paths: str) -> None:
        """Enable the endpoints with these paths only, and let all begin with what comes now."""
        pattern = "|".join(paths) or "nothing"
        self.database.tell(f"""
            DELETE FROM users_webhookdelivery;
            UPDATE users_webhookstream SET lease = lease + 1, leased_until = NULL,
                position = (SELECT max(position) FROM users_event);
            UPDATE users_webhookendpoint SET failures = 0, failing_since = NULL,
                status = CASE WHEN url ~ '/({pattern})$' THEN 'ENABLED' ELSE 'DISABLED' END,
                disabled_reason = CASE WHEN url ~ '/({pattern})$' THEN '' ELSE 'CLIENT' END
        """)

    @contextmanager
    def receiver(self) -> Iterator[None]:
        with self.program("-m", "tests.bench.webhook_receiver", str(self.port), str(self.arrived)):
            yield

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.program("manage.py", "work", checkout=self.workers, DEBUG="1") as process:
            os.setpriority(os.PRIO_PROCESS, process.pid, self.nice)
            time.sleep(3)  # until it has started
            yield process

    @contextmanager
    def program(
        self, *words: str, checkout: Path = CHECKOUT, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=checkout,
                env=self.database.environment(**environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    @contextmanager
    def server(self) -> Iterator[Server]:
        made = Older(OURS, self.database, self.folder, BENCH_WORD="")
        made.log = self.folder / f"{self.name}-server.log"
        made.checkout = self.checkout
        with made:
            yield made

    def arrivals(self, since: float) -> list[float]:
        """How many milliseconds the events took that were created since an instant."""
        lines = self.arrived.read_text().splitlines() if self.arrived.exists() else []
        pairs = [tuple(map(float, line.split())) for line in lines]
        return [1000 * (at - created) for at, created in pairs if created >= since]
