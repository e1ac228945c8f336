"""The verbs that move money, and the only code that does.

Each order says what it needs, what it refuses, and what it does to the books. Orders are run with
their wallets locked; amounts are positive decimals of the wallet's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from iocash import errors
from wallets.books import Books, MoneyOrder, Order, Outcome
from wallets.rows import Leg, LockedWallet


def made(leg: Leg, status: int = 201) -> Outcome:
    return Outcome("movement", leg.id, status, thing=leg)


@dataclass(frozen=True, slots=True, kw_only=True)
class CashIn(MoneyOrder):
    """Bring `amount` from the outside into the wallet `target`.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: the amount has more decimals than the currency.
        WalletNotReady, UserNotActive: the wallet or its owner may not receive.
        LimitExceeded: the balance would pass its ceiling.
    """

    type = "CASH_IN"

    target: UUID

    def wallets(self) -> tuple[UUID, ...]:
        return (self.target,)

    def check_shape(self, books: Books) -> None:
        books.wallet(self.target, self.client_id).minor(self.amount)

    def apply(self, books: Books) -> Outcome:
        target = books.wallet(self.target, self.client_id)
        amount = target.minor(self.amount)
        target.require_ready()
        target.require_room(amount)
        return made(books.cross(target, amount, self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(MoneyOrder):
    """Move `amount` from the wallet `source` to the wallet `target` of the same client.

    Raises:
        NotFound: the client has no wallet `source`.
        TargetWalletNotFound: the client has no wallet `target`.
        InvalidFields: the amount has more decimals than the currency, or the wallets are one.
        WalletNotReady, UserNotActive: a wallet or its owner may not pay or receive.
        CurrencyMismatch: the wallets are in different currencies.
        InsufficientFunds: less than `amount` is available in `source`.
        LimitExceeded: the balance of `target` would pass its ceiling.
    """

    type = "TRANSFER"

    source: UUID
    target: UUID

    def wallets(self) -> tuple[UUID, ...]:
        return (self.source, self.target)

    def check_shape(self, books: Books) -> None:
        books.wallet(self.source, self.client_id).minor(self.amount)
        if self.source == self.target:
            raise errors.InvalidFields(
                errors.FieldError("targetWalletId", "same_wallet", "Name another wallet.")
            )

    def apply(self, books: Books) -> Outcome:
        source = books.wallet(self.source, self.client_id)
        target = books.find(self.target, self.client_id)
        if target is None:
            raise errors.TargetWalletNotFound(target_wallet_id=self.target)
        amount = source.minor(self.amount)
        source.require_ready()
        target.require_ready()
        if source.currency != target.currency:
            raise errors.CurrencyMismatch(currency=source.currency, target_currency=target.currency)
        source.require_available(amount)
        target.require_room(amount)
        return made(books.pay(source, target, amount, self))


# --- Cash-outs: asked for by a client, ended by the bank's answer -------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CashOut(MoneyOrder):
    """Set `amount` of the wallet `source` aside, to be paid to the bank account `iban`.

    Raises:
        NotFound: the client has no wallet `source`.
        InvalidFields: the amount has more decimals than the currency.
        WalletNotReady, UserNotActive: the wallet or its owner may not pay.
        InsufficientFunds: less than `amount` is available.
    """

    type = "CASH_OUT"
    status = 202

    source: UUID
    iban: str

    @property
    def account(self) -> str:
        return self.iban

    def wallets(self) -> tuple[UUID, ...]:
        return (self.source,)

    def check_shape(self, books: Books) -> None:
        books.wallet(self.source, self.client_id).minor(self.amount)

    def apply(self, books: Books) -> Outcome:
        source = books.wallet(self.source, self.client_id)
        amount = source.minor(self.amount)
        source.require_ready()
        source.require_available(amount)
        return made(books.set_aside(source, amount, self), 202)


@dataclass(frozen=True, slots=True, kw_only=True)
class CashOutOrder(Order):
    """An order about a cash-out that waits. A blocked wallet does not keep it from ending."""

    made = "movement"
    status = 200

    wallet_id: UUID
    movement_id: UUID

    def wallets(self) -> tuple[UUID, ...]:
        return (self.wallet_id,)

    def movements(self) -> tuple[UUID, ...]:
        return (self.movement_id,)

    def pending(self, books: Books) -> tuple[LockedWallet, Leg]:
        """The wallet and its cash-out, which must not have ended yet."""
        wallet = books.wallet(self.wallet_id, self.client_id)
        leg = books.movement(self.movement_id, wallet)
        leg.require_pending()
        return wallet, leg


class MarkSent(CashOutOrder):
    """Say that the cash-out has gone to the bank: its client can't cancel it any more.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutSent: it was sent before.
    """

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_unsent()
        return made(books.mark_sent(wallet, leg, self.by), 200)


class Settle(CashOutOrder):
    """The bank has paid: the money leaves the wallet.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutNotSent: it never went to the bank.
    """

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_sent()
        return made(books.take(wallet, leg, self.by), 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(CashOutOrder):
    """The bank, or staff, said no: what was set aside is available again.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
    """

    reason: str

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.reason = self.reason
        return made(books.give_back(wallet, leg, "ERROR", self.by), 200)


class Cancel(CashOutOrder):
    """The client has thought better of it, before the cash-out went to the bank.

    Cancelling what is cancelled changes nothing.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended otherwise.
        CashOutSent: it has gone to the bank.
    """

    def apply(self, books: Books) -> Outcome:
        wallet = books.wallet(self.wallet_id, self.client_id)
        leg = books.movement(self.movement_id, wallet)
        if leg.status == "CANCELLED":
            return made(leg, 200)
        leg.require_pending()
        leg.require_unsent()
        return made(books.give_back(wallet, leg, "CANCELLED", self.by), 200)


# --- Staff --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust(MoneyOrder):
    """Mend a wallet's balance by `amount`, up or (when `is_debit`) down; for staff, with a reason.

    A blocked wallet may be adjusted, and no limit of its user applies: money is never trapped.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: the amount has more decimals than the currency.
        WalletNotReady: the wallet is closed.
        InsufficientFunds: less than `amount` is available to take.
        LimitExceeded: the balance would pass its ceiling.
    """

    type = "ADJUSTMENT"

    wallet_id: UUID
    is_debit: bool

    def wallets(self) -> tuple[UUID, ...]:
        return (self.wallet_id,)

    def check_shape(self, books: Books) -> None:
        books.wallet(self.wallet_id, self.client_id).minor(self.amount)

    def apply(self, books: Books) -> Outcome:
        wallet = books.wallet(self.wallet_id, self.client_id)
        amount = wallet.minor(self.amount)
        wallet.require_open()
        if self.is_debit:
            wallet.require_available(amount)
            return made(books.cross(wallet, -amount, self))
        wallet.require_room(amount)
        return made(books.cross(wallet, amount, self))
