"""Duties of tests, and the worker as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from iocash.postgres import CHECKOUT
from iocash.postgres.cluster import ending_with_parent
from iocash.worker import Duty
from iocash.worker.loop import DutyReport
from tests.support.server import OURS, PATIENCE


class Done(Duty):
    """Does what a function does; counts its calls."""

    name = "done"
    every = 0.01

    def __init__(self, do: Callable[[], int], name: str = "done") -> None:
        self.do, self.calls = do, 0
        self.name = name  # type: ignore[misc]

    def perform(self) -> int:
        self.calls += 1
        return self.do()


class Reports(list[DutyReport]):
    """What a loop has reported."""

    @property
    def done(self) -> int:
        return sum(each.done for each in self)

    @property
    def failures(self) -> list[str]:
        return [each.failure for each in self if each.failures]


WORK = ("manage.py", "work")


@contextmanager
def working(
    database: str, log: Path, *words: str, program: Sequence[str] = WORK, **environment: str
) -> Iterator[Any]:
    """`manage.py work`, or another program, as a process on a database until the block ends."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, *program, *words],
            cwd=CHECKOUT,
            env=kept | {"DEBUG": "1", "DATABASE_URL": database} | environment,
            stdout=out,
            stderr=out,
            preexec_fn=ending_with_parent(signal.SIGTERM),  # noqa: PLW1509 (it only ties)
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
