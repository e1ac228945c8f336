"""The verbs that move money, and the only code that does.

Each order says what it needs, what it refuses, and what it does to the books. Orders are run with
their wallets locked; amounts are positive decimals of the wallet's currency. Every order about a
wallet that the client does not have is refused with NotFound, and every amount that is not one of
the currency with InvalidFields: they are not said again below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from iocash import errors
from wallets.books import Books
from wallets.orders import CashOutOrder, HoldOrder, MoneyOrder, Outcome, PartOrder, Payment
from wallets.rows import Leg, LockedWallet


@dataclass(frozen=True, slots=True, kw_only=True)
class CashIn(MoneyOrder):
    """Bring `amount` from the outside into the wallet.

    Raises:
        WalletNotReady, UserNotActive: the wallet or its owner may not receive.
        LimitExceeded: the balance would pass its ceiling, or the owner's limits be passed.
    """

    type = "CASH_IN"

    def crossing(self) -> tuple[UUID, ...]:
        return (self.wallet_id,)

    def apply(self, books: Books) -> Outcome:
        wallet, amount = self.wallet(books), self.minor(books)
        wallet.require_ready()
        wallet.require_room(amount)
        if allowance := books.allowance(wallet):
            allowance.require_cash_in(amount)
            allowance.require_balance(amount)
        return self.moved(books.cross(wallet, amount, self.cause))


class Transfer(Payment):
    """Move `amount` to another wallet.

    Raises:
        TargetWalletNotFound: the client has no wallet `target_id`.
        InvalidFields: the wallets are one.
        WalletNotReady, UserNotActive: a wallet or its owner may not pay or receive.
        CurrencyMismatch: the wallets are in different currencies.
        InsufficientFunds: less than `amount` is available.
        LimitExceeded: the target's balance would pass its ceiling, or its owner's limit.
    """

    type = "TRANSFER"

    def apply(self, books: Books) -> Outcome:
        wallet, target, amount = self.parties(books)
        require_place(books, wallet, target, amount)
        return self.moved(books.pay(wallet, target, amount, self.cause)[0])


def require_place(books: Books, wallet: LockedWallet, target: LockedWallet, amount: int) -> None:
    """Refuse when the target, or its owner, may not have so much more (LimitExceeded).

    Between wallets of one owner nobody has more than before.
    """
    target.require_room(amount)
    allowance = books.allowance(target)
    if allowance and target.user_id != wallet.user_id:
        allowance.require_balance(amount)


# --- Holds: promised to another wallet; executed, released, or expired ---------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold(Payment):
    """Set `amount` aside for another wallet until `expires_at`, or for as long as nobody ends it.

    Raises:
        InvalidFields: the wallets are one, or `expires_at` has passed.
        TargetWalletNotFound, WalletNotReady, UserNotActive, CurrencyMismatch, InsufficientFunds:
            as for a transfer.
    """

    made = "hold"

    expires_at: datetime | None = None

    def limited(self) -> tuple[UUID, ...]:
        """Nobody has more by a promise: what is paid is limited when it is executed."""
        return ()

    def apply(self, books: Books) -> Outcome:
        wallet, target, amount = self.parties(books)
        require_future(self.expires_at, books)
        hold = books.place(wallet, target, amount, self.cause, self.expires_at)
        return self.done(hold.id)


def require_future(expires_at: datetime | None, books: Books) -> None:
    """Refuse an expiry that has come already (InvalidFields)."""
    if expires_at is not None and expires_at <= books.now:
        raise errors.InvalidFields(
            errors.FieldError("expiration", "not_in_the_future", "This time has passed.")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteHold(PartOrder):
    """Pay `amount` of an open hold to the wallet for which it was placed, or all that is left.

    What is not paid is available again; with `keep_open` it stays held. `target_id` is the hold's.

    Raises:
        NotFound: the wallet has no such hold.
        HoldNotOpen: it was executed or released, or has expired.
        HoldExceeded: less than `amount` is left of it.
        WalletNotReady, UserNotActive: a wallet or its owner may not pay or receive.
        LimitExceeded: the target's balance would pass its ceiling, or its owner's limit.
    """

    type = "TRANSFER"

    hold_id: UUID
    target_id: UUID
    keep_open: bool = False

    def wallets(self) -> tuple[UUID, ...]:
        return (self.wallet_id, self.target_id)

    def limited(self) -> tuple[UUID, ...]:
        return (self.target_id,)

    def holds(self) -> tuple[UUID, ...]:
        return (self.hold_id,)

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        hold = books.hold(self.hold_id, wallet)
        target = books.wallet(hold.target_id, self.client_id)
        hold.require_open()
        amount = self.part(books) or hold.remaining
        hold.require_remaining(amount)
        wallet.require_ready()
        target.require_ready()
        require_place(books, wallet, target, amount)
        books.draw(wallet, hold, amount, self.by, keep_open=self.keep_open)
        return self.moved(books.pay(wallet, target, amount, self.cause, hold_id=hold.id)[0])


class ReleaseHold(HoldOrder):
    """Let go of a hold: what it set aside is available again.

    Raises:
        NotFound: the wallet has no such hold.
        VersionConflict: it is not what the caller saw.
        HoldNotOpen: it was executed or released, or has expired.
    """

    def apply(self, books: Books) -> Outcome:
        wallet, hold = self.open_hold(books)
        books.end(wallet, hold, "RELEASED", self.by)
        return self.done(hold.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewHold(HoldOrder):
    """Let a hold expire at another time; with None, never.

    Raises:
        NotFound: the wallet has no such hold.
        VersionConflict: it is not what the caller saw.
        HoldNotOpen: it was executed or released, or has expired.
        InvalidFields: `expires_at` has passed.
    """

    expires_at: datetime | None

    def apply(self, books: Books) -> Outcome:
        wallet, hold = self.open_hold(books)
        require_future(self.expires_at, books)
        books.renew(wallet, hold, self.expires_at, self.by)
        return self.done(hold.id)


# --- Cash-outs: asked for by a client, ended by the bank's answer -------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CashOut(MoneyOrder):
    """Set `amount` aside, to be paid to a bank account: an `iban`, or an external account.

    Raises:
        ExternalAccountNotFound: the wallet has no external account `account_id`.
        ExternalAccountRemoved: it was removed.
        WalletNotReady, UserNotActive: the wallet or its owner may not pay.
        InsufficientFunds: less than `amount` is available.
        LimitExceeded: more would go out in 30 days than the owner's level allows.
    """

    type = "CASH_OUT"
    status = 202

    iban: str = ""
    account_id: UUID | None = None

    def crossing(self) -> tuple[UUID, ...]:
        return (self.wallet_id,)

    def accounts(self) -> tuple[UUID, ...]:
        return (self.account_id,) if self.account_id else ()

    def apply(self, books: Books) -> Outcome:
        wallet, amount = self.wallet(books), self.minor(books)
        iban = self.destination(books, wallet)
        wallet.require_ready()
        wallet.require_available(amount)
        if allowance := books.allowance(wallet):
            allowance.require_cash_out(amount)
        return self.moved(books.set_aside(wallet, amount, self.cause, iban))

    def destination(self, books: Books, wallet: LockedWallet) -> str:
        if self.account_id is None:
            return self.iban
        account = books.account(self.account_id, wallet)
        if account is None:
            raise errors.ExternalAccountNotFound(external_account_id=self.account_id)
        account.require_active()
        return account.iban


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
        return self.moved(books.mark_sent(wallet, leg, self.by))


class Settle(CashOutOrder):
    """The bank has paid: the money leaves the wallet.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutNotSent: it never went to the bank.
    """

    def settling(self) -> tuple[UUID, ...]:
        return self.wallets()

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_sent()
        return self.moved(books.take(wallet, leg, self.by))


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
        return self.moved(books.give_back(wallet, leg, "ERROR", self.by))


class Cancel(CashOutOrder):
    """The client has thought better of it, before the cash-out went to the bank.

    Cancelling what is cancelled changes nothing.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended otherwise.
        CashOutSent: it has gone to the bank.
    """

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        leg = books.movement(self.movement_id, wallet)
        if leg.status == "CANCELLED":
            return self.moved(leg)
        leg.require_pending()
        leg.require_unsent()
        return self.moved(books.give_back(wallet, leg, "CANCELLED", self.by))


# --- Mending: what was moved is given back, or staff set it right --------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse(PartOrder):
    """Give back `amount` of a transfer or a cash-in, or all that is left of it.

    The movement is named by either of its legs, with its mirror in the counterparty's wallet.
    No limit of its user applies to who gets its money back.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotReversible: it is something else.
        ReversalExceeded: less than `amount` is left to give back, or nothing.
        WalletNotReady, UserNotActive: a wallet or its owner may not pay or receive.
        InsufficientFunds: the payee has less than `amount` available.
        LimitExceeded: the payer's balance would pass its ceiling.
    """

    type = "REVERSAL"

    movement_id: UUID
    counterparty_id: UUID | None = None
    mirror_id: UUID | None = None

    def wallets(self) -> tuple[UUID, ...]:
        return tuple(filter(None, (self.wallet_id, self.counterparty_id)))

    def movements(self) -> tuple[UUID, ...]:
        return tuple(filter(None, (self.movement_id, self.mirror_id)))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        leg = books.movement(self.movement_id, wallet)
        leg.require_reversible()
        before = books.given_back(leg)
        amount = self.part(books) or leg.magnitude - before
        leg.require_left(amount, before)
        if leg.counterparty_id is None:
            return self.give_to_outside(books, wallet, leg, amount)
        return self.give_to_payer(books, (leg, self.mirror(books, leg)), amount)

    def mirror(self, books: Books, leg: Leg) -> Leg:
        if self.mirror_id is None:
            raise errors.Inconsistent("a payment has two legs")
        mirror = books.movements[self.mirror_id]
        if not leg.mirrors(mirror):
            raise errors.Inconsistent("the mirror is another movement's")
        return mirror

    def give_to_outside(self, books: Books, wallet: LockedWallet, leg: Leg, amount: int) -> Outcome:
        wallet.require_ready()
        wallet.require_available(amount)
        return self.moved(books.cross(wallet, -amount, self.cause, reverses=leg))

    def give_to_payer(self, books: Books, legs: tuple[Leg, Leg], amount: int) -> Outcome:
        paid, received = sorted(legs, key=lambda leg: leg.amount)
        payer = books.wallet(paid.wallet_id, self.client_id)
        payee = books.wallet(received.wallet_id, self.client_id)
        payee.require_ready()
        payer.require_ready()
        payee.require_available(amount)
        payer.require_room(amount)
        given = books.pay(payee, payer, amount, self.cause, reverses=(received, paid))
        return self.moved(next(leg for leg in given if leg.wallet_id == self.wallet_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust(MoneyOrder):
    """Mend a wallet's balance by `amount`, up or (when `is_debit`) down; for staff, with a reason.

    A blocked wallet may be adjusted, and no limit of its user applies: money is never trapped.

    Raises:
        WalletNotReady: the wallet is closed.
        InsufficientFunds: less than `amount` is available to take.
        LimitExceeded: the balance would pass its ceiling.
    """

    type = "ADJUSTMENT"

    is_debit: bool

    def apply(self, books: Books) -> Outcome:
        wallet, amount = self.wallet(books), self.minor(books)
        wallet.require_open()
        if self.is_debit:
            wallet.require_available(amount)
            return self.moved(books.cross(wallet, -amount, self.cause))
        wallet.require_room(amount)
        return self.moved(books.cross(wallet, amount, self.cause))
