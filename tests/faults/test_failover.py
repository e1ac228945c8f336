"""Failover under load, with the commands of docs/operations: how long writes pause, what is lost.

Takes about two minutes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from threading import Event, Lock, Thread
from uuid import uuid4

import pytest

import dev
from iocash.postgres import binaries, places
from tests.faults.standby import STREAMING, Replica, Standby, either
from tests.support.embedded_postgres import eventually
from tests.support.pgbouncer import Pooler, needs_pgbouncer
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = pytest.mark.long

LONGEST_PAUSE = 3.0
"""Seconds from the promotion to the first payment."""
PAID = "SELECT coalesce(json_agg(id), '[]') FROM wallets_movement WHERE amount < 0"
TWICE = """
    SELECT count(*) FROM (
        SELECT FROM wallets_movement WHERE amount < 0 AND metadata ? 'mark'
        GROUP BY metadata ->> 'mark' HAVING count(*) > 1
    ) AS double
"""


def commands(page: str, name: str) -> str:
    """The commands of a page that begin with a comment."""
    text = (dev.ROOT / "docs" / "operations" / page).read_text()
    (found,) = re.findall(rf"^```sh\n# {name}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(found)


def run(server: Scratch, script: str, **values: str) -> str:
    """Run commands as the account of a server."""
    cluster = server.cluster
    path = os.pathsep.join([str(cluster.programs), os.defpath])
    done = subprocess.run(
        ["/bin/sh", "-ec", script],
        cwd=cluster.home,
        env={"PATH": path, "LC_ALL": "C", **values},
        capture_output=True,
        text=True,
        check=False,
        **cluster._rights(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


class Payers:
    """Pay cents with keys, each again until it is done; note when, and what they were told."""

    def __init__(self, server: Served, facts: dict[str, str]) -> None:
        self.server, self.facts = server, facts
        self.lock, self.enough = Lock(), Event()
        self.acknowledged: dict[str, float] = {}
        self.odd: list[object] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [Thread(target=self.pay, daemon=True) for _ in range(6)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.enough.set()
            for thread in threads:
                thread.join(60)
        assert not self.odd, self.odd[:3]

    def pay(self) -> None:
        path = f"/api/v1/wallets/{self.facts['aliceWalletId']}/movements"
        while not self.enough.is_set():
            key = str(uuid4())
            body = {"type": "TRANSFER", "amount": "0.01", "metadata": {"mark": key}}
            body["targetWalletId"] = self.facts["bobWalletId"]
            while not self.enough.is_set() and not self.is_paid(path, body, key):
                time.sleep(0.02)

    def is_paid(self, path: str, body: object, key: str) -> bool:
        try:
            answer = self.server.call("POST", path, body, self.facts["apiKey"], Idempotency_Key=key)
        except OSError:
            return False
        status, _, content = answer
        with self.lock:
            if status == 201:
                self.acknowledged[content["id"]] = time.monotonic()
            elif status != 503:
                self.odd.append(answer)
        return status == 201

    def some_more(self, number: int) -> None:
        least = len(self.acknowledged) + number
        eventually(lambda: len(self.acknowledged) >= least or bool(self.odd))

    def pause_after(self, promoted: float) -> float:
        """Seconds from the promotion to the first payment that was acknowledged after it."""
        return min(at for at in self.acknowledged.values() if at > promoted) - promoted

    def lost(self, server: Scratch) -> set[str]:
        """The acknowledged payments that a server does not have."""
        return {*self.acknowledged} - {*server.ask(PAID)}


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path / "primary")
    yield scratch
    scratch.remove()


@pytest.fixture
def facts(primary: Scratch) -> dict[str, str]:
    return primary.seed()


class CopiedStandby(Standby):
    """A standby that was made with the commands of the page."""

    class Copied(Replica):
        def copy(self, sockets: Path) -> None:
            """The commands do it."""

    def __init__(self, folder: Path, primary: Scratch) -> None:
        self.where = places.Places(folder / ".iocash")
        self.where.create()
        self.log = (folder / "standby.log").open("ab")
        self.cluster, self.primary = Replica(self.where, binaries.find(), self.log), primary
        values = {"PRIMARY": of(primary), "STANDBY_DATA": str(self.cluster.data)}
        run(self, commands("replica.md", "copy the primary"), **values)
        self.start()
        eventually(lambda: bool(primary.ask(STREAMING)))


def of(server: Scratch) -> str:
    return server.address("postgres")


@pytest.fixture
def standby(primary: Scratch, facts: dict[str, str], tmp_path: Path) -> Iterator[Standby]:
    standby = CopiedStandby(tmp_path / "standby", primary)
    yield standby
    standby.remove()


@pytest.fixture
def payers(
    primary: Scratch, standby: Standby, facts: dict[str, str], tmp_path: Path
) -> Iterator[Payers]:
    with Served(either(primary, standby), tmp_path / "log") as server:
        yield Payers(server, facts)


def make_synchronous(primary: Scratch) -> None:
    run(primary, commands("replica.md", "make it synchronous"), PRIMARY=of(primary))
    look = commands("replica.md", "look at the standbys")
    eventually(lambda: "|streaming|quorum|" in run(primary, look, PRIMARY=of(primary)))


def fence(primary: Scratch) -> None:
    run(primary, commands("failover.md", "fence"), OLD_DATA=str(primary.cluster.data))
    primary.process.wait(30)


def promote(standby: Standby) -> float:
    """Promote; return when it was done."""
    script = commands("failover.md", "promote")
    run(standby, script.partition('-c "CHECKPOINT"')[0].rstrip(" \\\n"), NEW=of(standby))
    promoted = time.monotonic()
    run(standby, 'psql "$NEW" -c "CHECKPOINT"', NEW=of(standby))
    return promoted


def measured(payers: Payers, promoted: float, capsys: pytest.CaptureFixture[str]) -> float:
    pause = payers.pause_after(promoted)
    with capsys.disabled():
        sys.stdout.write(f"\npause in writes after the promotion: {pause:.2f} s\n")
    return pause


def test_killed_primary_pauses_writes_briefly_and_loses_nothing(primary, standby, payers, capsys):
    make_synchronous(primary)
    with payers.at_work():
        payers.some_more(100)
        primary.stop(SIGKILL)
        promoted = promote(standby)
        payers.some_more(100)
    assert measured(payers, promoted, capsys) <= LONGEST_PAUSE
    assert payers.lost(standby) == set()
    assert standby.ask(TWICE) == 0
    assert "The ledger is correct." in standby.manage("audit")


def lead(pooler: Pooler, standby: Standby) -> None:
    """Run the page's commands on a pooler of ours."""
    script = commands("failover.md", "lead the pooler").replace("/etc/pgbouncer", "$FOLDER")
    script = script.replace("systemctl reload pgbouncer", "")
    where = {"NEW_HOST": str(standby.cluster.sockets), "NEW_PORT": places.PORT}
    run(standby, script, FOLDER=str(pooler.folder), **where)
    pooler.reload()


@needs_pgbouncer
def test_pooler_leads_to_the_new_primary(primary, standby, facts, tmp_path):
    make_synchronous(primary)
    with (
        Pooler(primary.address(), primary.cluster.account) as pooler,
        Served(pooler.address, tmp_path / "log") as server,
    ):
        payers = Payers(server, facts)
        with payers.at_work():
            payers.some_more(50)
            fence(primary)
            promote(standby)
            lead(pooler, standby)
            payers.some_more(50)
    assert payers.lost(standby) == set()
    assert "The ledger is correct." in standby.manage("audit")


def cut_off(standby: Standby) -> None:
    """The network between the two is cut; the web server reaches both."""
    standby.unfollow()


def test_fenced_primary_that_was_cut_off_has_nothing_of_its_own(primary, standby, payers, capsys):
    """The procedure as the page says it, and the old primary is a standby at its end."""
    make_synchronous(primary)
    with payers.at_work():
        payers.some_more(100)
        cut_off(standby)
        time.sleep(1)
        fence(primary)
        promoted = promote(standby)
        payers.some_more(100)
    assert measured(payers, promoted, capsys) <= LONGEST_PAUSE
    assert payers.lost(standby) == set()
    assert standby.ask(TWICE) == 0
    values = {"OLD_DATA": str(primary.cluster.data), "NEW": of(standby)}
    run(primary, commands("failover.md", "rewind"), **values)
    primary.cluster = Replica(primary.where, binaries.find(), primary.log)
    primary.start()
    eventually(lambda: bool(standby.ask(STREAMING)))
    eventually(lambda: payers.lost(primary) == set())


def split(primary: Scratch, standby: Standby, payers: Payers, first: Callable[[], None]) -> int:
    """Fail over with an asynchronous standby that was cut off; return how many are lost."""
    with payers.at_work():
        payers.some_more(50)
        cut_off(standby)
        first()
        promote(standby)
        payers.some_more(50)
    return len(payers.lost(standby))


def test_control_without_fencing_has_payments_on_one_side_only(primary, standby, payers):
    """The web server goes on to use the old primary, which acknowledges payments alone."""
    assert split(primary, standby, payers, first=lambda: None) >= 50
    assert payers.lost(primary) == set()
