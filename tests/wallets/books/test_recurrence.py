"""The dates of scheduled runs: counted from the start, in the zone of the schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wallets.books.recurrence import date_of, instant_of, is_planned

SIX = "06:00"


def dates(start: str, frequency: str, count: int) -> list[str]:
    first = date.fromisoformat(start)
    return [date_of(first, frequency, number).isoformat() for number in range(1, count + 1)]


# --- Dates ---------------------------------------------------------------------------------------

TABLE = [
    # Stripe's rule of the billing cycle anchor: 31 January bills on the last day of shorter months,
    # and on the 31st again afterwards. https://docs.stripe.com/subscriptions/billing-cycle
    ("2023-01-31", "MONTHLY", ["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30"]),
    ("2024-01-31", "MONTHLY", ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),
    ("2026-09-02", "MONTHLY", ["2026-09-02", "2026-10-02", "2026-11-02"]),
    ("2022-06-03", "WEEKLY", ["2022-06-03", "2022-06-10", "2022-06-17", "2022-06-24"]),
    # The same rule for the 29th and 30th, and from a month of 31 days.
    ("2025-01-29", "MONTHLY", ["2025-01-29", "2025-02-28", "2025-03-29"]),
    ("2025-01-30", "MONTHLY", ["2025-01-30", "2025-02-28", "2025-03-30"]),
    ("2024-01-30", "MONTHLY", ["2024-01-30", "2024-02-29", "2024-03-30"]),
    ("2025-08-31", "MONTHLY", ["2025-08-31", "2025-09-30", "2025-10-31", "2025-11-30"]),
    # Years and leap days.
    ("2024-02-29", "YEARLY", ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28"]),
    ("2026-12-31", "YEARLY", ["2026-12-31", "2027-12-31"]),
    ("2026-11-30", "MONTHLY", ["2026-11-30", "2026-12-30", "2027-01-30", "2027-02-28"]),
    ("2027-02-27", "DAILY", ["2027-02-27", "2027-02-28", "2027-03-01"]),
    ("2028-02-28", "DAILY", ["2028-02-28", "2028-02-29", "2028-03-01"]),
    ("2026-12-29", "WEEKLY", ["2026-12-29", "2027-01-05"]),
    ("2026-12-29", "ONCE", ["2026-12-29"]),
]


@pytest.mark.parametrize(("start", "frequency", "expected"), TABLE)
def test_dates_are_counted_from_the_start(start, frequency, expected):
    assert dates(start, frequency, len(expected)) == expected


def test_leap_day_returns_after_four_years():
    assert dates("2024-02-29", "YEARLY", 5)[-1] == "2028-02-29"


def test_century_without_a_leap_day_has_the_28th():
    assert date_of(date(2096, 2, 29), "YEARLY", 5) == date(2100, 2, 28)


@given(
    some.dates(date(1990, 1, 1), date(2090, 1, 1)),
    some.sampled_from(["MONTHLY", "YEARLY"]),
    some.integers(1, 600),
)
def test_run_is_in_its_own_month_on_the_day_of_the_start_or_the_last(start, frequency, number):
    found = date_of(start, frequency, number)
    months = (number - 1) * (12 if frequency == "YEARLY" else 1)
    assert (found.year * 12 + found.month) - (start.year * 12 + start.month) == months
    is_last = (found + timedelta(days=1)).day == 1
    assert found.day == start.day or (found.day < start.day and is_last)


@given(some.dates(date(1990, 1, 1), date(2090, 1, 1)), some.sampled_from(["DAILY", "WEEKLY"]))
def test_days_between_runs_are_constant(start, frequency):
    found = [date_of(start, frequency, number) for number in range(1, 50)]
    step = timedelta(days={"DAILY": 1, "WEEKLY": 7}[frequency])
    assert {after - before for before, after in pairwise(found)} == {step}


# --- Durations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frequency", "number", "count", "end", "expected"),
    [
        ("ONCE", 1, None, None, True),
        ("ONCE", 2, None, None, False),
        ("DAILY", 3, 3, None, True),
        ("DAILY", 4, 3, None, False),
        ("DAILY", 3, None, "2026-01-03", True),
        ("DAILY", 4, None, "2026-01-03", False),
        ("DAILY", 5_000, None, None, True),
    ],
)
def test_last_run_is_that_of_the_duration(frequency, number, count, end, expected):
    day = date_of(date(2026, 1, 1), frequency, number)
    end_date = date.fromisoformat(end) if end else None
    assert is_planned(frequency, number, day, count=count, end_date=end_date) is expected


# --- Instants ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        # Summer time begins and ends.
        ("2026-03-28", "Europe/Madrid", "2026-03-28T05:00"),
        ("2026-03-29", "Europe/Madrid", "2026-03-29T04:00"),
        ("2026-10-24", "Europe/Madrid", "2026-10-24T04:00"),
        ("2026-10-25", "Europe/Madrid", "2026-10-25T05:00"),
        ("2026-03-07", "America/New_York", "2026-03-07T11:00"),
        ("2026-03-08", "America/New_York", "2026-03-08T10:00"),
        ("2026-11-01", "America/New_York", "2026-11-01T11:00"),
        # Half an hour of summer time, and offsets of quarters.
        ("2026-04-05", "Australia/Lord_Howe", "2026-04-04T19:30"),
        ("2026-10-04", "Australia/Lord_Howe", "2026-10-03T19:00"),
        ("2026-01-01", "Asia/Kathmandu", "2026-01-01T00:15"),
        ("2026-01-01", "Pacific/Kiritimati", "2025-12-31T16:00"),
        ("2026-01-01", "UTC", "2026-01-01T06:00"),
        # The days on which these zones have no midnight.
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T08:00"),
        ("2024-04-26", "Africa/Cairo", "2024-04-26T03:00"),
        ("2021-03-28", "Asia/Beirut", "2021-03-28T03:00"),
        ("2023-09-03", "America/Santiago", "2023-09-03T09:00"),
    ],
)
def test_run_is_due_at_a_fixed_local_hour(day, zone, expected):
    found = instant_of(date.fromisoformat(day), SIX, zone)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_day_that_samoa_skipped_is_due_with_the_day_after():
    """2011-12-30 does not exist in Samoa: its run and that of the 31st have the same instant."""
    skipped, after = (instant_of(date(2011, 12, day), SIX, "Pacific/Apia") for day in (30, 31))
    assert skipped == after == datetime(2011, 12, 30, 16, tzinfo=UTC)
    assert instant_of(date(2011, 12, 29), SIX, "Pacific/Apia") < skipped


def days_of_changes(zone: ZoneInfo) -> list[date]:
    """The days of the months in which the zone's offset changes, from 2009 to 2036."""
    months = [date(year, month, 1) for year in range(2009, 2037) for month in range(1, 13)]
    found = []
    for begin, end in pairwise(months):
        offsets = {datetime.combine(day, time(6), zone).utcoffset() for day in (begin, end)}
        if len(offsets) > 1:
            found += [begin + timedelta(days=n) for n in range((end - begin).days)]
    return found


def test_no_zone_of_people_skips_the_hour():
    """Samoa and its neighbour skipped a whole day; a station in Antarctica moves its clocks."""
    skipped = {
        (name, day.isoformat())
        for name in available_timezones()
        for day in days_of_changes(ZoneInfo(name))
        if instant_of(day, SIX, name).astimezone(ZoneInfo(name)).replace(tzinfo=None)
        != datetime.combine(day, time(6))
    }
    assert {(name, day) for name, day in skipped if not name.startswith("Antarctica/")} == {
        ("Pacific/Apia", "2011-12-30"),
        ("Pacific/Fakaofo", "2011-12-30"),
    }
