"""Orders about freezes: what staff freeze at the request of an authority, and lift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from iocash import errors
from wallets.books import Books
from wallets.books.deeds import require_two_to_lift
from wallets.orders.base import MoneyOrder, Needs, Outcome, WalletOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeAmount(MoneyOrder):
    """Freeze `amount` in a case of staff: it can't be spent until the freeze is lifted.

    Also in a blocked wallet, and if its owner is blocked. `concept` is the reason.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: `amount` is not one of the wallet's currency.
        CurrencyMismatch: the caller expects another currency.
        WalletNotReady: the wallet is closed.
        InsufficientFunds: less than `amount` is available.
    """

    made = "hold"
    refuses: ClassVar[errors.Refusals] = (
        *MoneyOrder.refuses,
        errors.WalletNotReady,
        errors.InsufficientFunds,
    )

    case_id: int

    def needed(self) -> Needs:
        """No limits and no times of movements: no money moves."""
        return Needs(wallets=(self.wallet_id,))

    def apply(self, books: Books) -> Outcome:
        wallet, amount = self.wallet(books), self.minor(books)
        wallet.require_open()
        wallet.require_available(amount)
        freeze = books.freeze_amount(wallet, amount, self.cause, self.case_id)
        return Outcome(self.made, freeze.id, self.status, hold=freeze)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftFreeze(WalletOrder):
    """Lift a freeze, always as a whole: its amount is available again.

    Raises:
        NotFound: the wallet has no such freeze.
        HoldNotOpen: it was lifted before.
        ApprovalRequired: one member of staff lifts it.
    """

    made = "hold"
    status = 200
    refuses: ClassVar[errors.Refusals] = (
        *WalletOrder.refuses,
        errors.HoldNotOpen,
        errors.ApprovalRequired,
    )

    freeze_id: UUID
    reason: str

    def needed(self) -> Needs:
        return Needs(wallets=(self.wallet_id,), holds=(self.freeze_id,))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        freeze = books.freeze(self.freeze_id, wallet)
        freeze.require_open()
        require_two_to_lift(self.by)
        books.lift_freeze(wallet, freeze, self.reason, self.by)
        return self.outcome(freeze.id)
