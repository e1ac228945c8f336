"""PgBouncer says that a query failed while PostgreSQL goes on and commits it.

Takes about a minute; needs PgBouncer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.commit_faults import DONE, READY
from tests.faults.relay import Fault, Relay, cut, lose_the_answer
from tests.support.embedded_postgres import eventually
from tests.support.pgbouncer import Pooler, needs_pgbouncer
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = [pytest.mark.ci, needs_pgbouncer]

LONGEST = 30.0
"""Seconds that the proxy waits for an answer."""

SLOW_COMMIT = """
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep((NEW.metadata ->> 'commit')::float); RETURN NULL; END
    $$
"""
LINGER = """
    CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON wallets_movement
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.amount < 0 AND NEW.metadata ? 'commit') EXECUTE FUNCTION linger()
"""
PAID = "SELECT count(*) FROM wallets_movement WHERE amount < 0 AND metadata ->> 'mark' = '{}'"
AT_WORK = """
    SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'iocash_app' AND state <> 'idle' AND query <> ''
"""


@pytest.fixture(scope="module")
def slow(postgres: Scratch, demo: dict[str, str]) -> Scratch:
    """A payment's COMMIT takes as many seconds as its metadata says."""
    postgres.tell(f"SET search_path = public; {SLOW_COMMIT}", LINGER)
    return postgres


def told(server: Served, demo: dict[str, str], mark: str, **metadata: str) -> tuple[Any, float]:
    """Pay a cent, without a key: what the caller was told, and after how many seconds."""
    body = {
        "type": "TRANSFER",
        "targetWalletId": demo["bobWalletId"],
        "amount": "0.01",
        "metadata": {"mark": mark} | metadata,
    }
    begun = time.monotonic()
    path = f"/api/v1/wallets/{demo['aliceWalletId']}/movements"
    status, _, content = server.call("POST", path, body, demo["apiKey"])
    return content.get("code", status), time.monotonic() - begun


def paid(postgres: Scratch, mark: str) -> int:
    """How often it is in the books, when everybody has ended what they do."""
    eventually(lambda: postgres.ask(AT_WORK) == 0)
    return int(postgres.ask(PAID.format(mark)))


@pytest.fixture(scope="module")
def impatient(slow: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server behind a PgBouncer that gives up a query after one second."""
    log = tmp_path_factory.mktemp("impatient") / "log"
    with (
        Pooler(slow.address(), slow.cluster.account, query_timeout=1) as pooler,
        Served(pooler.address, log, PREPARED_STATEMENTS="off") as server,
    ):
        yield server


@pytest.mark.parametrize("number", range(3))
def test_payment_is_made_once_when_pgbouncer_gives_up_its_commit(impatient, slow, demo, number):
    mark = f"given up {number}"
    said, _ = told(impatient, demo, mark, commit="2.5")
    assert (said, paid(slow, mark)) == (201, 1)


def test_payment_is_unknown_when_its_commit_exceeds_the_time_limit(impatient, slow, demo):
    said, seconds = told(impatient, demo, "for ever", commit="27")
    assert (said, paid(slow, "for ever")) == ("outcome_unknown", 1)
    assert seconds < LONGEST


@pytest.mark.parametrize(
    "fault",
    [
        Fault("app:Execute", cut),
        Fault("app:Sync", lose_the_answer, is_after=True),
        Fault(DONE, cut),
        Fault(DONE, cut, is_after=True),
        Fault(READY, cut),
    ],
    ids=str,
)
def test_payment_is_made_once_when_pgbouncer_loses_its_server(
    postgres: Scratch, demo, tmp_path: Path, fault
):
    """It sends FATAL 08P01, "server conn crashed?", for a commit and for a rollback."""
    mark = str(fault)
    with (
        Relay(postgres.address()) as relay,
        Pooler(relay.address, postgres.cluster.account) as pooler,
        Served(pooler.address, tmp_path / "log", PREPARED_STATEMENTS="off") as server,
    ):
        relay.plan(fault)
        said, _ = told(server, demo, mark)
        assert relay.met == [fault]
        times = paid(postgres, mark)
    assert (said, times) in {(201, 1), ("database_unavailable", 0)}
