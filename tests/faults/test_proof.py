"""Everything breaks under load: what was acknowledged is done once, what was denied is not done."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.faults.attacks import (
    Stage,
    hang_up,
    kill_a_worker,
    restart_the_pooler,
    stop_postgres,
    suspend,
    terminate,
    wire,
)
from tests.faults.callers import load, some_more
from tests.faults.commit_faults import BROKEN, ENDED, LIES, OTHER_STATES
from tests.faults.proof import prove
from tests.faults.relay import Relay
from tests.support.embedded_postgres import linux
from tests.support.pgbouncer import Pooler, needs_pgbouncer
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = linux

CALLERS = 12
Harms = Sequence[Callable[[Stage], None]]


def every_harm(scale: int) -> dict[str, Harms]:
    """What is done to a server that reaches PostgreSQL through a relay."""
    chance = random.Random(scale)
    broken, lies = [*BROKEN, *ENDED], [*LIES, *OTHER_STATES]
    return {
        "connection breaks at a message": [*map(wire, chance.choices(broken, k=10 * scale))],
        "false error, PostgreSQL commits": [*map(wire, chance.choices(lies, k=10 * scale))],
        "sessions are terminated": [terminate] * 4 * scale,
        "PostgreSQL stops at once and restarts": [stop_postgres(signal.SIGQUIT)] * scale,
        "PostgreSQL is killed and restarts": [stop_postgres(signal.SIGKILL)] * scale,
        "a worker is killed": [kill_a_worker] * scale,
        "the server is suspended for a second": [suspend] * scale,
        "a caller closes its socket": [hang_up] * 3 * scale,
    }


def harms_to_the_pooler(scale: int) -> dict[str, Harms]:
    """What is done between PgBouncer and PostgreSQL."""
    chance = random.Random(scale)
    cuts = [fault for fault in BROKEN if fault.at != "app:writes"]
    return {
        "PgBouncer loses its server at a message": [*map(wire, chance.choices(cuts, k=4 * scale))],
        "PgBouncer is killed and restarts": [restart_the_pooler] * 2 * scale,
    }


def survive(stage: Stage, harms: dict[str, Harms], pace: int) -> None:
    between = partial(some_more, stage.records, pace)
    with load(stage.server, stage.demo, stage.records, CALLERS):
        some_more(stage.records, 50)
        for kind, each in harms.items():
            stage.attack(kind, each, between=between)
    prove(stage.postgres, stage.records)


def run(postgres: Scratch, demo: dict[str, str], folder: Path, scale: int, pace: int) -> Stage:
    """Break what is between a server and PostgreSQL, then what is between PgBouncer and it."""
    with Relay(postgres.address()) as relay, Served(relay.address, folder / "log") as server:
        stage = Stage(postgres, server, demo, relay)
        survive(stage, every_harm(scale), pace)
    with (
        Relay(postgres.address()) as relay,
        Pooler(relay.address, postgres.cluster.account) as pooler,
        Served(pooler.address, folder / "log2", PREPARED_STATEMENTS="off") as server,
    ):
        stage.server, stage.relay, stage.pooler = server, relay, pooler
        survive(stage, harms_to_the_pooler(scale), pace)
    return stage


@pytest.mark.ci
@needs_pgbouncer
def test_few_faults_of_each_kind_lose_and_repeat_no_payment(postgres, demo, tmp_path, capsys):
    """Takes half a minute; needs PgBouncer and Linux."""
    stage = run(postgres, demo, tmp_path, scale=1, pace=10)
    stage.table.show(capsys)
    stage.table.judge()
    assert stage.records.acknowledged > 400


@pytest.mark.long
@needs_pgbouncer
def test_hundreds_of_faults_lose_and_repeat_no_payment(postgres, demo, tmp_path, capsys):
    """Takes several minutes; needs PgBouncer and Linux."""
    stage = run(postgres, demo, tmp_path, scale=10, pace=60)
    stage.table.show(capsys)
    stage.table.judge()
    assert sum(line.faults for line in stage.table.lines) >= 300
    assert stage.records.acknowledged >= 20_000
