"""Webhooks while workers and receivers are killed: nothing is lost, and each wallet is in order.

The receiver keeps a copy of every balance by webhooks alone; it equals the books at the end.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.webhooks import Judgement, judge, kill_at_random, staged
from tests.support.embedded_postgres import linux
from tests.support.scratch_postgres import Scratch
from users.webhooks.lanes import BATCH

BEHIND = 100
"""Events that a lane sends again at most after a kill, beside a batch."""

pytestmark = linux


@pytest.fixture(scope="module")
def tables(postgres: Scratch) -> Scratch:
    postgres.manage("migrate", "--verbosity", "0")
    return postgres


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
        writers = stage.start_writers(12, 900)
        kill_at_random(stage, 120, 1.5)
        assert writers.wait(600) == 0
        found = judge(stage)
        assert len({line[0] for line in stage.received()}) >= 10_000
        assert stage.killed["worker"] >= 50
        require_whole(found, stage.killed.total())
