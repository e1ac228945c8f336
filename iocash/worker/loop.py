"""The loop of `manage.py work`: each duty in a thread of its own, until the process must end."""

from __future__ import annotations

import logging
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.utils.module_loading import autodiscover_modules

from iocash import traces
from iocash.db.backend.base import renew
from iocash.worker import Duty, Interrupted

log = logging.getLogger(__name__)

REPORTED_EVERY: Final = 1.0
"""Seconds; the runs of a busy duty are reported together."""
IDLE_REPORTED_EVERY: Final = 10.0
"""Seconds; a duty without work reports that it has looked."""
LAST_BATCH: Final = 30.0
"""Seconds that a process which must end waits for the batches in hand."""


@dataclass(slots=True)
class DutyReport:
    """What a duty did since the last report of this process."""

    name: str
    done: int = 0
    seconds: float = 0.0
    failures: int = 0
    failure: str = ""
    """The class of the last exception; its text may quote personal data."""
    runs: int = 0

    @property
    def is_news(self) -> bool:
        return bool(self.done or self.failures)


Record = Callable[[DutyReport], object]
"""Writes a report where all processes add theirs."""


def load_duties() -> None:
    """Import `duties` of each app, which adds its duties."""
    autodiscover_modules("duties")


class Runner(Thread):
    """Performs a duty again and again, with a database connection of its own."""

    def __init__(self, duty: Duty, record: Record, ended: Event) -> None:
        super().__init__(name=duty.name, daemon=True)
        self.duty, self.record, self.ended = duty, record, ended
        duty.ended = ended
        self.report = DutyReport(duty.name)
        self.reported_at = float("-inf")
        self.failed = 0
        """How many times it has failed since it last did not."""

    def run(self) -> None:
        if self.duty.patience is not None:
            here: Any = connections[DEFAULT_DB_ALIAS]  # of this thread alone
            here.patience = self.duty.patience
        while not self.ended.is_set():
            renew()
            pause = self.step()
            if self.failed:
                connections.close_all()
            self.ended.wait(pause)
        self.hand_in()
        connections.close_all()

    def step(self) -> float:
        """Perform the duty once. Returns the seconds until the next time."""
        begun = time.monotonic()
        try:
            done = self.perform()
        except Interrupted:
            pause = self.duty.every
        except Exception as error:  # noqa: BLE001 (whatever fails, the duty goes on)
            pause = self.note_failure(error)
        else:
            self.failed, pause = 0, 0.0 if done else self.duty.every
            self.report.done += done
        self.report.runs += 1
        self.report.seconds += time.monotonic() - begun
        self.hand_in_if_time(is_idle=pause > 0)
        return pause

    @traces.spanned("duty")
    def perform(self) -> int:
        return self.duty.perform()

    def note_failure(self, error: Exception) -> float:
        """Log the failure, and return the seconds until the next try."""
        pause = min(2.0**self.failed, self.duty.longest_pause) * random.uniform(0.75, 1.25)  # noqa: S311
        self.failed = min(self.failed + 1, 10)
        self.report.failures += 1
        self.report.failure = type(error).__name__
        is_away = isinstance(error, OperationalError | InterfaceError)
        log.log(
            logging.WARNING if is_away else logging.ERROR,
            "duty %s failed: %s. It is tried again in %.1f s.",
            self.duty.name,
            type(error.__cause__ or error).__name__,
            pause,
            exc_info=None if is_away else error,
        )
        return pause

    def hand_in_if_time(self, *, is_idle: bool) -> None:
        """DutyReport at once when idle, else once a second; an idle look once in ten seconds."""
        least = (0.0 if is_idle else REPORTED_EVERY) if self.report.is_news else IDLE_REPORTED_EVERY
        if time.monotonic() - self.reported_at >= least:
            self.hand_in()

    def hand_in(self) -> None:
        """Log what was done, and write the report. One that can't be written is kept."""
        if self.report.done:
            told = self.duty.name, self.report.done, self.report.seconds
            log.info("duty %s: %d done in %.3f s", *told)
        try:
            self.record(self.report)
        except Exception as error:  # noqa: BLE001 (the numbers are not worth a duty)
            log.warning(
                "the report of duty %s was not written: %s", self.duty.name, type(error).__name__
            )
            self.reported_at = time.monotonic() + IDLE_REPORTED_EVERY
        else:
            self.report = DutyReport(self.duty.name)
            self.reported_at = time.monotonic()


def perform_once(duty: Duty, record: Record) -> bool:
    """Perform a duty until nothing is due, or until it fails. Returns whether it did not fail."""
    runner = Runner(duty, record, Event())
    while not runner.step():
        continue
    if runner.report.runs:
        runner.hand_in()
    return not runner.failed


def perform_until_ended(duties: Sequence[Duty], record: Record, ended: Event) -> int:
    """Perform duties until `ended` is set. Returns the exit code of the process.

    It is 1 if a thread ended by itself, or if a batch was not finished within LAST_BATCH seconds.
    """
    runners = [Runner(duty, record, ended) for duty in duties]
    for runner in runners:
        runner.start()
    log.info("worker started: %s", ", ".join(duty.name for duty in duties))
    while not (dead := ended_early(runners, ended)) and not ended.is_set():
        time.sleep(0.1)
    ended.set()
    until = time.monotonic() + LAST_BATCH
    for runner in runners:
        runner.join(max(0.0, until - time.monotonic()))
    late = [runner.name for runner in runners if runner.is_alive()]
    if dead or late:
        log.error("worker failed; ended by themselves: %s; unfinished: %s", dead, late)
        return 1
    log.info("worker ended")
    return 0


def ended_early(runners: Sequence[Runner], ended: Event) -> list[str]:
    """The duties whose threads have ended although they must not."""
    dead = [runner.name for runner in runners if not runner.is_alive()]
    return [] if ended.is_set() else dead


@contextmanager
def signals_setting(ended: Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT set the event. Only the main thread can do this.

    The main thread must not hold the lock of the event then; `perform_until_ended` never does.
    """
    former = {
        each: signal.signal(each, lambda *_: ended.set())
        for each in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
