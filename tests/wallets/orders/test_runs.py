"""The runs of scheduled operations on paper: made once, in time, with their outcome."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.support.books import (
    ALICES,
    ANOTHERS,
    BOBS,
    an_account,
    cash_in,
    money_of,
    open_books,
)
from tests.support.schedules import (
    IBAN,
    a_run,
    a_schedule,
    change,
    instant,
    kinds,
    monthly,
    run_at,
    runs_of,
    sweep,
    to_a_bank,
)
from wallets.books import Books
from wallets.posting.group import run


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


# --- Runs ----------------------------------------------------------------------------------------


def test_due_run_pays_once(books):
    schedule = a_schedule(books)
    for _ in range(3):
        runs = run_at(books, schedule, "2026-01-31T12:00")
    (made,) = runs
    assert (made.number, made.status, made.code, made.amount) == (1, "SUCCESS", "", 10_00)
    assert made.movement_id in {leg.id for leg in books.legs if leg.wallet_id == ALICES}
    assert (money_of(books), money_of(books, BOBS)) == ((90_00, 0), (10_00, 0))
    assert (schedule.next_number, schedule.next_at) == (2, instant("2026-02-28T06:00"))
    assert kinds(books)[-1] == "scheduled_execution.succeeded"
    data = {"schedule": str(schedule.id), "number": "1", "movement": str(made.movement_id)}
    assert books.facts[-1].data == {"balance": 90_00, "held": 0, "seq": 1, **data}


def test_run_before_its_time_changes_nothing(books):
    schedule = a_schedule(books, monthly(start_date=date(2026, 2, 1)))
    size = books.size
    assert run_at(books, schedule, "2026-02-01T05:59:59") == []
    assert books.size == size
    assert len(run_at(books, schedule, "2026-02-01T06:00")) == 1


def test_counted_runs_complete_the_schedule(books):
    schedule = a_schedule(books, monthly(count=2))
    run_at(books, schedule, "2026-01-31T12:00")
    runs = run_at(books, schedule, "2026-02-28T06:00")
    assert [each.due_date.isoformat() for each in runs] == ["2026-01-31", "2026-02-28"]
    assert (schedule.status, schedule.next_at) == ("COMPLETED", None)
    assert kinds(books)[-1] == "scheduled_operation.completed"


def test_end_date_is_inclusive(books):
    schedule = a_schedule(books, monthly(end_date=date(2026, 2, 28)))
    run_at(books, schedule, "2026-01-31T12:00")
    assert schedule.status == "ACTIVE"
    assert len(run_at(books, schedule, "2026-02-28T06:00")) == 2
    assert schedule.status == "COMPLETED"


def test_once_is_one_run(books):
    schedule = a_schedule(books, monthly(frequency="ONCE"))
    run_at(books, schedule, "2026-01-31T12:00")
    assert schedule.status == "COMPLETED"


def test_run_without_funds_fails_and_the_next_is_made(books):
    schedule = a_schedule(books, monthly(amount=Decimal("150.00")))
    (failed,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (failed.status, failed.code, failed.movement_id) == (
        "FAILED",
        "insufficient_funds",
        None,
    )
    assert (kinds(books)[-1], books.facts[-1].data["code"]) == (
        "scheduled_execution.failed",
        "insufficient_funds",
    )
    assert money_of(books) == (100_00, 0)
    run(books, cash_in(amount="100.00"))
    runs = run_at(books, schedule, "2026-02-28T06:00")
    assert [each.status for each in runs] == ["FAILED", "SUCCESS"]


def test_run_without_funds_is_retried_until_the_time(books):
    schedule = a_schedule(books, monthly(amount=Decimal("150.00"), retry_until="13:00"))
    assert run_at(books, schedule, "2026-01-31T12:00") == []
    assert (schedule.next_number, schedule.next_at) == (1, instant("2026-01-31T12:15"))
    assert run_at(books, schedule, "2026-01-31T12:14") == []
    run(books, cash_in(amount="100.00"))
    (made,) = run_at(books, schedule, "2026-01-31T12:15")
    assert (made.number, made.status) == (1, "SUCCESS")
    assert schedule.next_at == instant("2026-02-28T06:00")


def test_last_retry_fails(books):
    schedule = a_schedule(books, monthly(amount=Decimal("150.00"), retry_until="12:15"))
    assert run_at(books, schedule, "2026-01-31T12:00") == []
    (made,) = run_at(books, schedule, "2026-01-31T12:15")
    assert (made.status, made.code) == ("FAILED", "insufficient_funds")


def test_only_lacking_funds_are_retried(books):
    schedule = a_schedule(books, monthly(retry_until="23:00"))
    books.wallets[BOBS].status = "BLOCKED"
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (made.status, made.code) == ("FAILED", "wallet_not_ready")


@pytest.mark.parametrize(
    ("change_row", "code"),
    [({"status": "BLOCKED"}, "wallet_not_ready"), ({"owner": "BLOCKED"}, "user_not_active")],
)
def test_run_of_a_blocked_wallet_or_user_is_skipped(books, change_row, code):
    schedule = a_schedule(books)
    for name, value in change_row.items():
        setattr(books.wallets[ALICES], name, value)
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (made.status, made.code, schedule.status) == ("SKIPPED", code, "ACTIVE")
    assert kinds(books)[-1] == "scheduled_execution.skipped"


def test_run_of_a_paused_schedule_is_skipped_and_counts(books):
    schedule = a_schedule(books, monthly(count=2))
    run(books, change(schedule, new_status="PAUSED"))
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (made.status, made.code) == ("SKIPPED", "scheduled_operation_paused")
    run(books, change(schedule, new_status="ACTIVE"))
    runs = run_at(books, schedule, "2026-02-28T06:00")
    assert [each.status for each in runs] == ["SKIPPED", "SUCCESS"]
    assert schedule.status == "COMPLETED"


def test_schedule_ends_with_its_wallet(books):
    schedule = a_schedule(books)
    books.wallets[ALICES].status = "UNSUBSCRIBED"
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (made.status, made.code) == ("SKIPPED", "wallet_not_ready")
    assert (schedule.status, schedule.next_at) == ("CANCELLED", None)
    assert kinds(books)[-1] == "scheduled_operation.cancelled"


def test_of_missed_runs_the_latest_is_made(books):
    schedule = a_schedule(books)
    for _ in range(5):
        runs = run_at(books, schedule, "2026-05-15T12:00")
    assert [(each.status, each.code) for each in runs] == [
        *[("SKIPPED", "run_missed")] * 3,
        ("SUCCESS", ""),
    ]
    assert [each.due_date.isoformat() for each in runs] == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
    ]
    assert (money_of(books), schedule.next_at) == ((90_00, 0), instant("2026-05-31T06:00"))


def test_all_missed_runs_are_made_if_asked(books):
    schedule = a_schedule(books, monthly(missed_runs="ALL"))
    for _ in range(5):
        runs = run_at(books, schedule, "2026-05-15T12:00")
    assert [each.status for each in runs] == ["SUCCESS"] * 4
    assert money_of(books) == (60_00, 0)


def test_last_of_a_missed_schedule_is_made(books):
    schedule = a_schedule(books, monthly(count=2))
    for _ in range(3):
        runs = run_at(books, schedule, "2027-05-15T12:00")
    assert [each.status for each in runs] == ["SKIPPED", "SUCCESS"]
    assert schedule.status == "COMPLETED"


def test_day_that_a_zone_skips_is_missed(books):
    """In Samoa the 30th was due with the 31st, so only the latter is made."""
    books.now = instant("2011-12-20T00:00")
    order = monthly(start_date=date(2011, 12, 30), frequency="DAILY", time_zone="Pacific/Apia")
    schedule = a_schedule(books, order)
    run_at(books, schedule, "2011-12-30T16:00")
    runs = run_at(books, schedule, "2011-12-30T16:00")
    assert [(each.due_date.day, each.status) for each in runs] == [(30, "SKIPPED"), (31, "SUCCESS")]


def test_run_to_a_bank_account_is_pending(books):
    schedule = a_schedule(books, to_a_bank(concept="Rent"))
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    (leg,) = books.legs
    assert (made.status, made.movement_id) == ("PENDING", leg.id)
    assert (leg.type, leg.iban, leg.concept, money_of(books)) == (
        "CASH_OUT",
        IBAN,
        "Rent",
        (100_00, 10_00),
    )
    assert kinds(books)[-1] == "scheduled_execution.pending"


def test_run_to_an_account_that_was_removed_fails(books):
    account = an_account(books)
    schedule = a_schedule(books, to_a_bank(iban="", account_id=account.id))
    account.status = "REMOVED"
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (made.status, made.code) == ("FAILED", "external_account_removed")


def test_order_locks_all_wallets_and_reads_the_account(books):
    schedule = a_schedule(books, sweep(watched_id=BOBS))
    schedule.watched_id = ANOTHERS
    needs = a_run(schedule).needs
    assert {*needs.wallets} == {ALICES, BOBS, ANOTHERS}
    assert (needs.limits, {*needs.settles}) == ((BOBS,), {ALICES, BOBS})


# --- Triggers ------------------------------------------------------------------------------------


def test_sweep_pays_what_is_above(books):
    schedule = a_schedule(books, sweep())
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (made.amount, made.status, made.due_date) == (20_00, "SUCCESS", date(2026, 1, 31))
    assert money_of(books) == (80_00, 0)


def test_sweep_at_the_threshold_does_nothing(books):
    schedule = a_schedule(books, sweep(threshold=Decimal("100.00")))
    size = books.size
    assert run_at(books, schedule, "2026-01-31T12:00") == []
    assert books.size == size


def test_top_up_pays_what_the_watched_wallet_lacks(books):
    order = sweep(trigger="BALANCE_BELOW", threshold=Decimal("30.00"), watched_id=BOBS)
    schedule = a_schedule(books, order)
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (made.amount, money_of(books, BOBS)) == (30_00, (30_00, 0))
    assert run_at(books, schedule, "2026-01-31T12:01") == [made]


def test_top_up_with_an_amount_pays_that_once_a_minute(books):
    order = sweep(
        trigger="BALANCE_BELOW",
        threshold=Decimal("30.00"),
        watched_id=BOBS,
        amount=Decimal("10.00"),
    )
    schedule = a_schedule(books, order)
    for instant_of_run in ("12:00:00", "12:00:59", "12:01:00", "12:02:00", "12:03:00"):
        runs = run_at(books, schedule, f"2026-01-31T{instant_of_run}")
    assert [each.number for each in runs] == [1, 2, 3]
    assert money_of(books, BOBS) == (30_00, 0)


def test_trigger_runs_fifty_times_a_day(books):
    order = sweep(threshold=Decimal(0), amount=Decimal("0.01"))
    schedule = a_schedule(books, order)
    for minute in range(60):
        run_at(books, schedule, f"2026-01-31T12:{minute:02}")
    assert len(runs_of(books)) == 50
    assert schedule.next_at == instant("2026-02-01T00:00")
    assert len(run_at(books, schedule, "2026-02-01T00:00")) == 51


@pytest.mark.parametrize("row", [{"status": "BLOCKED"}, {"owner": "BLOCKED"}])
def test_trigger_of_a_blocked_wallet_waits(books, row):
    schedule = a_schedule(books, sweep())
    for name, value in row.items():
        setattr(books.wallets[ALICES], name, value)
    assert run_at(books, schedule, "2026-01-31T12:00") == []


def test_paused_trigger_waits(books):
    schedule = a_schedule(books, sweep())
    run(books, change(schedule, new_status="PAUSED"))
    assert run_at(books, schedule, "2026-01-31T12:00") == []


def test_trigger_ends_with_its_wallet(books):
    schedule = a_schedule(books, sweep())
    books.wallets[ALICES].status = "UNSUBSCRIBED"
    assert run_at(books, schedule, "2026-01-31T12:00") == []
    assert schedule.status == "CANCELLED"
