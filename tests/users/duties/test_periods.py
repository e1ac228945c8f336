"""A period is performed by one process, once, and again if it was interrupted or failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import uuid4

import pytest

from iocash.db import clock
from iocash.worker import Interrupted
from iocash.worker.loop import Runner
from tests.support import sandbox
from tests.support.duties import Reports
from tests.support.threads import PATIENCE, Caller, at_once
from users.duties import periods
from users.duties.periods import NightlyDuty, PeriodicDuty
from users.models import DutyState

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


class Hourly(PeriodicDuty):
    name = "hourly"

    def __init__(self) -> None:
        self.performed = 0

    def perform_period(self) -> int:
        self.performed += 1
        return 5

    def next_due_at(self, now: datetime, done: int) -> datetime:
        return now + HOUR


class Failing(Hourly):
    def perform_period(self) -> int:
        raise KeyError


class Waiting(Hourly):
    """Waits until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.release = Event(), Event()

    def perform_period(self) -> int:
        self.begun.set()
        assert self.release.wait(PATIENCE)
        return 1


class Nightly(NightlyDuty):
    name = "nightly"
    hour = 3


def state() -> DutyState:
    return DutyState.objects.get(name="hourly")


def test_period_is_performed_once():
    duty = Hourly()
    assert [duty.perform(), duty.perform()] == [5, 0]
    assert state().lease is None
    assert duty.performed == 1


def test_next_period_follows_the_clock_of_the_database():
    sandbox.make()
    duty = Hourly()
    duty.perform()
    sandbox.set_clock(clock.now() + HOUR / 2)
    assert duty.perform() == 0
    sandbox.set_clock(clock.now() + HOUR)
    assert duty.perform() == 5


def test_failed_period_is_due_again_at_once():
    with pytest.raises(KeyError):
        Failing().perform()
    assert Hourly().perform() == 5


def test_interrupted_period_is_due_again_and_is_no_failure():
    ended, reports = Event(), Reports()

    class Long(Hourly):
        def perform_period(self) -> int:
            ended.set()
            self.require_time()
            return 1

    Runner(Long(), reports.append, ended).step()
    assert reports.failures == []
    assert Hourly().perform() == 5


def test_batch_is_interrupted_only_at_the_end():
    duty = Hourly()
    duty.ended = Event()
    duty.require_time()
    duty.ended.set()
    with pytest.raises(Interrupted):
        duty.require_time()


@pytest.mark.django_db(transaction=True)
def test_one_of_many_processes_performs_a_period():
    duties = [Hourly() for _ in range(4)]
    assert sorted(at_once(*[duty.perform for duty in duties])) == [0, 0, 0, 5]
    assert sum(duty.performed for duty in duties) == 1


@pytest.mark.django_db(transaction=True)
def test_period_of_a_killed_process_is_taken_when_its_lease_is_over(monkeypatch):
    """The first process does not renew its lease: it has been killed."""
    killed = Waiting()
    monkeypatch.setattr(periods, "RENEWED_EVERY", PATIENCE)
    caller = Caller(killed.perform)
    assert killed.begun.wait(PATIENCE)
    assert Hourly().perform() == 0
    DutyState.objects.update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert Hourly().perform() == 5
    killed.release.set()
    assert caller.answer == 1
    assert (state().next_due_at or clock.now()) > clock.now()


def test_process_without_the_lease_ends_no_period():
    """It was stopped for longer than its lease; another one has the period."""
    states, late, other = DutyState.objects, uuid4(), uuid4()
    states.plan("hourly", clock.now())
    assert states.claim("hourly", late, HOUR)
    DutyState.objects.update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert states.claim("hourly", other, HOUR)
    before = state().next_due_at
    assert not states.finish("hourly", late, clock.now() + HOUR)
    assert not states.renew("hourly", late, HOUR)
    assert not states.release("hourly", late)
    assert (state().lease, state().next_due_at) == (other, before)


@pytest.mark.django_db(transaction=True)
def test_lease_is_renewed_during_a_long_period(monkeypatch):
    monkeypatch.setattr(periods, "RENEWED_EVERY", 0.01)
    duty = Waiting()
    caller = Caller(duty.perform)
    assert duty.begun.wait(PATIENCE)
    first = state().lease_until
    while state().lease_until == first:
        continue
    duty.release.set()
    assert caller.answer == 1


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2030-01-31T02:59:59", "2030-01-31T03:00:00"),
        ("2030-01-31T03:00:00", "2030-02-01T03:00:00"),
        ("2030-01-31T23:00:00", "2030-02-01T03:00:00"),
    ],
)
def test_night_begins_at_its_hour(now, due):
    moment, night = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (now, due))
    assert Nightly().next_due_at(moment, 0) == Nightly().first_due_at(moment) == night
