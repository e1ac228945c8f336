"""Webhooks while workers and receivers are killed: nothing is lost, and each wallet is in order.

The receiver keeps a copy of every balance by webhooks alone; it equals the books at the end.
Writers and workers connect to PostgreSQL itself, or through PgBouncer in transaction mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.webhooks import (
    Judgement,
    Stage,
    judge,
    kill_at_random,
    staged,
    wait_for_first,
)
from tests.support.embedded_postgres import linux
from tests.support.pgbouncer import Pooler, needs_pgbouncer
from tests.support.scratch_postgres import Scratch
from users.webhooks.lanes import BATCH

BEHIND = 100
"""Events that a lane sends again at most after a kill, beside a batch."""

SESSIONS = 6
"""PostgreSQL's sessions behind the pooler: fewer than there are writers."""
SERVING = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'iocash_app'"

pytestmark = linux


@pytest.fixture(scope="module")
def tables(postgres: Scratch) -> Scratch:
    postgres.manage("migrate", "--verbosity", "0")
    return postgres


@pytest.fixture
def pooler(tables: Scratch) -> Iterator[Pooler]:
    """A session serves another transaction as soon as one has ended."""
    options = {"pool_mode": "transaction", "default_pool_size": SESSIONS}
    with Pooler(tables.address(), tables.cluster.account, **options) as pooler:
        yield pooler


def require_shared_sessions(stage: Stage) -> None:
    """Check that writers and workers share a few sessions, as they do behind a pooler only."""
    wait_for_first(stage)
    assert 0 < stage.postgres.ask(SERVING) <= SESSIONS


def require_whole(found: Judgement, kills: int) -> None:
    assert (found.lost, found.out_of_order, found.wrong_balances) == (0, 0, 0)
    assert found.duplicates <= kills * (BATCH + BEHIND)


@pytest.mark.ci
def test_few_kills_lose_nothing(tables: Scratch, tmp_path: Path) -> None:
    """Some 2,400 events of 12 writers, 6 kills. Takes 30 s."""
    with staged(tables, tmp_path, wallets=12, workers=2) as stage:
        writers = stage.start_writers(12, 100)
        kill_at_random(stage, 6, 0.6)
        assert writers.wait(120) == 0
        found = judge(stage)
        assert len(stage.received()) >= 500
        require_whole(found, stage.killed.total())


@pytest.mark.ci
@needs_pgbouncer
def test_few_kills_lose_nothing_behind_a_pooler(
    tables: Scratch, pooler: Pooler, tmp_path: Path
) -> None:
    """The same through PgBouncer. Takes 30 s."""
    with staged(tables, tmp_path, wallets=12, workers=2, address=pooler.address) as stage:
        writers = stage.start_writers(12, 100)
        require_shared_sessions(stage)
        kill_at_random(stage, 6, 0.6)
        assert writers.wait(120) == 0
        found = judge(stage)
        assert len(stage.received()) >= 500
        require_whole(found, stage.killed.total())


@pytest.mark.ci
def test_stopped_worker_sends_nothing_out_of_order(tables: Scratch, tmp_path: Path) -> None:
    """A worker sleeps for longer than its leases, while another goes on. Takes 30 s."""
    with staged(tables, tmp_path, wallets=12, workers=2) as stage:
        writers = stage.start_writers(12, 40)
        for name in ("worker-0", "worker-1"):
            stage.stop(name, 6.0)
        assert writers.wait(120) == 0
        require_whole(judge(stage), 2)


@pytest.mark.ci
def test_control_without_order_fails(tables: Scratch, tmp_path: Path) -> None:
    """The same test sees what goes wrong if a failure holds back nothing. Takes 30 s."""
    words = ("-m", "tests.faults.hasty_worker")
    with staged(tables, tmp_path, wallets=12, workers=2, duties=words) as stage:
        writers = stage.start_writers(12, 100)
        kill_at_random(stage, 6, 0.6, only="receiver")
        assert writers.wait(120) == 0
        found = judge(stage, patience=10)
        assert found.out_of_order + found.lost + found.wrong_balances > 0


@pytest.mark.long
def test_many_kills_lose_nothing(tables: Scratch, tmp_path: Path) -> None:
    """Over 10,000 events of 12 writers, 120 kills. Takes 5 minutes."""
    with staged(tables, tmp_path, wallets=30, workers=3) as stage:
        lose_nothing_by_many_kills(stage)


@pytest.mark.long
@needs_pgbouncer
def test_many_kills_lose_nothing_behind_a_pooler(
    tables: Scratch, pooler: Pooler, tmp_path: Path
) -> None:
    """The same through PgBouncer. Takes 5 minutes."""
    with staged(tables, tmp_path, wallets=30, workers=3, address=pooler.address) as stage:
        lose_nothing_by_many_kills(stage)


def lose_nothing_by_many_kills(stage: Stage) -> None:
    writers = stage.start_writers(12, 900)
    if stage.address != stage.postgres.address():
        require_shared_sessions(stage)
    kill_at_random(stage, 120, 1.5)
    assert writers.wait(600) == 0
    found = judge(stage)
    events = len({line[0] for line in stage.received()})
    print(f"{events} events, {dict(stage.killed)} killed, {found}")  # noqa: T201
    assert events >= 10_000
    assert stage.killed["worker"] >= 50
    require_whole(found, stage.killed.total())
