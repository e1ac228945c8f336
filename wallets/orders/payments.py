"""Orders that settle immediately: cash-ins, transfers, reversals and adjustments.

Each order says what it needs, what it refuses, and what it does to the books. Orders are run with
their wallets locked; amounts are positive decimals of the wallet's currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from iocash import errors
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets.books import Books
from wallets.books.deeds import WatchedAction
from wallets.books.rows import Leg, LockedWallet
from wallets.orders.base import MoneyOrder, Needs, Outcome, PartOrder, Payment

BANK: Final = By("system:bank")
"""The actor of what statements bring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CashIn(MoneyOrder):
    """Add `amount` from the outside to the wallet.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: `amount` is not one of the wallet's currency.
        CurrencyMismatch: the caller expects another currency.
        CashInsFromBank: statements of the bank bring the cash-ins of the client, so this one would
            be a second one. Only what the bank itself says is exempt, whoever approved the order.
        WalletNotReady, UserNotActive: the wallet or its owner may not receive.
        LimitExceeded: the balance would pass its ceiling, or the owner's limits be passed.
    """

    type = "CASH_IN"
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *MoneyOrder.refuses,
        errors.CashInsFromBank,
        errors.WalletNotReady,
        errors.UserNotActive,
        errors.LimitExceeded,
    )

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        sources = () if self.by.actor == BANK.actor else (self.client_id,)
        return Needs(
            wallets=wallets, settles=wallets, limits=wallets, flows=wallets, sources=sources
        )

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        currency = self.wallet(books).currency
        return [WatchedAction(ApprovalKind.CASH_IN, currency, self.minor(books))]

    def apply(self, books: Books) -> Outcome:
        wallet, amount = self.wallet(books), self.minor(books)
        wallet.require_cash_ins_by_order()
        wallet.require_ready()
        wallet.require_room(amount)
        if allowance := books.allowance(wallet):
            allowance.require_cash_in(amount)
            allowance.require_balance(amount)
        return self.movement_outcome(books.credit(wallet, amount, self.cause))


class Transfer(Payment):
    """Move `amount` to another wallet.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: `amount` is not one of the wallet's currency, or the wallets are one.
        TargetWalletNotFound: the client has no wallet `target_id`.
        WalletNotReady, UserNotActive: a wallet or its owner may not pay or receive.
        CurrencyMismatch: the wallets are in different currencies, or the caller expects another.
        InsufficientFunds: less than `amount` is available.
        LimitExceeded: the target's balance would pass its ceiling, or its owner's limit. Between
            wallets of one owner nobody has more than before, so only the ceiling counts.
    """

    type = "TRANSFER"
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *Payment.refuses,
        errors.WalletNotReady,
        errors.UserNotActive,
        errors.InsufficientFunds,
        errors.LimitExceeded,
    )

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        return self.never_alone(ApprovalKind.TRANSFER, books)

    def apply(self, books: Books) -> Outcome:
        wallet, target = self.wallet(books), self.target(books)
        amount = self.minor(books)
        wallet.require_ready()
        target.require_ready()
        target.require_currency(wallet.currency)
        wallet.require_available(amount)
        target.require_room(amount)
        allowance = books.allowance(target)
        if allowance and target.user_id != wallet.user_id:
            allowance.require_balance(amount)
        return self.movement_outcome(books.pay(wallet, target, amount, self.cause)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse(PartOrder):
    """Reverse `amount` of a transfer or a cash-in, or all of it that is not yet reversed.

    Either leg identifies the movement, with its mirror in the counterparty's wallet. KYC limits
    do not apply to the user who gets the money back. Without a `reference` of its own, the reversal
    has that of the movement.

    Raises:
        NotFound: the wallet has no such movement.
        InvalidFields: `amount` is not one of the wallet's currency.
        CurrencyMismatch: the caller expects another currency.
        MovementNotReversible: it is something else.
        ReversalExceeded: less than `amount` is left to reverse, or nothing.
        WalletNotReady, UserNotActive: a wallet or its owner may not pay or receive.
        InsufficientFunds: the payee has less than `amount` available.
        LimitExceeded: the payer's balance would pass its ceiling.
    """

    type = "REVERSAL"
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *PartOrder.refuses,
        errors.MovementNotReversible,
        errors.ReversalExceeded,
        errors.WalletNotReady,
        errors.UserNotActive,
        errors.InsufficientFunds,
        errors.LimitExceeded,
    )

    movement_id: UUID
    counterparty_id: UUID | None = None
    mirror_id: UUID | None = None

    def needed(self) -> Needs:
        wallets = tuple(filter(None, (self.wallet_id, self.counterparty_id)))
        movements = tuple(filter(None, (self.movement_id, self.mirror_id)))
        return Needs(wallets=wallets, settles=wallets, movements=movements)

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        leg = books.movement(self.movement_id, self.wallet(books))
        return [WatchedAction(ApprovalKind.REVERSAL, leg.currency, self.amount_of(books, leg))]

    def amount_of(self, books: Books, leg: Leg) -> int:
        """The amount to reverse: the one that is named, or all that is left."""
        return self.minor_or_none(books) or leg.magnitude - books.reversed_amount(leg)

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        leg = books.movement(self.movement_id, wallet)
        leg.require_reversible()
        before = books.reversed_amount(leg)
        amount = self.amount_of(books, leg)
        leg.require_reversible_amount(amount, before)
        if leg.counterparty_id is None:
            return self.reverse_cash_in(books, wallet, leg, amount)
        return self.reverse_transfer(books, (leg, self.mirror(books, leg)), amount)

    def mirror(self, books: Books, leg: Leg) -> Leg:
        if self.mirror_id is None:
            raise errors.Inconsistent("a payment has two legs")
        mirror = books.movements[self.mirror_id]
        if not leg.mirrors(mirror):
            raise errors.Inconsistent("the mirror is another movement's")
        return mirror

    def reverse_cash_in(self, books: Books, wallet: LockedWallet, leg: Leg, amount: int) -> Outcome:
        wallet.require_ready()
        wallet.require_available(amount)
        cause = self.inheriting(leg.reference)
        return self.movement_outcome(books.debit(wallet, amount, cause, reverses=leg))

    def reverse_transfer(self, books: Books, legs: tuple[Leg, Leg], amount: int) -> Outcome:
        paid, received = sorted(legs, key=lambda leg: leg.amount)
        payer = books.wallet(paid.wallet_id, self.client_id)
        payee = books.wallet(received.wallet_id, self.client_id)
        payee.require_ready()
        payer.require_ready()
        payee.require_available(amount)
        payer.require_room(amount)
        cause = self.inheriting(paid.reference)
        given = books.pay(payee, payer, amount, cause, reverses=(received, paid))
        return self.movement_outcome(next(leg for leg in given if leg.wallet_id == self.wallet_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust(MoneyOrder):
    """Correct a wallet's balance by `amount`, up or (if `is_debit`) down; for staff, with a reason.

    Blocked wallets can be adjusted, and KYC limits do not apply.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: `amount` is not one of the wallet's currency.
        CurrencyMismatch: the caller expects another currency.
        WalletNotReady: the wallet is closed.
        InsufficientFunds: less than `amount` is available to take.
        LimitExceeded: the balance would pass its ceiling.
    """

    type = "ADJUSTMENT"
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *MoneyOrder.refuses,
        errors.WalletNotReady,
        errors.InsufficientFunds,
        errors.LimitExceeded,
    )

    is_debit: bool

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        currency = self.wallet(books).currency
        return [WatchedAction(ApprovalKind.ADJUSTMENT, currency, self.minor(books))]

    def apply(self, books: Books) -> Outcome:
        wallet, amount = self.wallet(books), self.minor(books)
        wallet.require_open()
        if self.is_debit:
            wallet.require_available(amount)
            return self.movement_outcome(books.debit(wallet, amount, self.cause))
        wallet.require_room(amount)
        return self.movement_outcome(books.credit(wallet, amount, self.cause))
