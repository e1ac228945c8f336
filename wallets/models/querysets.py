"""Shared querysets and helpers: search and periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Self

from users.models.clients import OwnedQuerySet, Row_co

__all__ = ["DatedQuerySet", "JustCreated", "Signed", "compact", "to_millisecond"]

MILLISECOND = timedelta(milliseconds=1)
LATEST = datetime.max.replace(tzinfo=UTC) - MILLISECOND
"""The latest possible creation; a later end has no effect."""


class DatedQuerySet(OwnedQuerySet[Row_co]):
    """Rows with `created_at`."""

    def within(self, start: datetime | None, end: datetime | None) -> Self:
        """Rows created from `start` to the millisecond of `end`, both included."""
        found = self.all() if start is None else self.filter(created_at__gte=start)
        if end is None or end >= LATEST:
            return found
        return found.filter(created_at__lt=to_millisecond(end) + MILLISECOND)


def to_millisecond(instant: datetime) -> datetime:
    """Truncate to milliseconds, as in the API."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


class Signed:
    """An amount that is negative for outgoing money."""

    __slots__ = ()
    amount: Any
    settled_at: Any
    ended_at: Any

    @property
    def direction(self) -> str:
        return "OUT" if self.amount < 0 else "IN"

    @property
    def magnitude(self) -> int:
        """The absolute amount."""
        return abs(int(self.amount))

    @property
    def over_at(self) -> datetime | None:
        """When it settled, or was rejected or cancelled; None while it is pending."""
        ended: datetime | None = self.settled_at or self.ended_at
        return ended


class JustCreated(Signed):
    """What an answer shows of a movement that the request has just created, beside its columns."""

    __slots__ = ()
    reversed_amount = 0
    counterparty_shown = None
    idempotency_key = None
    """The key is the request's; see `MovementView.moved`."""


def compact(iban: str) -> str:
    return "".join(iban.split()).upper()
