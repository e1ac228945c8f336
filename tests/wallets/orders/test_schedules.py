"""The orders that create and change scheduled operations, on paper."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from iocash import errors
from tests.support.books import (
    ALICES,
    BOBS,
    NOW,
    a_wallet,
    about,
    an_account,
    money_of,
    open_books,
    refused,
)
from tests.support.schedules import (
    a_run,
    a_schedule,
    change,
    instant,
    kinds,
    monthly,
    run_at,
    sweep,
    to_a_bank,
)
from users.models.ids import new_id
from wallets.books import Books
from wallets.orders.schedules import ChangeSchedule
from wallets.posting.group import run


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


# --- Creating ------------------------------------------------------------------------------------


def test_created_schedule_is_due_at_the_hour_of_its_first_day(books):
    schedule = a_schedule(books, monthly(start_date=date(2026, 2, 3)))
    assert (schedule.status, schedule.amount, schedule.next_number) == ("ACTIVE", 10_00, 1)
    assert schedule.next_at == instant("2026-02-03T06:00")
    assert kinds(books) == ["scheduled_operation.created"]


def test_schedule_of_today_is_due_at_once_after_the_hour(books):
    assert a_schedule(books).is_due(NOW)


def test_zone_of_the_schedule_decides_the_instant(books):
    order = monthly(start_date=date(2026, 7, 1), time_zone="America/New_York")
    assert a_schedule(books, order).next_at == instant("2026-07-01T10:00")


def test_schedule_without_a_zone_has_that_of_the_settings(books, settings):
    settings.SCHEDULE_ZONE, settings.SCHEDULE_HOUR = "Asia/Tokyo", 9
    schedule = a_schedule(books, monthly(start_date=date(2026, 2, 3), time_zone=None))
    assert (schedule.time_zone, schedule.next_at) == ("Asia/Tokyo", instant("2026-02-03T00:00"))


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"start_date": date(2026, 1, 30)}, "schedule.startDate", "in_the_past"),
        (
            {"start_date": date(2026, 1, 31), "time_zone": "Pacific/Kiritimati"},
            "schedule.startDate",
            "in_the_past",
        ),
        ({"start_date": date(2037, 1, 1)}, "schedule.startDate", "too_late"),
        ({"amount": Decimal("1.001")}, "amount", "max_decimal_places"),
        ({"target_id": ALICES}, "receiver.account", "same_wallet"),
    ],
)
def test_wrong_values_are_named(books, values, field, code):
    refusal = refused(books, monthly(**values))
    assert isinstance(refusal, errors.InvalidFields)
    assert [(error.field, error.code) for error in refusal.errors] == [(field, code)]


def test_threshold_has_the_decimals_of_the_currency(books):
    refusal = refused(books, sweep(threshold=Decimal("1.001")))
    assert isinstance(refusal, errors.InvalidFields)
    assert [error.field for error in refusal.errors] == ["trigger.target"]


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (monthly(target_id=new_id()), errors.TargetWalletNotFound),
        (sweep(watched_id=new_id()), errors.TargetWalletNotFound),
        (to_a_bank(iban="", account_id=new_id()), errors.ExternalAccountNotFound),
        (monthly(expected_currency="USD"), errors.CurrencyMismatch),
    ],
)
def test_receiver_must_be_there(books, order, refusal):
    assert type(refused(books, order)) is refusal


def test_receiver_has_the_same_currency():
    books = open_books(a_wallet(ALICES), a_wallet(BOBS, currency="USD"))
    assert isinstance(refused(books, monthly()), errors.CurrencyMismatch)


@pytest.mark.parametrize("closed", [ALICES, BOBS])
def test_closed_wallets_are_refused(books, closed):
    books.wallets[closed].status = "UNSUBSCRIBED"
    assert refused(books, monthly()).facts["wallet_id"] == closed


def test_removed_account_is_refused(books):
    account = an_account(books, status="REMOVED")
    refusal = refused(books, to_a_bank(iban="", account_id=account.id))
    assert isinstance(refusal, errors.ExternalAccountRemoved)


# --- Changing ------------------------------------------------------------------------------------


def test_change_of_amount_applies_to_the_next_run(books):
    schedule = a_schedule(books)
    run(books, change(schedule, amount=Decimal("7.00"), alias="Rent"))
    (made,) = run_at(books, schedule, "2026-01-31T12:00")
    assert (made.amount, money_of(books)) == (7_00, (93_00, 0))
    assert kinds(books)[:2] == ["scheduled_operation.created", "scheduled_operation.changed"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{"new_status": "PAUSED"}], ["paused"]),
        ([{"new_status": "PAUSED"}, {"new_status": "PAUSED"}], ["paused"]),
        ([{"new_status": "PAUSED"}, {"new_status": "ACTIVE"}], ["paused", "resumed"]),
        ([{"new_status": "PAUSED"}, {"new_status": "CANCELLED"}], ["paused", "cancelled"]),
        ([{"new_status": "ACTIVE"}], []),
        ([{"amount": Decimal("10.0")}], []),
        ([{"alias": "A", "new_status": "CANCELLED"}], ["changed", "cancelled"]),
        ([{"new_status": "CANCELLED"}, {"new_status": "CANCELLED"}], ["cancelled"]),
    ],
)
def test_each_change_has_its_event_once(books, changes, expected):
    schedule = a_schedule(books)
    for each in changes:
        run(books, change(schedule, **each))
    assert kinds(books)[1:] == [f"scheduled_operation.{name}" for name in expected]


@pytest.mark.parametrize("changes", [{"new_status": "ACTIVE"}, {"amount": Decimal("9.00")}])
def test_cancelled_schedule_stays_so(books, changes):
    schedule = a_schedule(books)
    run(books, change(schedule, new_status="CANCELLED"))
    assert (schedule.next_at, schedule.status) == (None, "CANCELLED")
    refusal = refused(books, change(schedule, **changes))
    assert refusal.facts == {"scheduled_operation_id": schedule.id, "status": "CANCELLED"}
    assert run_at(books, schedule, "2027-01-31T12:00") == []


def test_version_of_the_caller_must_be_current(books):
    schedule = a_schedule(books)
    seen = frozenset({schedule.version})
    run(books, change(schedule, amount=Decimal("9.00")))
    about_it = about(ALICES, schedule_id=schedule.id, if_match=seen)
    refusal = refused(books, ChangeSchedule(**about_it, new_status="PAUSED"))
    assert isinstance(refusal, errors.VersionConflict)


def test_changed_amount_has_the_decimals_of_the_currency(books):
    refusal = refused(books, change(a_schedule(books), amount=Decimal("1.001")))
    assert isinstance(refusal, errors.InvalidFields)


def test_unknown_schedule_is_not_found(books):
    order = ChangeSchedule(**about(ALICES, schedule_id=new_id(), new_status="PAUSED"))
    assert isinstance(refused(books, order), errors.NotFound)
    schedule = a_schedule(books)
    books.resources.clear()
    assert isinstance(refused(books, a_run(schedule)), errors.NotFound)
