"""Workers are killed while they make runs: each due run is made exactly once."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import people
from tests.support.duties import working
from tests.support.embedded_postgres import linux
from tests.support.schedules import make_due, scheduled
from tests.support.server import database_of_tests
from wallets.models import Movement, ScheduledOperation, ScheduledRun, Wallet

pytestmark = [linux, pytest.mark.django_db(transaction=True)]

ONLY = ("manage.py", "work", "--only", "run-schedules")
WRONG = ("manage.py", "shell", "-c", "from tests.support import wrong_scheduler as w; w.run()")


def left() -> int:
    return ScheduledOperation.objects.going_on().count()


def taken() -> int:
    return ScheduledOperation.objects.filter(taken_until__isnull=False).count()


def kill_some(
    log: Path, kills: int, *, workers: int = 2, program: Sequence[str] = ONLY, seconds: float = 120
) -> int:
    """Run workers until nothing is due, and kill all of them while they work, `kills` times.

    What the killed had taken is free for others at once. Return how often they were killed.
    """
    done, until = 0, time.monotonic() + seconds
    while left() and time.monotonic() < until:
        with ExitStack() as stack:
            for _ in range(workers):
                stack.enter_context(working(database_of_tests(), log, program=program))
            before = left()
            while not taken() and left() == before and time.monotonic() < until:
                time.sleep(0.002)
            if done < kills:
                time.sleep(random.random() * 0.08)
                done += left() > 0
            else:
                while left() and time.monotonic() < until:
                    time.sleep(0.1)
        ScheduledOperation.objects.update(taken_until=None)
    return done


def an_amount_of_schedules(source: Wallet, target: Wallet, number: int) -> None:
    """Each has one run, which is due."""
    one = {"amount": people.decimal(1), "frequency": "ONCE", "count": 1}
    make_due(*[scheduled(source, target, **one) for _ in range(number)])


def require_each_run_once(source: Wallet, target: Wallet, number: int) -> None:
    """Each run is there once, with its own movement, and nothing else was paid."""
    runs = ScheduledRun.objects.filter(status="SUCCESS")
    paid = Movement.objects.filter(wallet=source.id, type="TRANSFER")
    assert runs.count() == runs.values("schedule").distinct().count() == number
    assert paid.count() == number
    assert {*runs.values_list("movement", flat=True)} == {*paid.values_list("id", flat=True)}
    assert people.balances(target) == [number]


@pytest.mark.ci
def test_killed_workers_make_each_run_once(alices, bobs, tmp_path: Path) -> None:
    """Takes 40 s."""
    an_amount_of_schedules(alices, bobs, 600)
    assert kill_some(tmp_path / "log", 3) == 3
    require_each_run_once(alices, bobs, 600)


@pytest.mark.long
def test_many_killed_workers_make_each_of_many_runs_once(alices, bobs, tmp_path: Path) -> None:
    """Takes four minutes: 8,000 runs, and pairs of workers that are killed fifty times."""
    an_amount_of_schedules(alices, bobs, 8_000)
    assert kill_some(tmp_path / "log", 50, seconds=1_800) == 50
    require_each_run_once(alices, bobs, 8_000)


@pytest.mark.ci
@pytest.mark.spoils_the_books
def test_kills_are_noticed_if_run_and_payment_are_written_apart(
    alices, bobs, tmp_path: Path
) -> None:
    """Takes 40 s. The control: a scheduler with two transactions pays some runs twice."""
    an_amount_of_schedules(alices, bobs, 100)
    kill_some(tmp_path / "log", 8, program=WRONG, workers=1)
    with pytest.raises(AssertionError):
        require_each_run_once(alices, bobs, 100)
