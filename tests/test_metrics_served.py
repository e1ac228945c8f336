"""`/metrics` of a real server: while the database is away, while processes are killed, and in time.

Takes two minutes; the alerts need promtool.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from tests.faults.standby import Standby
from tests.support.duties import working
from tests.support.embedded_postgres import eventually
from tests.support.prometheus import Scrape, firing, needs_promtool, promtool, series_of
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = pytest.mark.ci

UP = 'iocash_database_up{job="iocash",instance="one"}'
LAG = 'iocash_replica_lag_seconds{job="iocash",instance="one",replica="this"}'
OURS = "iocash_request_duration_seconds_count"
HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'iocash_app'"
APART = 8.0
"""Seconds; granian ends itself when workers die twice within 5.5."""


@pytest.fixture(scope="module")
def server(
    postgres: Scratch, demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with Served(postgres.address(), folder / "server.log", METRICS_DIR=str(folder)) as served:
        yield served


def scrape(server: Served) -> Scrape:
    caller = HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        caller.request("GET", "/metrics")
        answer = caller.getresponse()
        text = answer.read().decode()
    finally:
        caller.close()
    assert answer.status == 200, text
    return series_of(text)


def answered(found: Scrape) -> float:
    return sum(float(value) for name, value in found.items() if name.startswith(OURS))


def workers(server: Served) -> list[int]:
    """The processes that serve: the children of granian."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(parts[1]) == server.process.pid and parts[0] != "Z":
            command = (place.parent / "cmdline").read_bytes()
            if b"resource_tracker" not in command:
                found.append(int(place.parent.name))
    return sorted(found)


class Reader(Thread):
    """Reads a wallet again and again; counts the answers."""

    def __init__(self, server: Served, demo: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.server, self.demo, self.answers = server, demo, 0
        self.enough = Event()
        self.start()

    def run(self) -> None:
        path = f"/api/v1/wallets/{self.demo['aliceWalletId']}"
        while not self.enough.is_set():
            try:
                self.answers += self.server.call("GET", path, secret=self.demo["apiKey"])[0] == 200
            except OSError:
                time.sleep(0.01)  # its process was killed


def test_killed_processes_take_no_counts_with_them(server, demo):
    begun = answered(scrape(server))
    readers = [Reader(server, demo) for _ in range(4)]
    last, former = begun, set(workers(server))
    assert len(former) == 2
    for _ in range(2):
        process = next(each for each in workers(server) if each in former)
        os.kill(process, signal.SIGKILL)
        until = time.monotonic() + APART
        while time.monotonic() < until:
            try:
                found = answered(scrape(server))
            except OSError:
                continue
            assert found >= last
            last = found
    assert not former & {*workers(server)}
    for reader in readers:
        reader.enough.set()
    for reader in readers:
        reader.join()
    end = scrape(server)
    assert answered(end) - begun >= sum(reader.answers for reader in readers) > 100
    folder = Path(server.environment["METRICS_DIR"])
    assert len([*folder.glob("*.metrics")]) == 1
    eventually(
        lambda: scrape(server)['iocash_server_processes{job="iocash",instance="one"}'] == "2"
    )
    assert int(scrape(server)['iocash_requests_in_progress{job="iocash",instance="one"}']) == 1


def quick(server: Served) -> tuple[Scrape, float]:
    begun = time.monotonic()
    return scrape(server), time.monotonic() - begun


@needs_promtool
def test_metrics_answer_while_the_database_is_away(server, postgres, tmp_path):
    """It is stopped, and then it is frozen."""
    healthy = scrape(server)
    assert healthy[UP] == "1"
    postgres.stop()
    try:
        away, seconds = quick(server)
        assert (away[UP], seconds < 2) == ("0", True)
        assert answered(away) >= answered(healthy)
        assert 'iocash_outbox_events{job="iocash",instance="one"}' not in away
        assert firing(tmp_path, healthy, away) == {"IocashDatabaseDown"}
    finally:
        postgres.start()
    eventually(lambda: scrape(server)[UP] == "1")
    postgres.tell(HANG_UP)
    postgres.process.send_signal(signal.SIGSTOP)
    try:
        frozen, seconds = quick(server)
        assert (frozen[UP], seconds < 6) == ("0", True)
    finally:
        postgres.process.send_signal(signal.SIGCONT)
    eventually(lambda: scrape(server)[UP] == "1")


@pytest.fixture
def standby(postgres: Scratch, tmp_path: Path) -> Iterator[Standby]:
    made = Standby(tmp_path / "standby", postgres)
    yield made
    made.remove()


def scrape_followed(server: Served) -> Scrape:
    """Figures of the primary, at a moment when each standby has replayed everything."""
    kept: list[Scrape] = []

    def is_followed() -> bool:
        kept[:] = [scrape(server)]
        lags = [float(kept[0][each]) for each in kept[0] if "replica_lag" in each]
        return bool(lags) and max(lags) < 12

    eventually(is_followed)
    return kept[0]


@needs_promtool
def test_alerts_of_time_fire(server, postgres, standby, tmp_path):
    """The worker is killed, a transaction stays open, and a standby replays nothing any more."""
    with working(postgres.address(), tmp_path / "worker.log") as worker:
        eventually(lambda: "iocash_duty_last_run_seconds" in " ".join(scrape(server)))
        time.sleep(5)
        healthy = scrape(server)
        text = "\n".join(f"{name} {value}" for name, value in healthy.items())
        assert promtool("check", "metrics", text=f"{text}\n").returncode in {0, 3}  # it misses HELP
        assert firing(tmp_path, healthy, healthy) == set()
        with Served(standby.address(), tmp_path / "standby.log") as follower:
            caught_up = scrape(follower)
            assert float(caught_up[LAG]) < 12
            standby.tell("SELECT pg_wal_replay_pause()")
            postgres.tell("SELECT pg_logical_emit_message(true, 'test', 'written')")
            worker.kill()
            begun = time.monotonic()
            with psycopg.connect(postgres.address()) as session:
                session.execute("SET idle_in_transaction_session_timeout = 0")
                time.sleep(40 - (time.monotonic() - begun))
                lagging = scrape(follower)
                assert firing(tmp_path, caught_up, lagging) == {"IocashReplicaLags"}
                standby.tell("SELECT pg_wal_replay_resume()")
                time.sleep(max(0, 75 - (time.monotonic() - begun)))
                late = scrape_followed(server)
    assert firing(tmp_path, healthy, late) == {"IocashTransactionOld", "IocashWorkerDead"}
