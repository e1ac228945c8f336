"""The rows of holds and freezes in memory, and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from iocash import errors, money
from wallets.models.holds import Promise, version_of


@dataclass(slots=True, kw_only=True)
class LockedHold(Promise):
    """A hold's row; it is locked with the wallet whose money it holds. Minor units.

    Without a target it is a freeze.
    """

    id: UUID
    client_id: UUID
    wallet_id: UUID
    target_id: UUID | None = None
    case_id: int | None = None
    currency: str
    amount: int
    remaining: int
    status: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    concept: str | None = None
    metadata: Mapping[str, str] | None = None
    salt: bytes | None = None
    details_digest: bytes | None = None
    digest: bytes | None = None
    reference: str | None = None
    reason: str | None = None

    @property
    def version(self) -> str:
        return version_of(self.id, self.status, self.remaining, self.expires_at)

    # What answers read of a hold. In the books, overdue holds have expired. Only one that has just
    # been placed is shown from the books.

    executed = released = 0

    @property
    def standing(self) -> str:
        return self.status

    @property
    def left(self) -> int:
        return self.remaining

    @property
    def changed_at(self) -> datetime:
        return self.updated_at

    @property
    def over_at(self) -> datetime | None:
        return self.ended_at

    def is_overdue(self, now: datetime) -> bool:
        return self.status == "OPEN" and self.expires_at is not None and self.expires_at <= now

    def require_open(self) -> None:
        """Raise HoldNotOpen if it was executed or released, or has expired."""
        if self.status != "OPEN":
            raise errors.HoldNotOpen(hold_id=self.id, status=self.status)

    def require_remaining(self, amount: int) -> None:
        """Refuse when less than `amount` minor units remain (HoldExceeded)."""
        if self.remaining < amount:
            raise errors.HoldExceeded(
                hold_id=self.id,
                remaining=money.to_text(self.remaining, self.currency),
                requested=money.to_text(amount, self.currency),
                currency=self.currency,
            )
