"""Duties that one process at a time performs, once a period."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import ClassVar, Final
from uuid import UUID, uuid4

from django.db import Error, connections

from iocash.db import clock
from iocash.worker import Duty
from users.models import DutyState

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=1)
"""A process that is killed holds a period for so long."""
RENEWED_EVERY: Final = 15.0
"""Seconds between two renewals of the lease."""


class PeriodicDuty(Duty):
    """A duty with periods. A process claims one by an UPDATE of `users_dutystate`.

    Its lease is renewed while it works. A period that was interrupted, or that failed, is due at
    once, in this process or in another.
    """

    every = 10.0

    def perform(self) -> int:
        """Perform the period that is due, if no other process has it."""
        states, lease = DutyState.objects, uuid4()
        states.plan(self.name, self.first_due_at(clock.now()))
        if not states.claim(self.name, lease, LEASE):
            return 0
        try:
            with renewed(self.name, lease):
                done = self.perform_period()
        except BaseException:
            states.release(self.name, lease)
            raise
        if not states.finish(self.name, lease, self.next_due_at(clock.now(), done)):
            log.warning("duty %s: another process has taken its period", self.name)
        return done

    def perform_period(self) -> int:
        """Do what is due in a period, and return how much was done."""
        raise NotImplementedError

    def next_due_at(self, now: datetime, done: int) -> datetime:
        """When the next period is due, after one in which so much was done."""
        raise NotImplementedError

    def first_due_at(self, now: datetime) -> datetime:
        """When the first period is due, in a new database."""
        return now


class NightlyDuty(PeriodicDuty):
    """A duty that is performed once a day, from a fixed hour in UTC on."""

    hour: ClassVar[int]

    def next_due_at(self, now: datetime, done: int) -> datetime:
        today = now.replace(hour=self.hour, minute=0, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)

    def first_due_at(self, now: datetime) -> datetime:
        return self.next_due_at(now, 0)


@contextmanager
def renewed(name: str, lease: UUID) -> Iterator[None]:
    """Renew a lease until the block ends, in a thread with a connection of its own."""
    ended = Event()

    def renew_until_ended() -> None:
        while not ended.wait(RENEWED_EVERY):
            try:
                DutyState.objects.renew(name, lease, LEASE)
            except Error as error:
                log.warning("duty %s: lease not renewed: %s", name, type(error).__name__)
                connections.close_all()
        connections.close_all()

    thread = Thread(target=renew_until_ended, name=f"{name} lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
