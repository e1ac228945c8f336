"""The clock of a sandbox stops where something is due: all of it is done at its time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from iocash.db import clock
from iocash.times import Duration
from iocash.worker import DUTIES, Duty, ahead
from tests.support import people, sandbox
from tests.support.limits import LEVELS
from tests.support.schedules import found, scheduled
from users.models import Client, Event, User
from users.models.sandbox import advance_clock_to
from wallets import posting
from wallets.models import Hold, ScheduledRun, Wallet
from wallets.orders.runs import SCHEDULER

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def advance(duration: str) -> Any:
    """Advance the clock as a request does; return the time at which it arrived."""
    target = Duration.parse(duration).after(clock.now())
    reached = ahead.advance_with_duties(target, advance_clock_to)
    assert reached >= target
    return reached


@pytest.mark.spoils_the_books
def test_clock_does_not_stop_for_moved_clients(alice, alices, bobs):
    sandbox.make()
    people.place(alices, bobs, 1_00, expires_at=clock.now() + MINUTE)
    scheduled(alices, bobs, start_date=clock.today() + timedelta(days=1))
    User.objects.filter(id=alice.id).update(kyc_until=clock.today())
    assert ahead.next_stop()
    Client.objects.update(status="MOVED")
    assert ahead.next_stop() is None


@pytest.mark.slow
def test_year_is_played_in_order_within_seconds(alice, alices, bobs, settings):
    """Twelve monthly payments, a hold that ends in each month, and limits of thirty days."""
    settings.KYC_LIMITS = LEVELS
    sandbox.make()
    people.cash_in(alices, 50_00)
    begun, real = clock.now(), time.monotonic()
    day = begun.date()
    scheduled(alices, bobs, frequency="MONTHLY", start_date=day + timedelta(days=1))
    holds = [
        people.place(alices, bobs, 1_00, expires_at=begun + timedelta(days=30 * number + 3))
        for number in range(12)
    ]
    advance("P1Y")
    assert time.monotonic() - real < 10
    runs = [*ScheduledRun.objects.order_by("number")]
    assert [run.status for run in runs] == ["SUCCESS"] * 12
    for run in runs:
        assert run.movement_id
        made = Event.objects.get(subject_id=run.id)
        assert made.created_at.date() == run.due_date
    ended = [people.seen(hold.id) for hold in holds]
    assert {hold.status for hold in ended} == {Hold.Status.EXPIRED}
    for hold in ended:
        assert hold.expires_at
        assert hold.ended_at
        assert hold.expires_at <= hold.ended_at < hold.expires_at + MINUTE
    times = [*Event.objects.order_by("id").values_list("created_at", flat=True)]
    assert times == sorted(times)
    assert people.balances(alices, bobs) == [30_00, 120_00]


def test_limits_of_thirty_days_are_free_again(alice, alices, settings):
    settings.KYC_LIMITS = LEVELS
    sandbox.make()
    User.objects.filter(id=alice.id).update(kyc_level=0)
    advance("P30D")
    people.cash_in(alices, 50_00)


def test_worker_beside_is_waited_for(alices, bobs):
    """A run that another process has taken is left to it, and the clock waits at its time."""
    sandbox.make()
    schedule = scheduled(
        alices, bobs, frequency="ONCE", start_date=clock.today() + timedelta(days=2)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE wallets_scheduledoperation"
            " SET taken_until = clock_timestamp() + interval '300 milliseconds'"
        )
    assert schedule.next_at
    ahead.advance_with_duties(schedule.next_at, advance_clock_to)
    run = ScheduledRun.objects.get(schedule=schedule)
    assert run.status == "SUCCESS"
    assert Event.objects.get(subject_id=run.id).created_at.date() == run.due_date
    assert found(schedule.id).status == "COMPLETED"
    assert SCHEDULER.actor == Event.objects.get(subject_id=run.id).actor


def test_triggers_are_made_on_the_way(alices, bobs):
    """A sweep that begins after a payment, days later."""
    sandbox.make()
    sweep = {"amount": None, "start_date": None, "frequency": "", "trigger": "BALANCE_ABOVE"}
    scheduled(bobs, alices, **sweep, threshold=people.decimal(5_00))
    scheduled(alices, bobs, frequency="MONTHLY", start_date=clock.today() + timedelta(days=1))
    advance("P2M")
    assert people.balances(alices, bobs) == [95_00, 5_00]
    swept = ScheduledRun.objects.filter(schedule__trigger="BALANCE_ABOVE")
    assert swept.count() == ScheduledRun.objects.count() - swept.count() >= 2


class Endless(Duty):
    """A duty that is always due, and never done."""

    name = "endless"

    def next_due(self) -> Any:
        return clock.now() + timedelta(days=1) if not self.is_late else self.at

    is_late = False
    at: Any = None

    def perform(self) -> int:
        self.is_late, self.at = True, clock.now() - MINUTE
        return 0


def test_clock_stops_before_a_failing_duty(monkeypatch):
    sandbox.make()
    monkeypatch.setitem(DUTIES, "endless", Endless())
    monkeypatch.setattr(ahead, "LONGEST", 0.3)
    target = clock.now() + timedelta(days=30)
    assert ahead.advance_with_duties(target, advance_clock_to) < clock.now() + MINUTE


def test_clock_past_the_target_stays(alices):
    sandbox.make()
    now = clock.now()
    advance_clock_to(now - timedelta(days=1))
    assert clock.now() >= now


def test_outcome_of_posting_has_the_time_of_the_sandbox(alices: Wallet, bobs: Wallet):
    sandbox.make()
    reached = advance("P1D")
    hold = people.place(alices, bobs, 1_00, expires_at=reached + timedelta(hours=1))
    posting.submit(people.an_execution(hold))
    assert people.movements(bobs)[-1].settled_at >= reached


@pytest.mark.parametrize(
    ("text", "begun", "ended"),
    [
        ("P1M", "2026-01-31", "2026-02-28"),
        ("P1Y", "2024-02-29", "2025-02-28"),
        ("P1M1D", "2026-01-31", "2026-03-01"),
        ("P2W", "2026-12-24", "2027-01-07"),
    ],
)
def test_duration_follows_the_calendar(text, begun, ended):
    after = Duration.parse(text).after(datetime.fromisoformat(begun))
    assert after.date().isoformat() == ended
