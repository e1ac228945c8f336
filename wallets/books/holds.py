"""The changes of holds and freezes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from users.models.events import CLOCK, By, EventKind
from users.models.ids import new_id
from wallets.books import chain
from wallets.books.hold_rows import LockedHold
from wallets.books.opened import Changes
from wallets.books.rows import Cause, LockedWallet


@dataclass(slots=True)
class Holds(Changes):
    """Locked rows whose money is held, executed, given back and frozen."""

    def place_hold(
        self,
        wallet: LockedWallet,
        target: LockedWallet,
        amount: int,
        cause: Cause,
        expires_at: datetime | None,
    ) -> LockedHold:
        """Hold `amount` for `target` until `expires_at`; None: until the hold is ended."""
        hold = self.reserve(wallet, amount, cause, target_id=target.id, expires_at=expires_at)
        wallet.note_expiry(expires_at)
        self.record_hold(hold, EventKind.HOLD_PLACED, wallet, cause.by)
        return hold

    def freeze_amount(
        self, wallet: LockedWallet, amount: int, cause: Cause, case_id: int
    ) -> LockedHold:
        """Hold `amount` for nobody, in a case of staff, until the freeze is lifted."""
        freeze = self.reserve(wallet, amount, cause, case_id=case_id)
        self.record_freeze(EventKind.WALLET_AMOUNT_FROZEN, wallet, freeze, cause.by)
        return freeze

    def lift_freeze(self, wallet: LockedWallet, freeze: LockedHold, reason: str, by: By) -> None:
        """End an open freeze: all of it is available again."""
        freeze.reason = reason
        self.give_back(wallet, freeze, "RELEASED", self.now)
        self.record_freeze(EventKind.WALLET_AMOUNT_UNFROZEN, wallet, freeze, by)

    def record_freeze(
        self, kind: EventKind, wallet: LockedWallet, freeze: LockedHold, by: By
    ) -> None:
        """Record an event of the wallet: its client can't see the freeze itself."""
        self.record(
            "wallet",
            wallet.id,
            kind,
            wallet,
            by,
            freeze=str(freeze.id),
            case=str(freeze.case_id),
            amount=freeze.amount,
            currency=freeze.currency,
        )

    def reserve(self, wallet: LockedWallet, amount: int, cause: Cause, **whom: Any) -> LockedHold:
        """Set `amount` of the wallet aside, in a new hold; `whom` has what it is for."""
        salt, details_digest = chain.seal(
            cause.concept, None, cause.metadata, reference=cause.reference
        )
        hold = LockedHold(
            id=new_id(),
            client_id=wallet.client_id,
            wallet_id=wallet.id,
            currency=wallet.currency,
            amount=amount,
            remaining=amount,
            status="OPEN",
            created_at=self.now,
            updated_at=self.now,
            concept=cause.concept or None,
            metadata=cause.metadata or None,
            reference=cause.reference or None,
            salt=salt,
            details_digest=details_digest,
            **whom,
        )
        hold.digest = chain.digest_hold(hold)
        wallet.held += amount
        wallet.is_changed = True
        self.holds[hold.id] = hold
        self.placed_holds.append(hold)
        return hold

    def execute_hold(
        self, wallet: LockedWallet, hold: LockedHold, amount: int, by: By, *, keep_open: bool
    ) -> None:
        """Release `amount` of an open hold, to be paid; the rest too, unless it is kept open."""
        wallet.held -= amount
        wallet.is_changed = True
        hold.remaining -= amount
        hold.updated_at = self.now
        if not (keep_open and hold.remaining):
            self.end_hold(wallet, hold, "EXECUTED", by)
            return
        self.changed_holds.append(hold)
        self.record_hold(hold, EventKind.HOLD_PARTLY_EXECUTED, wallet, by)

    def end_hold(self, wallet: LockedWallet, hold: LockedHold, status: str, by: By) -> None:
        """End an open hold, as `status`: its remaining amount is available again."""
        ended_at = hold.expires_at if status == "EXPIRED" else None
        self.give_back(wallet, hold, status, ended_at or self.now)
        self.record_hold(hold, EventKind(f"hold.{status.lower()}"), wallet, by)

    def give_back(
        self, wallet: LockedWallet, hold: LockedHold, status: str, ended_at: datetime
    ) -> None:
        """End an open hold or freeze."""
        wallet.held -= hold.remaining
        wallet.is_changed = True
        hold.remaining = 0
        hold.status = status
        hold.ended_at = hold.updated_at = ended_at
        self.changed_holds.append(hold)

    def renew_hold(
        self, wallet: LockedWallet, hold: LockedHold, expires_at: datetime | None, by: By
    ) -> None:
        """Change when an open hold expires; None: never."""
        hold.expires_at = expires_at
        hold.updated_at = self.now
        wallet.note_expiry(expires_at)
        self.changed_holds.append(hold)
        self.record_hold(hold, EventKind.HOLD_RENEWED, wallet, by)

    def expire_holds(self) -> None:
        """Expire all overdue holds, before any order is run."""
        for hold in self.holds.values():
            wallet = self.wallets.get(hold.wallet_id)
            if wallet and hold.is_overdue(self.now):
                self.end_hold(wallet, hold, "EXPIRED", CLOCK)

    def record_hold(self, hold: LockedHold, kind: EventKind, wallet: LockedWallet, by: By) -> None:
        """Record an event of a hold, with what is left of it and when it expires."""
        about: dict[str, Any] = {"remaining": hold.remaining, "expires_at": hold.expires_at}
        self.record("hold", hold.id, kind, wallet, by, **about)
