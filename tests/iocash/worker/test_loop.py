"""The loop of the worker: duties don't stop each other, failures are logged, an end is clean."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from itertools import chain, repeat
from threading import Event
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection

from iocash import worker
from iocash.worker import Duty, loop
from iocash.worker.loop import DutyReport, Runner, perform_once, perform_until_ended
from tests.support.duties import Done, Reports
from tests.support.threads import PATIENCE, Stranger


def counting(*numbers: int) -> Callable[[], int]:
    """Each number once, then zero."""
    left = chain(numbers, repeat(0))
    return lambda: next(left)


def failing(error: Exception) -> Callable[[], int]:
    def fail() -> int:
        raise error

    return fail


@pytest.fixture
def ended() -> Event:
    return Event()


@pytest.fixture
def reports() -> Reports:
    return Reports()


# --- One duty ------------------------------------------------------------------------------------


def test_duty_is_performed_again_at_once_while_more_is_due(reports):
    duty = Done(counting(3, 2))
    assert perform_once(duty, reports.append)
    assert (duty.calls, reports.done) == (3, 5)


def test_idle_duty_waits_before_it_looks_again(reports, ended):
    runner = Runner(Done(counting(1)), reports.append, ended)
    assert [runner.step(), runner.step()] == [0.0, Done.every]


def test_failure_is_logged_counted_and_followed_by_longer_pauses(reports, ended, caplog):
    runner = Runner(Done(failing(ValueError("of Alice"))), reports.append, ended)
    pauses = [runner.step() for _ in range(12)]
    assert 0.7 < pauses[0] < 1.3 < pauses[1] < 2.6
    assert max(pauses) <= Duty.longest_pause * 1.25
    assert reports.failures == ["ValueError"] * 12
    assert [each.levelname for each in caplog.records] == ["ERROR"] * 12
    assert caplog.records[0].exc_info


def test_duty_goes_on_after_a_failure(reports, ended):
    fail, succeed = failing(ValueError()), counting(7)
    duty = Done(lambda: fail() if duty.calls == 1 else succeed())
    runner = Runner(duty, reports.append, ended)
    assert runner.step() > 0.5
    assert runner.step() == 0.0
    assert runner.failed == 0
    runner.hand_in()
    assert reports.done == 7


def test_lost_database_is_one_line_without_a_traceback(reports, ended, caplog):
    Runner(Done(failing(OperationalError("gone"))), reports.append, ended).step()
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)


def test_report_that_is_not_written_is_kept(ended, caplog):
    written = Reports()
    steps = iter([failing(DatabaseError())])

    def record(report: DutyReport) -> None:
        next(steps, lambda: 0)()
        written.append(report)

    runner = Runner(Done(counting(2)), record, ended)
    runner.step()
    assert written == []
    assert "was not written: DatabaseError" in caplog.text
    runner.hand_in()
    assert written.done == 2


def test_runs_of_a_busy_duty_are_reported_together(reports, caplog):
    caplog.set_level(logging.INFO)
    runner = Runner(Done(counting(*[1] * 50)), reports.append, Event())
    while not runner.step():
        continue
    assert (len(reports), reports.done) == (2, 50)
    assert len(caplog.records) == 2


def test_idle_looks_are_not_logged(reports, ended, caplog):
    caplog.set_level(logging.INFO)
    runner = Runner(Done(counting()), reports.append, ended)
    for _ in range(20):
        runner.step()
    assert [each.runs for each in reports] == [1]
    assert caplog.records == []


# --- Many duties ---------------------------------------------------------------------------------


def running(duties: list[Duty], reports: Reports, ended: Event) -> Stranger:
    return Stranger(lambda: perform_until_ended(duties, reports.append, ended))


@pytest.mark.slow
def test_hanging_duty_stops_no_other(reports, ended, monkeypatch):
    """Its batch is waited for, and then the exit code is 1."""
    monkeypatch.setattr(loop, "LAST_BATCH", 0.2)
    hanging, release = Event(), Event()

    def hang() -> int:
        hanging.set()
        release.wait(PATIENCE)
        return 0

    def look() -> int:
        if hanging.is_set() and other.calls > 20:
            ended.set()
        return 0

    other = Done(look, "other")
    assert running([Done(hang), other], reports, ended).answer == 1
    assert other.calls > 20
    release.set()


def test_failing_duty_stops_no_other(reports, ended):
    bad = Done(failing(ValueError()))

    def look() -> int:
        if bad.calls:
            ended.set()
        return 0

    other = Done(look, "other")
    assert running([bad, other], reports, ended).answer == 0


def test_end_waits_for_the_batch_in_hand(reports, ended):
    begun, release = Event(), Event()

    def perform() -> int:
        begun.set()
        assert release.wait(PATIENCE)
        return 5

    duty = Done(perform)
    loop_ = running([duty], reports, ended)
    assert begun.wait(PATIENCE)
    ended.set()
    release.set()
    assert loop_.answer == 0
    assert (duty.calls, reports.done) == (1, 5)


def test_thread_that_ends_by_itself_ends_the_process_with_1(reports, ended, monkeypatch):
    monkeypatch.setattr("threading.excepthook", lambda args: None)

    def leave() -> int:
        raise SystemExit

    assert running([Done(leave)], reports, ended).answer == 1


# --- Connections ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_terminated_connection_is_replaced(reports, ended):
    pids: list[Any] = []

    def perform() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids.append(cursor.fetchone()[0])
            if len(pids) == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        ended.set()
        return 1

    assert running([Done(perform)], reports, ended).answer == 0
    assert len({*pids}) == 2
    assert reports.failures == ["OperationalError"]


# --- Names ---------------------------------------------------------------------------------------


def test_every_duty_is_named_in_lower_case_and_looks_at_least_once_a_minute():
    loop.load_duties()
    assert {"advance-barrier"} <= worker.DUTIES.keys()
    for name, duty in worker.DUTIES.items():
        assert name == duty.name == name.lower()
        assert 0.05 <= duty.every <= 60


def test_architecture_page_lists_every_duty():
    loop.load_duties()
    page = (settings.BASE_DIR / "docs" / "architecture.md").read_text()
    chapter = page.partition("## What happens without a request")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", chapter, re.MULTILINE) == sorted(worker.DUTIES)


def test_two_duties_can_not_have_one_name(monkeypatch):
    monkeypatch.setattr(worker, "DUTIES", {})
    worker.add_duties(Done(counting()))

    class Other(Done):
        pass

    with pytest.raises(ValueError, match="two duties 'done'"):
        worker.add_duties(Other(counting()))
