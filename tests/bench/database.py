"""A database of the bench's own: a private PostgreSQL, or a new database on the one that is given.

Contenders share it, and connect as the role that owns nothing, as in production.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from iocash.postgres import CHECKOUT, cluster
from iocash.postgres.places import Places
from tests.bench import processes
from tests.support.scratch_postgres import Scratch

TUNED = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "400",
}
"""What the private server is given beside its defaults, for all contenders alike."""

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
STATED = (*DURABLE, *TUNED, "wal_level", "autovacuum", "server_version")


@dataclass(frozen=True)
class Database:
    """Where it is, as each of the two roles; `pid` is the server's, when it is on this machine."""

    app: str
    owner: str
    pid: int | None

    def environment(self, **more: str) -> dict[str, str]:
        """What a program of ours is told, to work on this database as in production."""
        return {
            **{name: value for name, value in os.environ.items() if name != "PGOPTIONS"},
            "DEBUG": "0",
            "INSECURE_HTTP": "1",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SECRET_KEY": "the-bench-keeps-no-secret-0123456789-0123456789-abcdef",
            "OTP_BACKEND": "email",
            "DOCUMENTS_DIR": "/nonexistent",
            "DJANGO_SETTINGS_MODULE": "iocash.settings",
            "DATABASE_URL": self.app,
            "DATABASE_OWNER_URL": self.owner,
            **more,
        }

    def python(
        self, *words: str, shown: bool = False, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run a program of ours; return what it prints. With `shown`, its progress is seen."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=CHECKOUT,
            env=self.environment(**environment or {}),
            stdout=subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            text=True,
            check=False,
            start_new_session=True,  # Ctrl-C is for us alone
        )
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(words)} failed.\n{done.stdout}{done.stderr or ''}")
        return done.stdout

    def migrate(self, **environment: str) -> None:
        self.python("manage.py", "migrate", "--verbosity", "0", environment=environment)

    def audit(self) -> Any:
        """Ask the product whether the books are right; it ends the bench when they are not."""
        return json.loads(self.python("manage.py", "audit", "--json"))

    def ask(self, question: str, values: Sequence[Any] = ()) -> Any:
        with psycopg.connect(self.owner) as connection:
            row = connection.execute(question.encode(), values).fetchone()
        assert row
        return row[0]

    def tell(self, statements: str) -> None:
        with psycopg.connect(self.owner) as connection:
            connection.execute(statements.encode())

    def require_room(self, connections: int) -> None:
        """Raises: SystemExit, when the server does not let so many in."""
        if int(self.ask("SHOW max_connections")) < connections:
            raise SystemExit(f"bench: max_connections must be at least {connections}.")

    def beside(self, name: str) -> Database:
        """Make another database on the same server, called as this one and `name`."""
        name = f"{conninfo_to_dict(self.owner)['dbname']}_{name}"
        with psycopg.connect(self.owner, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return Database(
            make_conninfo(self.app, dbname=name), make_conninfo(self.owner, dbname=name), self.pid
        )

    def drop(self) -> None:
        name = conninfo_to_dict(self.owner)["dbname"]
        with psycopg.connect(self.owner, dbname="postgres", autocommit=True) as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(str(name))))

    def settings(self) -> dict[str, str]:
        """How the server is set.

        Raises: SystemExit, when it does not keep what it has acknowledged.
        """
        found = {name: str(self.ask(f"SHOW {name}")) for name in STATED}
        if weak := [name for name in DURABLE if found[name] != "on"]:
            raise SystemExit(f"bench: {', '.join(weak)} must be on.")
        return found


@contextmanager
def prepared(folder: Path) -> Iterator[Database]:
    """Make the database with the product's tables; it goes with the block."""
    given, owner = os.environ.get("DATABASE_URL"), os.environ.get("DATABASE_OWNER_URL")
    if given and (not owner or role(given) == role(owner)):
        raise SystemExit("bench: DATABASE_OWNER_URL must name another role than DATABASE_URL.")
    with on_given(given, owner) if given and owner else private(folder) as database:
        database.migrate()
        yield database


def role(address: str) -> str:
    return str(conninfo_to_dict(address).get("user", ""))


@contextmanager
def private(folder: Path) -> Iterator[Database]:
    with processes.undisturbed():
        scratch = begun(folder)
    try:
        yield Database(scratch.address(), scratch.address("iocash_owner"), scratch.process.pid)
    finally:
        scratch.remove()


def begun(folder: Path) -> Scratch:
    """Start the private server as we will have it, or leave nothing behind."""
    try:
        with patch.dict(cluster.SETTINGS, TUNED):
            scratch = Scratch(folder)
    except BaseException:
        where = Places(folder / ".iocash")
        for each in {where.home(), where.sockets()} - {None}:
            shutil.rmtree(str(each), ignore_errors=True)
        raise
    scratch.tell("ALTER ROLE iocash_app CONNECTION LIMIT -1")  # all servers and loads are there
    return scratch


@contextmanager
def on_given(app: str, owner: str) -> Iterator[Database]:
    """Use a server that is there: it is left as it was."""
    made = Database(app, owner, None).beside(f"bench_{secrets.token_hex(4)}")
    try:
        yield made
    finally:
        made.drop()
