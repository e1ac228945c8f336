"""Shared querysets and helpers: search and periods."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from users.models.clients import OwnedQuerySet, Row_co

__all__ = ["DatedQuerySet", "Signed", "compact"]


class DatedQuerySet(OwnedQuerySet[Row_co]):
    """Rows with `created_at`."""

    def within(self, start: datetime | None, end: datetime | None) -> Self:
        """Rows created at `start` or later, and before `end`."""
        found = self.all() if start is None else self.filter(created_at__gte=start)
        return found if end is None else found.filter(created_at__lt=end)


class Signed:
    """An amount that is negative for outgoing money."""

    __slots__ = ()
    amount: Any

    @property
    def direction(self) -> str:
        return "OUT" if self.amount < 0 else "IN"

    @property
    def magnitude(self) -> int:
        """The absolute amount."""
        return abs(int(self.amount))


def compact(iban: str) -> str:
    return "".join(iban.split()).upper()
