"""Times: their format in the API, in logs and in reports, and their precision: a millisecond."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final, NamedTuple

import orjson

MILLISECOND: Final = timedelta(milliseconds=1)


def moment(at: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC with milliseconds and `Z`."""
    text = orjson.dumps(at.astimezone(UTC)).decode()  # a third of the time of `isoformat`
    return f"{text[1:24]}Z" if at.microsecond else f"{text[1:20]}.000Z"


def to_millisecond(instant: datetime) -> datetime:
    """Truncate to milliseconds, as in the API."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


DURATION: Final = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,4})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,4})W)?(?:([0-9]{1,4})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,5})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6})S)?)?"
)


class Duration(NamedTuple):
    """A duration of ISO 8601: months of the calendar, and a time."""

    months: int
    time: timedelta

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `P1M`, `P2W`, `P1DT12H` and the like.

        Raises:
            ValueError: it is no such duration.
        """
        found = DURATION.fullmatch(text)
        if found is None:
            raise ValueError(text)
        years, months, weeks, days, hours, minutes, seconds = (
            int(each or 0) for each in found.groups()
        )
        time = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        return cls(12 * years + months, time)

    def after(self, instant: datetime) -> datetime:
        """The instant that is so much later: first the months, then the time.

        A month that has no such day has its last day instead.
        """
        month = instant.year * 12 + instant.month - 1 + self.months
        year, month = month // 12, month % 12 + 1
        day = min(instant.day, monthrange(year, month)[1])
        return instant.replace(year=year, month=month, day=day) + self.time


def duration_text(apart: timedelta) -> str:
    """Write a duration as ISO 8601, in days and seconds: `P31D`, `P1DT30S`. It is rounded up."""
    days, seconds = divmod(ceil(apart.total_seconds()), 24 * 60 * 60)
    return f"P{days}D" if days and not seconds else f"P{f'{days}D' if days else ''}T{seconds}S"
