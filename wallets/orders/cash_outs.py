"""Orders about cash-outs: request, send, settle, reject and cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from iocash import errors
from users.models.approvals import ApprovalKind
from users.models.versions import require_version
from wallets.books import Books
from wallets.books.deeds import WatchedAction
from wallets.books.rows import Leg, LockedAccount, LockedWallet
from wallets.orders.base import MoneyOrder, Needs, Outcome, WalletOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class CashOutOrder(WalletOrder):
    """An order that changes a pending cash-out, also of a blocked wallet."""

    made = "movement"
    status = 200
    refuses: ClassVar[errors.Refusals] = (*WalletOrder.refuses, errors.MovementNotPending)

    movement_id: UUID

    def needed(self) -> Needs:
        return Needs(wallets=(self.wallet_id,), movements=(self.movement_id,))

    def action_on_sent(self, books: Books, kind: ApprovalKind) -> Sequence[WatchedAction]:
        """The action on a cash-out that was sent to the bank; its end is what the bank has done."""
        leg = books.movement(self.movement_id, self.wallet(books))
        return [WatchedAction(kind, leg.currency, leg.magnitude)] if leg.sent_at else []

    def pending(self, books: Books) -> tuple[LockedWallet, Leg]:
        """The wallet and its cash-out, which must be pending."""
        wallet = self.wallet(books)
        leg = books.movement(self.movement_id, wallet)
        leg.require_pending()
        return wallet, leg


@dataclass(frozen=True, slots=True, kw_only=True)
class CashOut(MoneyOrder):
    """Reserve `amount`, to be paid to a bank account: an `iban`, or an external account.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: `amount` is not one of the wallet's currency.
        CurrencyMismatch: the caller expects another currency.
        ExternalAccountNotFound: the wallet has no external account `account_id`.
        ExternalAccountRemoved: it was removed.
        WalletNotReady, UserNotActive: the wallet or its owner may not pay.
        InsufficientFunds: less than `amount` is available.
        LimitExceeded: more would go out in 30 days than the owner's level allows.
    """

    type = "CASH_OUT"
    status = 202
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *MoneyOrder.refuses,
        errors.ExternalAccountNotFound,
        errors.ExternalAccountRemoved,
        errors.WalletNotReady,
        errors.UserNotActive,
        errors.InsufficientFunds,
        errors.LimitExceeded,
    )

    iban: str = ""
    holder_name: str | None = None
    """Who holds the account of `iban`; an external account has its own."""
    account_id: UUID | None = None

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        account = ((LockedAccount.table, self.account_id),) if self.account_id else ()
        return Needs(
            wallets=wallets, settles=wallets, limits=wallets, flows=wallets, resources=account
        )

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        return self.never_alone(ApprovalKind.CASH_OUT, books)

    def apply(self, books: Books) -> Outcome:
        wallet, amount = self.wallet(books), self.minor(books)
        iban, holder_name = self.iban, self.holder_name
        if self.account_id is not None:
            account = books.resource(LockedAccount, self.account_id, wallet)
            if account is None:
                raise errors.ExternalAccountNotFound(external_account_id=self.account_id)
            account.require_active()
            iban, holder_name = account.iban, account.holder_name
        wallet.require_ready()
        wallet.require_available(amount)
        if allowance := books.allowance(wallet):
            allowance.require_cash_out(amount)
        leg = books.reserve_cash_out(
            wallet, amount, self.cause, iban, holder_name, account_id=self.account_id
        )
        return self.movement_outcome(leg)


class MarkCashOutSent(CashOutOrder):
    """Mark the cash-out as sent to the bank: its client can't cancel it any more.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutSent: it was sent before.
        CashOutInFile: it is in a file, and is sent with it.
    """

    refuses: ClassVar[errors.Refusals] = (
        *CashOutOrder.refuses,
        errors.CashOutSent,
        errors.CashOutInFile,
    )

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_unsent()
        leg.require_in_no_file()
        return self.movement_outcome(books.mark_cash_out_sent(wallet, leg, self.by))


class SettleCashOut(CashOutOrder):
    """Settle a cash-out that the bank has paid: the reserved amount leaves the wallet.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutNotSent: it never went to the bank.
        CashOutInFile: it is in a file, whose answer decides.
    """

    refuses: ClassVar[errors.Refusals] = (
        *CashOutOrder.refuses,
        errors.CashOutNotSent,
        errors.CashOutInFile,
    )
    is_watched = True

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        return self.action_on_sent(books, ApprovalKind.SETTLE_CASH_OUT)

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        return Needs(wallets=wallets, settles=wallets, movements=(self.movement_id,))

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_sent()
        leg.require_in_no_file()
        return self.movement_outcome(books.settle_cash_out(wallet, leg, self.by))


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectCashOut(CashOutOrder):
    """Reject a cash-out for the bank or staff: the reserved amount is available again.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        VersionConflict: it is not what the caller saw.
        CashOutInFile: it is in a file, whose answer decides.
    """

    refuses: ClassVar[errors.Refusals] = (
        *CashOutOrder.refuses,
        errors.VersionConflict,
        errors.CashOutInFile,
    )
    is_watched = True

    reason: str

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        return self.action_on_sent(books, ApprovalKind.REJECT_CASH_OUT)

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        require_version(leg.version, self.if_match, movement_id=leg.id)
        leg.require_in_no_file()
        leg.reason = self.reason
        return self.movement_outcome(books.release_cash_out(wallet, leg, "ERROR", self.by))


class CancelCashOut(CashOutOrder):
    """Cancel a cash-out that was not sent to the bank.

    A second cancellation changes nothing.

    Raises:
        NotFound: the wallet has no such movement.
        VersionConflict: it is not what the caller saw.
        MovementNotPending: it has ended otherwise.
        CashOutSent: it has gone to the bank.
        CashOutInFile: it is in a file that waits for its approval.
    """

    refuses: ClassVar[errors.Refusals] = (
        *CashOutOrder.refuses,
        errors.VersionConflict,
        errors.CashOutSent,
        errors.CashOutInFile,
    )

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        leg = books.movement(self.movement_id, wallet)
        require_version(leg.version, self.if_match, movement_id=leg.id)
        if leg.status == "CANCELLED":
            return self.movement_outcome(leg)
        leg.require_pending()
        leg.require_unsent()
        leg.require_in_no_file()
        return self.movement_outcome(books.release_cash_out(wallet, leg, "CANCELLED", self.by))
