"""The server as it is served: granian in processes of its own, on a port of the loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from iocash import demo
from iocash.postgres import CHECKOUT
from iocash.postgres.cluster import ending_with_parent

PATIENCE = 30.0
"""Seconds after which what hangs fails instead."""

AT_REST = """
    SELECT NOT EXISTS (
        SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    )
"""

OURS = ("DATABASE_URL", "DATABASE_OWNER_URL", "DJANGO_SETTINGS_MODULE")


def database_of_tests() -> str:
    """Where the tests' own database is, for the role that serves."""
    connection.ensure_connection()
    info = connection.connection.info
    return make_conninfo(
        host=info.host,
        port=info.port,
        dbname=info.dbname,
        password=info.password or None,
        user=settings.DATABASE_ROLE,
    )


def at_rest() -> bool:
    """Tell whether nobody else is at work in the tests' own database."""
    with connection.cursor() as cursor:
        cursor.execute(AT_REST)
        return bool(cursor.fetchone()[0])


class Served:
    """A server that answers on `port` until the block ends; what it writes goes to `log`."""

    application = "iocash.wsgi:application"
    checkout = CHECKOUT
    options: tuple[str, ...] = ()
    """Options of granian that replace those of the demo."""

    def __init__(self, database: str, log: Path, **environment: str) -> None:
        self.log = log
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in OURS},
            "DEBUG": "1",
            "DATABASE_URL": database,
            "KYC_LIMITS": json.dumps(settings.KYC_LIMITS),
            "DOCUMENTS_DIR": str(log.parent / "documents"),
            "RATE_LIMIT": "0",
            "RATE_LIMIT_REFUSED": "0",
            **environment,
        }

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = self._popen(log)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self

    def _popen(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        options = [*demo.GRANIAN.split(), *self.options, "--port", str(self.port)]
        return subprocess.Popen(
            [sys.executable, "-m", "granian", *options, self.application],
            cwd=self.checkout,
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=ending_with_parent(signal.SIGTERM),  # noqa: PLW1509 (it only ties)
        )

    def _answers(self) -> bool:
        try:
            return self.call("GET", "/livez")[0] == http.client.OK
        except OSError:
            return False

    def __exit__(self, *_: object) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.terminate()
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> None:
        """Ask all processes to end: a worker that is still starting does not hear it once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(0.5)

    def settle(self) -> None:
        """Wait until what callers left behind is done: the tables are emptied after a test."""
        for _ in range(20):
            assert self.call("GET", "/livez")[0] == http.client.OK
        deadline = time.monotonic() + PATIENCE
        while not at_rest():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(
        self, method: str, path: str, body: Any = None, secret: str = "", **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        """Make one call on a connection of its own: the status, the headers, and the JSON."""
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if secret:
            sent["Authorization"] = f"Bearer {secret}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            caller.request(method, path, None if body is None else json.dumps(body), sent)
            response = caller.getresponse()
            content = response.read()
        finally:
            caller.close()
        return response.status, dict(response.getheaders()), json.loads(content or b"null")
