"""The clock of a sandbox: a server for tests, where a year passes in seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from iocash_client.generated.sandbox import ClockBody

if TYPE_CHECKING:  # a circular import at run time
    from iocash_client.client import Client

LONGEST: Final = 45.0
"""Seconds that a request may last that advances the clock: the server works for up to 20."""


class Sandbox:
    """The clock. It belongs to the whole server, so time passes for all of its clients.

    Elsewhere than in a sandbox every method raises `errors.NotFound`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def now(self) -> datetime:
        """Read the time of the clock."""
        return self._client.get_sandbox_clock().now

    def advance(
        self,
        by: timedelta | None = None,
        *,
        years: int = 0,
        months: int = 0,
        weeks: int = 0,
        days: int = 0,
        hours: int = 0,
        minutes: int = 0,
        seconds: int = 0,
    ) -> datetime:
        """Advance the clock, by at most a year; return its new time.

        Everything that was due until then is done: holds have expired, and scheduled operations
        were executed. Months are months of the calendar. Two calls at the same time don't add up.

        Raises:
            ValueError: there is no duration, a part of it is negative, or it has a fraction of a
                second.
            NoAnswer: the answer was lost, and `is_outcome_unknown` is true: read the clock before
                you advance it again.
        """
        parts = {"Y": years, "M": months, "W": weeks, "D": days}
        times = {"H": hours, "M": minutes, "S": seconds}
        if by is not None:
            if by.microseconds:
                raise ValueError("the clock is advanced by whole seconds")
            parts["D"] += by.days
            times["S"] += by.seconds
        duration = duration_of(parts, times)
        retries = self._client._engine.retries
        patient = self._client.with_retries(
            timeout=max(retries.timeout, LONGEST), deadline=max(retries.deadline, LONGEST)
        )
        while True:
            clock = patient.advance_sandbox_clock(ClockBody(advance=duration))
            if clock.remaining is None:
                return clock.now
            duration = clock.remaining


def duration_of(parts: dict[str, int], times: dict[str, int]) -> str:
    """Write a duration of ISO 8601.

    Raises:
        ValueError: nothing is left, or a part is negative.
    """
    values = [*parts.values(), *times.values()]
    if not any(values) or min(values) < 0:
        raise ValueError("advance the clock by more than nothing")
    date, time = (
        "".join(f"{value}{name}" for name, value in each.items() if value)
        for each in (parts, times)
    )
    return f"P{date}T{time}" if time else f"P{date}"
