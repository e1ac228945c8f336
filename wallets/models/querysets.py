"""What the querysets of this package share: the words of people, and spans of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Self

from users.models.clients import OwnedQuerySet, Row_co

__all__ = ["DatedQuerySet", "Signed", "compact", "to_millisecond"]

MILLISECOND = timedelta(milliseconds=1)
LATEST = datetime.max.replace(tzinfo=UTC) - MILLISECOND
"""Nothing is created later: an end that is has no effect."""


class DatedQuerySet(OwnedQuerySet[Row_co]):
    """Rows that were created at some time."""

    def within(self, start: datetime | None, end: datetime | None) -> Self:
        """Those created from `start` to the millisecond of `end`, both included."""
        found = self.all() if start is None else self.filter(created_at__gte=start)
        if end is None or end >= LATEST:
            return found
        return found.filter(created_at__lt=to_millisecond(end) + MILLISECOND)


def to_millisecond(instant: datetime) -> datetime:
    """The instant as the API shows it."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


class Signed:
    """What has an amount that is negative when it leaves the wallet."""

    __slots__ = ()
    amount: Any

    @property
    def direction(self) -> str:
        return "OUT" if self.amount < 0 else "IN"

    @property
    def magnitude(self) -> int:
        """The amount without its sign, which `direction` tells."""
        return abs(int(self.amount))


def compact(iban: str) -> str:
    return "".join(iban.split()).upper()
