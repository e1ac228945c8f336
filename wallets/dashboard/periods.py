"""The period that the first page shows: the last days, today included, and as many before them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from django.utils import timezone

PERIODS: Final = (7, 30, 90)
"""The numbers of days to choose from."""
USUAL: Final = 30


@dataclass(frozen=True, slots=True)
class ShownPeriod:
    """Whole days in the time zone of the member of staff; the last one is today."""

    days: int
    today: date

    @classmethod
    def of(cls, days: str, now: datetime) -> ShownPeriod:
        """The period of an address; an unknown number of days is the usual one."""
        chosen = int(days) if days in map(str, PERIODS) else USUAL
        return cls(chosen, timezone.localtime(now).date())

    @property
    def zone(self) -> str:
        """The name of the time zone, as PostgreSQL knows it."""
        return timezone.get_current_timezone_name()

    @property
    def first(self) -> date:
        return self.today - timedelta(days=self.days - 1)

    @property
    def every_day(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range(self.days)]

    @property
    def start(self) -> datetime:
        return midnight(self.first)

    @property
    def start_before(self) -> datetime:
        """The start of the period before, which is as long."""
        return midnight(self.first - timedelta(days=self.days))


def midnight(day: date) -> datetime:
    """The beginning of a day in the current time zone."""
    return timezone.make_aware(datetime.combine(day, time()))
