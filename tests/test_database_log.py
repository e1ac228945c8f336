"""What PostgreSQL writes to its log, run with the flags and the script of compose.yaml.

Takes seconds.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from iocash.postgres import binaries, places
from iocash.postgres.cluster import Cluster
from iocash.postgres.places import Places
from tests.support.deployment import SERVICES, config
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = pytest.mark.ci

PERSON = {
    "kind": "NATURAL",
    "userName": "alice.of.the.log",
    "firstName": "Alicia",
    "lastName": "Loggedname",
    "email": "alice@logged.example",
    "mobilePhone": "+34600123456",
}
WORDS = ("alice.of.the.log", "Alicia", "Loggedname", "logged.example", "600123456", "secret-word")


class Composed(Cluster):
    """A server made by the image's own way: the flags of `command`, the script for its roles."""

    def _settings(self) -> list[str]:
        flags: list[str] = SERVICES["db"]["command"][1:]
        ours = {"listen_addresses": "", "port": places.PORT, "lc_messages": "C"}
        here = {**ours, "unix_socket_directories": f'"{self.sockets}"'}
        return [*flags, *(word for name in here for word in ("-c", f"{name}={here[name]}"))]

    def _create(self) -> None:
        options = ("--username=postgres", "--auth-local=trust", "--encoding=UTF8", "--locale=C")
        self._run("initdb", "-D", self.data, *options)


class ComposedScratch(Scratch):
    """The same, with the roles and the database that the script makes."""

    def __init__(self, folder: Path) -> None:
        self.where = Places(folder / ".iocash")
        self.where.create()
        self.log = (folder / "postgres.log").open("ab")
        self.cluster = Composed(self.where, binaries.find(), self.log)
        self.start()
        address = {"PGHOST": str(self.cluster.sockets), "PGPORT": str(places.PORT)}
        secrets = {"OWNER_PASSWORD": "secret-word-1", "APP_PASSWORD": "secret-word-2"}
        path = f"{binaries.find()}:{os.environ['PATH']}"
        subprocess.run(
            ["sh", "-c", config("roles")],
            env=address | secrets | {"PATH": path, "PGUSER": "postgres", "PGDATABASE": "postgres"},
            check=True,
            capture_output=True,
        )

    def text(self) -> str:
        return Path(self.log.name).read_text()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedScratch]:
    scratch = ComposedScratch(tmp_path_factory.mktemp("composed"))
    yield scratch
    scratch.remove()


@pytest.fixture(scope="module")
def demo(postgres: ComposedScratch) -> dict[str, str]:
    return postgres.seed()


def test_script_creates_the_roles_and_their_limits(postgres, demo):
    with psycopg.connect(postgres.address()) as connection:
        shown = connection.execute("SHOW lock_timeout").fetchone()
        owned = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE tableowner = 'iocash_app'"
        ).fetchone()
    assert (shown, owned) == (("2s",), (0,))


def test_conflict_writes_no_personal_data_into_the_log(postgres, demo, tmp_path):
    with Served(postgres.address(), tmp_path / "server.log") as server:
        assert server.call("POST", "/api/v1/users", PERSON, demo["apiKey"])[0] == 202
        status, _, content = server.call("POST", "/api/v1/users", PERSON, demo["apiKey"])
    assert (status, content["code"]) == (409, "already_exists")
    assert "duplicate key value violates unique constraint" in postgres.text()
    assert [word for word in WORDS if word in postgres.text()] == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'Loggedname' FROM nowhere",
        "UPDATE users_user SET status = 'Loggedname'",
        "UPDATE users_user SET user_name = 'alice.of.the.log', first_name = 'Alicia', kind = NULL",
        "SELECT set_config('statement_timeout', '1', false), pg_sleep(1), 'Loggedname'",
    ],
)
def test_error_writes_no_statement_and_no_row_into_the_log(postgres, demo, statement):
    before = postgres.text().count("ERROR:")
    owner = make_conninfo(postgres.address("iocash_owner"))
    with psycopg.connect(owner, options="-c statement_timeout=200ms") as connection:
        with pytest.raises(psycopg.Error):
            connection.execute(statement.encode())
        connection.rollback()
    assert postgres.text().count("ERROR:") > before
    assert [word for word in WORDS if word in postgres.text()] == []
