"""The duty that makes runs: once each, whatever happens to the worker, and in the sandbox."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from iocash.db import clock
from tests.support import people, sandbox
from tests.support.cash_outs import end
from tests.support.ibans import IBAN
from tests.support.schedules import a_run_of, change_stored, found, make_due, scheduled
from users.models import Client, Event
from wallets import posting
from wallets.duties.holds import ExpireOverdueHolds
from wallets.duties.schedules import (
    DATED,
    LEASE,
    MOST,
    TRIGGERED,
    RunSchedules,
    RunTriggers,
    take_due,
)
from wallets.models import Movement, ScheduledOperation, ScheduledRun
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent, RejectCashOut, SettleCashOut

pytestmark = pytest.mark.django_db

DUTY, TRIGGERS = RunSchedules(), RunTriggers()
BANK = {"receiver": "EXTERNAL_BANK_ACCOUNT", "target_id": None, "iban": IBAN}
SWEEP = {
    "amount": None,
    "start_date": None,
    "frequency": "",
    "trigger": "BALANCE_ABOVE",
    "threshold": people.decimal(80_00),
}
DAYS = [
    *("01-31", "02-28", "03-31", "04-30", "05-31", "06-30"),
    *("07-31", "08-31", "09-30", "10-31", "11-30", "12-31"),
]


def perform(duty: RunSchedules = DUTY) -> int:
    """Perform the duty until nothing is due; return how much it did."""
    total = 0
    while done := duty.perform():
        total += done
    return total


def runs(schedule: ScheduledOperation) -> list[tuple[int, str, str]]:
    every = ScheduledRun.objects.seen().filter(schedule=schedule).order_by("number")
    return [(run.number, run.standing, run.reason) for run in every]


def test_due_run_is_made_once(alices, bobs):
    schedule = scheduled(alices, bobs)
    make_due(schedule)
    assert (perform(), perform()) == (1, 0)
    assert runs(schedule) == [(1, "SUCCESS", "")]
    assert people.balances(alices, bobs) == [90_00, 10_00]
    run = ScheduledRun.objects.get()
    assert run.movement_id == people.movements(alices)[-1].id
    event = Event.objects.get(subject="run")
    assert (event.kind, event.actor, event.subject_id) == (
        "scheduled_execution.succeeded",
        "system:schedules",
        run.id,
    )


def test_taken_run_is_left_to_its_worker_for_a_while(alices, bobs):
    schedule = scheduled(alices, bobs)
    make_due(schedule)
    assert len(take_due(DUTY.statement)) == 1
    assert perform() == 0
    past = datetime.now(UTC) - timedelta(seconds=1)
    ScheduledOperation.objects.update(taken_until=past)
    assert perform() == 1


def test_late_worker_makes_no_second_run(alices, bobs):
    """Another worker makes the run after the lease; then the first one submits what it had."""
    schedule = scheduled(alices, bobs)
    make_due(schedule)
    late = [a_run_of(row) for row in take_due(DUTY.statement)]
    ScheduledOperation.objects.update(taken_until=None)
    assert perform() == 1
    posting.submit_each([*late, *late])
    assert runs(schedule) == [(1, "SUCCESS", "")]
    assert people.balances(alices) == [90_00]


def test_cancelled_schedule_of_a_late_worker_pays_nothing(alices, bobs):
    schedule = scheduled(alices, bobs)
    make_due(schedule)
    late = [a_run_of(row) for row in take_due(DUTY.statement)]
    change_stored(schedule, new_status="CANCELLED")
    posting.submit_each(late)
    assert (runs(schedule), people.balances(alices)) == ([], [100_00])


@pytest.mark.slow
def test_many_due_runs_are_made_in_batches(alices, bobs):
    schedules = [scheduled(alices, bobs, amount=people.decimal(1)) for _ in range(60)]
    make_due(*schedules)
    assert (DUTY.perform(), DUTY.perform(), DUTY.perform()) == (50, 10, 0)
    assert people.balances(bobs) == [60]


def test_failed_run_has_its_code_and_the_others_are_made(alices, bobs):
    rich, poor = scheduled(alices, bobs), scheduled(bobs, alices)
    make_due(rich, poor)
    ScheduledOperation.objects.filter(id=poor.id).update(amount=50_00)
    assert perform() == 2
    assert [runs(rich), runs(poor)] == [[(1, "SUCCESS", "")], [(1, "FAILED", "insufficient_funds")]]


def test_blocked_owner_skips_the_run(alices, bobs):
    schedule = scheduled(alices, bobs)
    make_due(schedule)
    people.block(alices.user)
    perform()
    assert runs(schedule) == [(1, "SKIPPED", "user_not_active")]


@pytest.mark.parametrize(
    ("ends", "standing", "reason"),
    [
        ([], "PENDING", ""),
        ([MarkCashOutSent, SettleCashOut], "SUCCESS", ""),
        ([CancelCashOut], "FAILED", "cash_out_cancelled"),
    ],
)
def test_run_to_a_bank_account_follows_its_cash_out(alices, bobs, ends, standing, reason):
    schedule = scheduled(alices, bobs, **BANK)
    make_due(schedule)
    perform()
    movement = Movement.objects.get(wallet=alices.id, type="CASH_OUT")
    for verb in ends:
        end(verb, movement)
    assert runs(schedule) == [(1, standing, reason)]


def test_rejected_cash_out_fails_the_run(alices, bobs):
    schedule = scheduled(alices, bobs, **BANK)
    make_due(schedule)
    perform()
    movement = Movement.objects.get(wallet=alices.id, type="CASH_OUT")
    end(RejectCashOut, end(MarkCashOutSent, movement), reason="Closed")
    assert runs(schedule) == [(1, "FAILED", "cash_out_rejected")]
    assert people.balances(alices) == [100_00]


def test_trigger_sweeps_when_the_balance_is_above(alices, bobs):
    schedule = scheduled(alices, bobs, **SWEEP)
    assert perform(TRIGGERS) == 1
    assert (people.balances(alices), runs(schedule)) == ([80_00], [(1, "SUCCESS", "")])
    ScheduledOperation.objects.update(next_at=clock.now())
    assert (perform(TRIGGERS), perform()) == (0, 0)
    people.cash_in(alices, 5_00)
    assert perform(TRIGGERS) == 1
    assert people.balances(alices) == [80_00]


def test_trigger_tops_up_the_watched_wallet(alices, bobs):
    about = {"trigger": "BALANCE_BELOW", "watched_id": bobs.id, "threshold": people.decimal(30_00)}
    scheduled(alices, bobs, **SWEEP | about)
    assert perform(TRIGGERS) == 1
    assert people.balances(bobs) == [30_00]


# --- Time ----------------------------------------------------------------------------------------


def test_year_of_a_monthly_schedule_is_played_in_the_sandbox(alices, bobs):
    with sandbox.made():
        sandbox.set_clock(datetime(2027, 1, 31, 5, tzinfo=UTC))
        about = {"start_date": date(2027, 1, 31), "frequency": "MONTHLY", "count": 12}
        monthly = scheduled(alices, bobs, amount=people.decimal(1_00), **about)
        everything = scheduled(
            alices, bobs, amount=people.decimal(1_00), missed_runs="ALL", **about
        )
        assert perform() == 0
        sandbox.set_clock(datetime(2027, 7, 1, tzinfo=UTC))
        perform()
        assert [each[1] for each in runs(monthly)] == ["SKIPPED"] * 5 + ["SUCCESS"]
        sandbox.set_clock(datetime(2028, 1, 31, 5, tzinfo=UTC))
        perform()
    dates = ScheduledRun.objects.filter(schedule=monthly).order_by("number")
    assert [run.due_date.isoformat()[5:] for run in dates] == DAYS
    assert [each[1] for each in runs(monthly)].count("SUCCESS") == 2
    assert [each[1] for each in runs(everything)] == ["SUCCESS"] * 12
    assert {found(each.id).status for each in (monthly, everything)} == {"COMPLETED"}
    assert people.balances(bobs) == [14_00]


def test_due_schedules_are_found_by_an_index():
    for statement, index in {DATED: "schedule_due", TRIGGERED: "schedule_watching"}.items():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            values = [LEASE, MOST]
            cursor.execute(f"EXPLAIN {statement}", values)
            assert index in "\n".join(line for (line,) in cursor.fetchall())


# --- Suspended clients ---------------------------------------------------------------------------


def suspend(client: Client, status: str = "SUSPENDED") -> None:
    Client.objects.filter(id=client.id).update(status=status)


def test_run_of_a_suspended_client_is_skipped_and_the_next_one_is_made(alices, bobs):
    schedule = scheduled(alices, bobs)
    make_due(schedule)
    suspend(alices.client)
    perform()
    suspend(alices.client, "ACTIVE")
    make_due(schedule, number=2)
    perform()
    assert runs(schedule) == [(1, "SKIPPED", "client_suspended"), (2, "SUCCESS", "")]
    assert people.balances(alices, bobs) == [90_00, 10_00]


def test_client_suspended_after_its_run_was_taken_pays_nothing(alices, bobs):
    schedule = scheduled(alices, bobs)
    make_due(schedule)
    late = [a_run_of(row) for row in take_due(DUTY.statement)]
    suspend(alices.client)
    posting.submit_each(late)
    assert runs(schedule) == [(1, "SKIPPED", "client_suspended")]


def test_trigger_of_a_suspended_client_waits(alices, bobs):
    schedule = scheduled(alices, bobs, **SWEEP)
    make_due(schedule)
    late = [a_run_of(row) for row in take_due(TRIGGERED)]
    ScheduledOperation.objects.update(taken_until=None)
    suspend(alices.client)
    assert perform(TRIGGERS) == 0
    posting.submit_each(late)
    assert runs(schedule) == []
    suspend(alices.client, "ACTIVE")
    assert perform(TRIGGERS) == 1
    assert people.balances(alices, bobs) == [80_00, 20_00]


def test_hold_of_a_suspended_client_expires(alices, bobs):
    hold = people.place(alices, bobs, 10_00, expires_at=clock.now() + timedelta(minutes=1))
    suspend(alices.client)
    people.pass_time(timedelta(minutes=2))
    assert ExpireOverdueHolds().perform() == 1
    hold.refresh_from_db()
    assert hold.status == "EXPIRED"
