"""The numbers of each duty of the worker, which all processes add to, and claims of periods."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, models
from django.db.models import Q

from iocash.worker.loop import DutyReport

RECORD: Final = """
    INSERT INTO users_dutystate AS kept (
        name, last_run_at, last_success_at, last_failure_at, last_failure, done, failures, seconds
    )
    SELECT new.name, now, CASE WHEN new.runs > new.failures THEN now END,
           CASE WHEN new.failures > 0 THEN now END, new.failure, new.done, new.failures, new.seconds
    FROM (VALUES (%s, %s, %s, %s, %s, %s::double precision, clock_timestamp()))
         AS new (name, runs, failures, failure, done, seconds, now)
    ON CONFLICT (name) DO UPDATE SET
        last_run_at = excluded.last_run_at,
        last_success_at = coalesce(excluded.last_success_at, kept.last_success_at),
        last_failure_at = coalesce(excluded.last_failure_at, kept.last_failure_at),
        last_failure = coalesce(nullif(excluded.last_failure, ''), kept.last_failure),
        done = kept.done + excluded.done,
        failures = kept.failures + excluded.failures,
        seconds = kept.seconds + excluded.seconds
"""
PLAN: Final = """
    INSERT INTO users_dutystate AS kept (name, next_due_at) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET next_due_at = excluded.next_due_at
    WHERE kept.next_due_at IS NULL
"""
CLAIM: Final = """
    UPDATE users_dutystate SET lease = %s, lease_until = clock_timestamp() + %s
    WHERE name = %s AND next_due_at <= iocash_now()
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
"""
"""One statement, so one process alone gets the period."""
RENEW: Final = """
    UPDATE users_dutystate SET lease_until = clock_timestamp() + %s WHERE name = %s AND lease = %s
"""
RELEASE: Final = """
    UPDATE users_dutystate SET lease = NULL, lease_until = NULL WHERE name = %s AND lease = %s
"""
FINISH: Final = """
    UPDATE users_dutystate SET lease = NULL, lease_until = NULL, next_due_at = %s
    WHERE name = %s AND lease = %s
"""

ARCHIVE: Final = "archive-events"
"""The row of `manage.py archive_events`. It is no duty of the worker: cron runs it, for example."""
LATE: Final = timedelta(minutes=5)
"""Every duty runs at least once a minute; after this real time without a run it is late."""
PERIOD_IS_LATE: Final = timedelta(hours=1)
"""After this time a period that is due, and that no process has, is late."""
GONE: Final = timedelta(days=1)
"""A duty that has not run for so long while others have is one of a former version."""


class DutyStateQuerySet(models.QuerySet["DutyState"]):
    def present(self) -> list[DutyState]:
        """The duties that are performed, by name, without those of former versions."""
        duties = self.exclude(name=ARCHIVE)
        newest = duties.aggregate(newest=models.Max("last_run_at"))["newest"]
        return [*duties.filter(last_run_at__gt=newest - GONE).order_by("name")] if newest else []

    def add_report(self, report: DutyReport) -> None:
        """Add what a process did since its last report."""
        numbers = report.runs, report.failures, report.failure, report.done, report.seconds
        change_state(RECORD, report.name, *numbers)

    def plan(self, name: str, next_due_at: datetime) -> None:
        """Set when a duty is due for the first time, unless it is set."""
        change_state(PLAN, name, next_due_at)

    def claim(self, name: str, lease: UUID, time: timedelta) -> bool:
        """Take the period that is due, for this time. Returns whether it was due and free.

        A process that is killed loses it when the time is over: then another takes it.
        """
        return change_state(CLAIM, lease, time, name) == 1

    def renew(self, name: str, lease: UUID, time: timedelta) -> bool:
        """Take it for longer. Returns False if another process has it."""
        return change_state(RENEW, time, name, lease) == 1

    def release(self, name: str, lease: UUID) -> bool:
        """Give it back, undone: it is due."""
        return change_state(RELEASE, name, lease) == 1

    def finish(self, name: str, lease: UUID, next_due_at: datetime) -> bool:
        """End the period. Returns False if another process has it; then nothing is changed."""
        return change_state(FINISH, next_due_at, name, lease) == 1


class DutyState(models.Model):
    """What all processes together have done of one duty.

    `last_…_at` and `lease_until` have the real time, because they are about our own processes.
    `next_due_at` has that of the database's clock. The worker writes its numbers once a second, so
    a process that is killed loses those of a second.
    """

    name = models.CharField(max_length=60, primary_key=True)
    last_run_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.CharField(max_length=100, db_default="", help_text="Class of the error.")
    done = models.BigIntegerField(db_default=0, help_text="Things done, in total.")
    failures = models.BigIntegerField(db_default=0, help_text="Failed runs, in total.")
    seconds = models.FloatField(db_default=0.0, help_text="Time spent, in total.")
    next_due_at = models.DateTimeField(null=True, help_text="Of a duty with periods.")
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    objects = DutyStateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="duty_lease_has_an_end",
                condition=Q(lease=None, lease_until=None)
                | Q(lease__isnull=False, lease_until__isnull=False),
            ),
            models.CheckConstraint(
                name="duty_numbers_are_not_negative",
                condition=Q(done__gte=0, failures__gte=0, seconds__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_late(self, now: datetime, clock: datetime) -> bool:
        """Whether it should have been performed: `now` is the real time, `clock` the database's."""
        if self.lease_until is not None and self.lease_until > now:
            return False
        is_due = self.next_due_at is not None and self.next_due_at < clock - PERIOD_IS_LATE
        return is_due or self.last_run_at is None or self.last_run_at < now - LATE

    @property
    def has_failed(self) -> bool:
        """Whether it failed the last time."""
        failed, succeeded = self.last_failure_at, self.last_success_at
        return failed is not None and (succeeded is None or failed > succeeded)


def change_state(statement: str, *values: Any) -> int:
    """Execute one statement, and return its number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
