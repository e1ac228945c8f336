"""Shared querysets and helpers: search and periods."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from users.models.clients import OwnedQuerySet, Row_co
from users.models.versions import Versioned

__all__ = ["DatedQuerySet", "JustCreated", "Signed"]


class DatedQuerySet(OwnedQuerySet[Row_co]):
    """Rows with `created_at`."""

    def within(self, start: datetime | None, end: datetime | None) -> Self:
        """Rows created at `start` or later, and before `end`."""
        found = self.all() if start is None else self.filter(created_at__gte=start)
        return found if end is None else found.filter(created_at__lt=end)


class Signed(Versioned):
    """What a movement and its leg in memory have in common. Outgoing amounts are negative."""

    __slots__ = ()
    VERSION = ("movement", "status", "sent_at")
    amount: Any
    created_at: Any
    updated_at: Any
    settled_at: Any
    ended_at: Any

    @property
    def changed_at(self) -> datetime:
        """When it was last changed: sent, settled, rejected or cancelled."""
        changed: datetime = self.updated_at or self.created_at
        return changed

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
