"""PostgreSQL falls silent without ending a connection: every caller has an answer in time.

Takes half a minute; needs Linux.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.attacks import Stage
from tests.faults.callers import load, some_more
from tests.faults.proof import LONGEST, prove
from tests.support.embedded_postgres import linux
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = [pytest.mark.ci, linux]

SILENCE = 35.0


def processes(postgres: Scratch) -> list[int]:
    above = postgres.process.pid
    children = Path(f"/proc/{above}/task/{above}/children").read_text().split()
    return [above, *map(int, children)]


@contextmanager
def frozen(postgres: Scratch) -> Iterator[None]:
    """Suspend every process of the server until the block ends."""
    stopped = processes(postgres)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def test_callers_are_answered_within_the_time_limit_while_postgresql_is_silent(
    postgres, demo, tmp_path
):
    with Served(postgres.address(), tmp_path / "log") as server:
        stage = Stage(postgres, server, demo)
        with load(server, demo, stage.records, 8):
            some_more(stage.records, 50)
            with frozen(postgres):
                time.sleep(SILENCE)
            some_more(stage.records, 50)
    prove(postgres, stage.records)
    assert stage.records.slowest < LONGEST
