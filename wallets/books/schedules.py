"""The rows of scheduled operations and of their runs in memory, and their rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from iocash import errors
from wallets.books import recurrence
from wallets.books.rows import LockedResource
from wallets.models.schedules import GOING_ON, VersionedSchedule

RETRY_PAUSE: Final = timedelta(minutes=15)
"""The time between two attempts of a run that lacks funds."""

TRIGGER_PAUSE: Final = timedelta(minutes=1)
"""The time between two runs of a trigger."""

MOST_A_DAY: Final = 50
"""The most runs of a trigger on a local day."""


@dataclass(slots=True)
class LockedSchedule(VersionedSchedule, LockedResource):
    """The row of a scheduled operation, locked with its wallet. Amounts are in minor units."""

    table = "wallets_scheduledoperation"
    changes = (
        "status",
        "alias",
        "concept",
        "amount",
        "counted_on",
        "counted",
        "next_number",
        "next_at",
        "taken_until",
    )

    alias: str
    concept: str
    currency: str
    amount: int | None
    receiver: str
    target_id: UUID | None
    account_id: UUID | None
    iban: str
    start_date: date | None
    frequency: str
    count: int | None
    end_date: date | None
    time_zone: str
    missed_runs: str
    retry_until: str
    trigger: str
    threshold: int | None
    watched_id: UUID | None
    counted_on: date | None = None
    counted: int = 0
    next_number: int = 1
    next_at: datetime | None = None
    taken_until: datetime | None = None

    @property
    def is_going_on(self) -> bool:
        return self.status in GOING_ON

    def is_due(self, now: datetime) -> bool:
        """Whether a run is due: the fence that keeps a run from being made twice."""
        return self.is_going_on and self.next_at is not None and self.next_at <= now

    def local_day(self, now: datetime) -> date:
        """The local day of an instant."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()

    def date_of(self, number: int) -> date:
        """The date of a run of a schedule with dates."""
        if self.start_date is None:
            raise errors.Inconsistent("a trigger has no dates")
        return recurrence.date_of(self.start_date, self.frequency, number)

    def due_at(self, number: int) -> datetime | None:
        """The instant at which a run is due; None if there is no such run."""
        day = self.date_of(number)
        if not recurrence.is_planned(
            self.frequency, number, day, count=self.count, end_date=self.end_date
        ):
            return None
        return recurrence.instant_of(day, f"{settings.SCHEDULE_HOUR:02}:00", self.time_zone)

    def is_missed(self, now: datetime) -> bool:
        """Whether a later run is due already, and this one is not to be executed any more."""
        following = self.due_at(self.next_number + 1)
        return self.missed_runs == "LATEST" and following is not None and following <= now

    def retry_at(self, now: datetime) -> datetime | None:
        """When to try the current run again; None: not any more."""
        if not self.retry_until:
            return None
        day, again = self.date_of(self.next_number), now + RETRY_PAUSE
        until = recurrence.instant_of(day, self.retry_until, self.time_zone)
        return again if again <= until else None

    def end(self, status: str) -> None:
        """End it as `status`: CANCELLED or COMPLETED."""
        self.status = status
        self.next_at = self.taken_until = None

    def advance(self) -> bool:
        """Move on to the next run. Return whether there is one."""
        self.next_number += 1
        self.next_at, self.taken_until = self.due_at(self.next_number), None
        return self.next_at is not None

    # Triggers

    def difference(self, available: int) -> int:
        """What separates the watched wallet from the threshold; not positive: nothing to do."""
        if self.threshold is None:
            raise errors.Inconsistent("a schedule with dates has no threshold")
        apart = available - self.threshold
        return apart if self.trigger == "BALANCE_ABOVE" else -apart

    def count_triggered(self, now: datetime) -> None:
        """Count a run of a trigger, and wait a minute, or after too many until the next day."""
        today = self.local_day(now)
        self.counted = self.counted + 1 if self.counted_on == today else 1
        self.counted_on = today
        self.next_number += 1
        self.next_at, self.taken_until = now + TRIGGER_PAUSE, None
        if self.counted >= MOST_A_DAY:
            tomorrow = today + timedelta(days=1)
            self.next_at = recurrence.instant_of(tomorrow, "00:00", self.time_zone)

    def would_change(self, alias: str | None, concept: str | None, amount: int | None) -> bool:
        """Whether one of these that is not None differs."""
        pairs = (alias, self.alias), (concept, self.concept), (amount, self.amount)
        return any(new is not None and new != old for new, old in pairs)

    def change(
        self, alias: str | None, concept: str | None, amount: int | None, status: str | None
    ) -> None:
        """Set what is not None."""
        self.alias = self.alias if alias is None else alias
        self.concept = self.concept if concept is None else concept
        self.amount = self.amount if amount is None else amount
        if status == "CANCELLED":
            self.end(status)
        elif status is not None:
            self.status = status

    def require_going_on(self) -> None:
        """Raise ScheduledOperationEnded if it was cancelled or has completed."""
        if not self.is_going_on:
            raise errors.ScheduledOperationEnded(scheduled_operation_id=self.id, status=self.status)


@dataclass(slots=True)
class LockedRun(LockedResource):
    """A new run of a scheduled operation, written with the movement that it makes."""

    table = "wallets_scheduledrun"

    schedule_id: UUID
    number: int
    due_date: date
    code: str
    currency: str
    amount: int
    movement_id: UUID | None = None
