"""The numbers of duties, which processes add to, and the claims of periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from iocash.db import clock
from iocash.worker.loop import DutyReport
from tests.support.threads import at_once
from users.models import DutyState

pytestmark = pytest.mark.django_db

NAME = "audit"
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def state() -> DutyState:
    return DutyState.objects.get(name=NAME)


def test_reports_of_all_processes_are_added():
    DutyState.objects.add_report(DutyReport(NAME, done=3, seconds=0.5, runs=1))
    DutyState.objects.add_report(DutyReport(NAME, failures=1, failure="ValueError", runs=1))
    DutyState.objects.add_report(DutyReport(NAME, done=4, seconds=0.25, runs=2))
    kept = state()
    assert (kept.done, kept.failures, kept.seconds) == (7, 1, 0.75)
    assert kept.last_failure == "ValueError"
    assert kept.last_run_at
    assert kept.last_success_at
    assert kept.last_failure_at


def test_failed_run_is_no_success():
    DutyState.objects.add_report(DutyReport(NAME, failures=1, failure="ValueError", runs=1))
    assert state().last_success_at is None
    DutyState.objects.add_report(DutyReport(NAME, runs=1))
    assert state().last_success_at


@pytest.mark.django_db(transaction=True)
def test_concurrent_reports_are_all_added():
    at_once(*[lambda: DutyState.objects.add_report(DutyReport(NAME, done=1, runs=1))] * 8)
    assert state().done == 8


def test_period_is_claimed_once():
    DutyState.objects.plan(NAME, PAST)
    assert DutyState.objects.claim(NAME, uuid4(), MINUTE)
    assert not DutyState.objects.claim(NAME, uuid4(), MINUTE)


@pytest.mark.django_db(transaction=True)
def test_one_of_concurrent_claims_wins():
    DutyState.objects.plan(NAME, PAST)
    won = at_once(*[lambda: DutyState.objects.claim(NAME, uuid4(), MINUTE)] * 8)
    assert sorted(won) == [False] * 7 + [True]


def test_period_that_is_not_due_is_not_claimed():
    DutyState.objects.plan(NAME, FUTURE)
    assert not DutyState.objects.claim(NAME, uuid4(), MINUTE)
    assert not DutyState.objects.claim("unknown", uuid4(), MINUTE)


def test_plan_is_made_once():
    DutyState.objects.add_report(DutyReport(NAME, runs=1))
    DutyState.objects.plan(NAME, FUTURE)
    DutyState.objects.plan(NAME, PAST)
    assert state().next_due_at == FUTURE


def test_lease_that_is_over_is_taken_by_another_process():
    DutyState.objects.plan(NAME, PAST)
    killed, next_one = uuid4(), uuid4()
    assert DutyState.objects.claim(NAME, killed, -MINUTE)
    assert DutyState.objects.claim(NAME, next_one, MINUTE)
    assert not DutyState.objects.renew(NAME, killed, MINUTE)
    assert not DutyState.objects.finish(NAME, killed, FUTURE)
    assert DutyState.objects.renew(NAME, next_one, MINUTE)


def test_finished_period_is_due_again_next_time():
    DutyState.objects.plan(NAME, PAST)
    lease = uuid4()
    DutyState.objects.claim(NAME, lease, MINUTE)
    assert DutyState.objects.finish(NAME, lease, clock.now() + MINUTE)
    assert state().lease is None
    assert not DutyState.objects.claim(NAME, uuid4(), MINUTE)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("duty_lease_has_an_end", "lease = gen_random_uuid()"),
        ("duty_lease_has_an_end", "lease_until = now()"),
        ("duty_numbers_are_not_negative", "done = -1"),
        ("duty_numbers_are_not_negative", "failures = -1"),
        ("duty_numbers_are_not_negative", "seconds = -1"),
    ],
)
def test_database_refuses_impossible_states_of_duties(name, broken):
    DutyState.objects.plan(NAME, PAST)
    with (
        pytest.raises(IntegrityError, match=name),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE users_dutystate SET {broken}")
