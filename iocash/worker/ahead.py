"""Advance the clock of a sandbox, and perform what becomes due on the way, each at its time.

The clock stops at each instant at which something is due. A worker that runs beside does the same
duties: what it has taken is waited for. So when the clock has passed an instant, all that was due
until then is done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from iocash.db import clock
from iocash.worker import DUTIES, Duty
from iocash.worker.loop import load_duties

log = logging.getLogger(__name__)

LONGEST: Final = 20.0
"""Seconds after which no further stop is made: callers and proxies wait 30 seconds."""
PAUSE: Final = 0.05
"""Seconds between two looks at what is due and was taken by another process."""


def advance_with_duties(target: datetime, move: Callable[[datetime], None]) -> datetime:
    """Advance the clock to `target`, with all that is due until then; return the time reached.

    `move` advances the clock to an instant. The time reached is before `target` if there was too
    much to do within LONGEST seconds: everything until then is done, and the rest can follow.
    """
    load_duties()
    ends = time.monotonic() + LONGEST
    while time.monotonic() < ends:
        done = perform_due(ends)
        due, now = next_stop(), clock.now()
        if due is not None and due <= min(now, target):
            time.sleep(0 if done else PAUSE)
        elif now >= target:
            break
        else:
            move(target if due is None else min(due, target))
    else:
        log.warning("the clock has stopped early: there was too much to do")
    return clock.now()


def next_stop() -> datetime | None:
    """The first instant at which a duty has something to do."""
    found = (due for duty in dated_duties() if (due := duty.next_due()))
    return min(found, default=None)


def dated_duties() -> list[Duty]:
    """The duties whose work is due by the database's clock."""
    return [each for each in DUTIES.values() if type(each).next_due is not Duty.next_due]


def perform_due(ends: float) -> int:
    """Perform what is due now, and return how much was done; the rest is taken by others."""
    done = 0
    for duty in dated_duties():
        while time.monotonic() < ends and (count := duty.perform()):
            done += count
    return done
