"""`manage.py work`: its options, and the process as it is run."""

from __future__ import annotations

import signal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from iocash import worker
from iocash.worker import loop
from tests.support.duties import Done, working
from tests.support.embedded_postgres import eventually
from tests.support.server import PATIENCE, database_of_tests
from users.models import DutyState

pytestmark = pytest.mark.django_db


@pytest.fixture
def duties(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The duties of a test alone."""
    own: dict[str, Any] = {}
    monkeypatch.setattr(worker, "DUTIES", own)
    monkeypatch.setattr(loop, "load_duties", lambda: None)
    return own


def some(count: int) -> Any:
    left = iter([count])
    return lambda: next(left, 0)


def fail() -> int:
    raise ValueError


def work(*words: str) -> str:
    out = StringIO()
    call_command("work", *words, stdout=out)
    return out.getvalue()


def test_work_once_performs_due_duties_and_stores_their_numbers(duties):
    worker.add_duties(Done(some(3), "one"), Done(some(4), "other"))
    work("--once")
    assert dict(DutyState.objects.values_list("name", "done")) == {"one": 3, "other": 4}


def test_only_chosen_duties_are_performed(duties):
    worker.add_duties(Done(some(3), "one"), Done(some(4), "other"))
    work("--once", "--only", "other")
    assert dict(DutyState.objects.values_list("name", "done")) == {"other": 4}


def test_once_names_the_duties_that_failed_and_performs_the_others(duties):
    worker.add_duties(Done(fail, "bad"), Done(some(4), "other"))
    with pytest.raises(CommandError, match="failed: bad"):
        work("--once")
    assert dict(DutyState.objects.values_list("name", "done")) == {"bad": 0, "other": 4}


def test_unknown_duty_is_refused_with_the_names_of_all(duties):
    worker.add_duties(Done(some(3), "one"))
    with pytest.raises(CommandError, match=r"no duty .two.\. There are: one"):
        work("--only", "two")


def test_list_names_the_duties():
    assert "advance-barrier\n" in work("--list")


def test_every_duty_can_be_performed_on_an_empty_database():
    work("--once")
    assert set(DutyState.objects.values_list("name", flat=True)) == set(worker.DUTIES)
    assert not DutyState.objects.exclude(failures=0).exists()


@pytest.mark.ci
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.django_db(transaction=True)
def test_signal_ends_the_process_with_0(sign: signal.Signals, tmp_path: Path) -> None:
    """Takes 3 s for each signal."""
    log = tmp_path / "log"
    with working(database_of_tests(), log) as process:
        eventually(lambda: DutyState.objects.filter(last_success_at__isnull=False).exists())
        process.send_signal(sign)
        assert process.wait(PATIENCE) == 0
    lines = log.read_text().splitlines()
    assert [line.split()[1:4] for line in (lines[0], lines[-1])] == [
        ["iocash.worker.loop", "worker", "started:"],
        ["iocash.worker.loop", "worker", "ended"],
    ]
    assert "Traceback" not in log.read_text()
