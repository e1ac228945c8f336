"""What is written of the locked rows in the end: rows, events and keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from users.models.events import By, EventKind, Fact
from users.models.idempotency import UsedKey
from wallets.books.hold_rows import LockedHold
from wallets.books.opened import Opened
from wallets.books.rows import Leg, LockedResource, LockedUser, LockedWallet


@dataclass(slots=True)
class Changes(Opened):
    """Locked rows, and what is written of them in the end."""

    operation_id: UUID | None = None
    legs: list[Leg] = field(default_factory=list)
    changed_legs: list[Leg] = field(default_factory=list)
    placed_holds: list[LockedHold] = field(default_factory=list)
    changed_holds: list[LockedHold] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    used_keys: list[UsedKey] = field(default_factory=list)
    inserts: list[LockedWallet | LockedResource] = field(default_factory=list)
    updates: dict[UUID, LockedUser | LockedWallet | LockedResource] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int, int]:
        """How much was changed: nothing changes without an event, or a row to write."""
        return len(self.legs), len(self.facts), len(self.inserts) + len(self.updates)

    @property
    def is_idle(self) -> bool:
        """Whether no answer depends on this COMMIT.

        A corrected `next_expiry` can be lost, because the next order corrects it again.
        """
        return not (any(self.size) or self.used_keys)

    # Changing what is not money

    def insert(self, row: LockedWallet | LockedResource) -> None:
        """Add a new wallet or resource of one. A wallet is opened READY and without money."""
        self.inserts.append(row)
        if isinstance(row, LockedResource):
            self.resources[row.id] = row

    def update(self, row: LockedUser | LockedWallet | LockedResource) -> None:
        """Write the columns of a locked row that are not money, as they are in the end.

        By id: a batch replaces the rows of its wallets, and only the last row has all changes.
        """
        self.updates[row.id] = row

    def record(
        self,
        subject: str,
        subject_id: UUID,
        kind: EventKind,
        owner: LockedWallet | LockedUser,
        by: By,
        **data: Any,
    ) -> None:
        """Record an event about an object of `owner`; `data` contains ids and codes only.

        An event of a wallet contains the wallet's money after the change. Amounts are in minor
        units.
        """
        about: dict[str, Any] = data
        wallet_id = None
        if isinstance(owner, LockedWallet):
            wallet_id = owner.id
            about = {"balance": owner.balance, "held": owner.held, "seq": owner.seq, **data}
        self.facts.append(Fact(owner.client_id, subject, subject_id, kind, by, wallet_id, about))
