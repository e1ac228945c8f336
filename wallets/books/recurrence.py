"""When a scheduled operation is due: the date of each run, and the time of day.

A date is a pure function of the start, the frequency and the number of the run. It never depends on
the run before: a date that a short month has moved to its last day does not move those after it.
This is the rule of Stripe's billing cycle anchor
(https://docs.stripe.com/subscriptions/billing-cycle).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from iocash.times import add_months

DAYS: Final = {"ONCE": 0, "DAILY": 1, "WEEKLY": 7}
MONTHS: Final = {"MONTHLY": 1, "YEARLY": 12}


def date_of(start: date, frequency: str, number: int) -> date:
    """The date of run `number`, counted from 1: as many days or months after the start.

    A month that has no such day has its last day instead.
    """
    if frequency in DAYS:
        return start + timedelta(days=DAYS[frequency] * (number - 1))
    return add_months(start, MONTHS[frequency] * (number - 1))


def is_planned(
    frequency: str, number: int, day: date, *, count: int | None, end_date: date | None
) -> bool:
    """Whether there is a run with this number, on this day.

    `count` is the number of all runs, and `end_date` the last possible day; None: no limit.
    """
    if frequency == "ONCE" and number > 1:
        return False
    return (count is None or number <= count) and (end_date is None or day <= end_date)


def instant_of(day: date, at: str, zone: str) -> datetime:
    """The instant of a local date and time (`06:00`), in UTC.

    A time that a zone skips is taken by the offset before the change.
    """
    local = datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)
