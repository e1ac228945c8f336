"""Five incidents with real processes: a real Prometheus fires exactly the alert whose page helps.

The times of the rules are a third of the shipped ones. What the page of the alert says to look at
finds the cause, what it says to do ends it, and the money is right. Takes nine minutes at a load of
10; needs Prometheus and PgBouncer, and for the full disk root, who may mount one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

import dev
from tests.faults.standby import Standby
from tests.support.duties import working
from tests.support.embedded_postgres import eventually, linux
from tests.support.pgbouncer import Pooler, needs_pgbouncer
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served
from tests.support.watched import Prometheus, needs_prometheus

pytestmark = [pytest.mark.long, linux, needs_prometheus, needs_pgbouncer]

LONGER = 20.0
"""Seconds for which nothing else may fire beside an alert."""
DISK = "size=512m"
"""Of the disk that becomes full."""
RELEASED = "SELECT now() - released_at < interval '5 s' FROM users_barrier"
HOT = "SELECT FROM wallets_wallet WHERE id = '{}' FOR UPDATE"


def queries(alert: str) -> list[str]:
    """What the page of an alert says to ask the database."""
    page = (dev.ROOT / "docs" / "operations" / "alerts.md").read_text()
    (section,) = re.findall(rf"^## {alert}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sql\n(.*?)```", section, re.MULTILINE | re.DOTALL)


def answer_of(server: Scratch, query: str, role: str = "iocash_app") -> list[dict[str, Any]]:
    with psycopg.connect(server.address(role), row_factory=psycopg.rows.dict_row) as session:
        return session.execute(query.encode()).fetchall()


class Payers:
    """Pay cents from both wallets, with a key each, whatever the server answers."""

    def __init__(self, server: Served, facts: dict[str, str]) -> None:
        self.server, self.facts = server, facts
        self.enough, self.statuses = Event(), [0]
        self.acknowledged: list[str] = []
        self.threads = [Thread(target=self.pay, args=each, daemon=True) for each in self.pairs()]

    def pairs(self) -> Iterator[tuple[str, str]]:
        alice, bob = self.facts["aliceWalletId"], self.facts["bobWalletId"]
        yield from ((alice, bob), (bob, alice), (alice, bob))

    def __enter__(self) -> Payers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        for thread in self.threads:
            thread.join(60)

    def pay(self, source: str, target: str) -> None:
        body = {"type": "TRANSFER", "amount": "0.01", "targetWalletId": target}
        while not self.enough.wait(0.05):
            path = f"/api/v1/wallets/{source}/movements"
            try:
                status, _, found = self.server.call("POST", path, body, self.facts["apiKey"])
            except OSError:
                continue
            self.statuses.append(status)
            if status == 201:
                self.acknowledged.append(found["id"])

    def get_paid(self) -> None:
        """Wait until payments are made again."""
        least = len(self.acknowledged) + 5
        eventually(lambda: len(self.acknowledged) >= least)


class Installation:
    """All that `docs/operations/install.md` runs, with a standby, load and Prometheus."""

    def __init__(self, postgres: Scratch, facts: dict[str, str], folder: Path) -> None:
        self.postgres, self.facts, self.folder = postgres, facts, folder
        self.parts = ExitStack()

    def __enter__(self) -> Installation:
        enter = self.parts.enter_context
        self.standby = Standby(self.folder / "standby", self.postgres)
        self.parts.callback(self.standby.remove)
        self.pooler = enter(Pooler(self.postgres.address(), self.postgres.cluster.account))
        (self.folder / "documents").mkdir()
        settings = {"METRICS_DIR": str(self.folder), "DATABASE_REPLICA_URL": self.standby.address()}
        self.server = enter(Served(self.pooler.address, self.folder / "server.log", **settings))
        self.worker = enter(self.working())
        eventually(
            lambda: self.postgres.ask(RELEASED)
        )  # the demo's events wait for the first worker
        self.payers = enter(Payers(self.server, self.facts))
        self.prometheus = enter(Prometheus(self.folder / "prometheus", self.server.port))
        return self

    def __exit__(self, *_: object) -> None:
        self.parts.close()

    def working(self) -> Any:
        return working(self.pooler.address, self.folder / "worker.log")

    @contextmanager
    def incident(self, alert: str) -> Iterator[None]:
        """Stage something; the alert fires, alone. The block ends it."""
        begun = time.monotonic()
        seconds = self.prometheus.await_alert(alert)
        time.sleep(LONGER)
        sys.stdout.write(f"{alert} after {seconds:.0f} s\n")
        assert self.prometheus.fired(time.monotonic() - begun) == {alert}
        yield
        self.payers.get_paid()
        self.prometheus.await_silence()
        assert "The ledger is correct." in self.postgres.manage("audit")
        assert self.prometheus.fired(time.monotonic() - begun) == {alert}


@pytest.fixture(scope="module")
def small_disk(postgres: Scratch, demo: dict[str, str]) -> Iterator[Path | None]:
    """A disk of its own for the tables, where this process may mount one."""
    tables = postgres.cluster.data / "base"
    kept = tables.with_name("kept")
    postgres.stop()
    subprocess.run(["cp", "-a", str(tables), str(kept)], check=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"{DISK},mode=0700", "tmpfs", str(tables)]
    is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    if is_mounted:
        subprocess.run(["cp", "-a", f"{kept}/.", str(tables)], check=True)
    postgres.start()
    yield tables if is_mounted else None
    if is_mounted:
        postgres.stop()
        subprocess.run(["umount", str(tables)], check=True)


@pytest.fixture(scope="module")
def installation(
    postgres: Scratch,
    demo: dict[str, str],
    small_disk: Path | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    with Installation(postgres, demo, tmp_path_factory.mktemp("installation")) as made:
        made.payers.get_paid()
        yield made
        made.payers.enough.set()
        paid = {*made.payers.acknowledged}
        kept = postgres.ask("SELECT coalesce(json_agg(id), '[]') FROM wallets_movement")
        assert paid <= {*kept}


def test_healthy_installation_has_no_alert(installation):
    time.sleep(LONGER)
    assert installation.prometheus.fired(LONGER) == set()


def test_dead_worker_is_found(installation):
    installation.worker.send_signal(SIGKILL)
    with installation.incident("IocashWorkerDead"):
        states = answer_of(installation.postgres, queries("IocashWorkerDead")[0])
        assert min(each["since"].total_seconds() for each in states) > LONGER
        installation.worker = installation.parts.enter_context(installation.working())


def test_stopped_pooler_is_found(installation):
    installation.pooler.kill()
    with installation.incident("IocashDatabaseDown"):
        assert installation.postgres.ask("SELECT true")  # pg_isready: it is not PostgreSQL
        log = (installation.folder / "server.log").read_text()
        assert str(installation.pooler.folder) in log
        installation.pooler.start()


def test_locked_wallet_is_found(installation):
    postgres = installation.postgres
    with psycopg.connect(postgres.address("postgres")) as session:
        session.execute(HOT.format(installation.facts["aliceWalletId"]).encode())
        with installation.incident("IocashTransactionBlocks"):
            (query,) = queries("IocashTransactionBlocks")
            first, *others = answer_of(postgres, query)
            assert first["pid"] == session.info.backend_pid
            assert others
            assert any(first["pid"] in each["waits_for"] for each in others)
            postgres.tell(f"SELECT pg_terminate_backend({first['pid']})")
            session.close()


def test_replica_behind_is_found(installation):
    standby = installation.standby
    standby.tell("SELECT pg_wal_replay_pause()")
    with installation.incident("IocashReplicaLags"):
        primary, replica = queries("IocashReplicaLags")
        (found,) = answer_of(installation.postgres, primary, "postgres")
        assert found["replay_lag"].total_seconds() > 1 > found["flush_lag"].total_seconds()
        assert answer_of(standby, replica, "postgres")[0]["is_paused"]
        standby.tell("SELECT pg_wal_replay_resume()")


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(2**16))


def test_full_disk_is_found(installation, small_disk):
    """The one of PostgreSQL; its log has room elsewhere, so it goes on."""
    if small_disk is None:
        pytest.skip("only root can mount a small disk")
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        fill(filler)
    with installation.incident("IocashDiskFull"):
        assert os.statvfs(small_disk).f_bavail == 0  # df
        (archive,), slots = (
            answer_of(installation.postgres, each) for each in queries("IocashDiskFull")
        )
        assert (archive["failed_count"], slots) == (0, [])
        assert installation.server.call("GET", "/readyz")[0] == 200
        filler.unlink()
