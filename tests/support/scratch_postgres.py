"""A PostgreSQL of its own, with the tables and the demo, for tests that take it away."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from iocash.postgres import CHECKOUT, binaries, places
from iocash.postgres.cluster import Cluster
from iocash.postgres.places import Places

SEED = """
import json, django
django.setup()
from wallets.management.commands import seed_demo
print(json.dumps(seed_demo.seed()))
"""


SEED_SANDBOX = SEED.replace(
    "print(",
    "from users.models.sandbox import make_sandbox\nmake_sandbox()\nprint(",
)
"""The same in a sandbox."""


class Scratch:
    """One server, which may be stopped in any way and started again; its data are kept."""

    checkout = CHECKOUT
    """The code that `manage` and `run` run."""

    def __init__(self, folder: Path) -> None:
        self.where = Places(folder / ".iocash")
        self.where.create()
        self.log = (folder / "postgres.log").open("ab")
        self.cluster = Cluster(self.where, binaries.find(), self.log)
        self.start()

    def start(self) -> None:
        self.process = self.cluster.start()

    def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(sign)
        self.process.wait(30)

    def remove(self) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGQUIT)
        self.log.close()
        for folder in {self.cluster.home, self.cluster.sockets}:
            shutil.rmtree(folder)

    def address(self, role: str = "iocash_app") -> str:
        return make_conninfo(
            host=str(self.cluster.sockets), port=places.PORT, user=role, dbname="iocash"
        )

    def tell(self, *statements: str) -> None:
        """Say something to the server that only its superuser may."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def ask(self, question: str) -> Any:
        with psycopg.connect(self.address("postgres")) as connection:
            row = connection.execute(question.encode()).fetchone()
        assert row
        return row[0]

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Do something in a transaction that ends with the block."""
        with psycopg.connect(self.address("postgres")) as connection:
            connection.execute(statement.encode())
            yield

    def environment(self) -> dict[str, str]:
        ours = {"DATABASE_URL": self.address(), "DATABASE_OWNER_URL": self.address("iocash_owner")}
        return os.environ | {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "iocash.settings"} | ours

    def manage(self, *words: str) -> str:
        """Run a management command; return what it prints."""
        return self.run("manage.py", *words)

    def seed(self, program: str = SEED) -> dict[str, str]:
        """Make the tables and, by a program that prints its log-in, the demo; return the log-in."""
        self.manage("migrate", "--verbosity", "0")
        facts: dict[str, str] = json.loads(self.run("-c", program).splitlines()[-1])
        return facts

    def run(self, *words: str) -> str:
        """Run a Python program on this database; return what it prints."""
        program = [sys.executable, *words]
        done = subprocess.run(
            program,
            cwd=self.checkout,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
