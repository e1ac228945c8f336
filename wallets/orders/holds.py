"""Orders about holds: money held for another wallet, then executed, released or expired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from iocash import errors
from iocash.times import to_millisecond
from users.models.approvals import ApprovalKind
from users.models.versions import require_version
from wallets.books import Books
from wallets.books.deeds import WatchedAction
from wallets.books.hold_rows import LockedHold
from wallets.books.rows import LockedWallet
from wallets.orders.base import Needs, Outcome, PartOrder, Payment, WalletOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOrder(WalletOrder):
    """An order that releases or renews a hold, also of a blocked wallet."""

    made = "hold"
    status = 200
    refuses: ClassVar[errors.Refusals] = (
        *WalletOrder.refuses,
        errors.VersionConflict,
        errors.HoldNotOpen,
    )

    hold_id: UUID

    def needed(self) -> Needs:
        return Needs(wallets=(self.wallet_id,), holds=(self.hold_id,))

    def current_hold(self, books: Books) -> tuple[LockedWallet, LockedHold]:
        """The wallet and its hold, of the version that the caller accepts."""
        wallet = self.wallet(books)
        hold = books.hold(self.hold_id, wallet)
        require_version(hold.version, self.if_match, hold_id=hold.id)
        return wallet, hold


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold(Payment):
    """Hold `amount` for another wallet until `expires_at`; None: until the hold is ended.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: `amount` is not one of the wallet's currency, the wallets are one, or
            `expires_at` has passed.
        TargetWalletNotFound, WalletNotReady, UserNotActive, CurrencyMismatch, InsufficientFunds:
            as for a transfer.
    """

    made = "hold"
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *Payment.refuses,
        errors.WalletNotReady,
        errors.UserNotActive,
        errors.InsufficientFunds,
    )

    expires_at: datetime | None = None

    def needed(self) -> Needs:
        """No limits: a hold moves no money; limits apply to its execution."""
        return Needs(wallets=(self.wallet_id, self.target_id))

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        return self.never_alone(ApprovalKind.TRANSFER, books)

    def apply(self, books: Books) -> Outcome:
        wallet, target = self.wallet(books), self.target(books)
        amount = self.minor(books)
        wallet.require_ready()
        target.require_ready()
        target.require_currency(wallet.currency)
        wallet.require_available(amount)
        require_future(self.expires_at, books)
        hold = books.place_hold(wallet, target, amount, self.cause, self.expires_at)
        return Outcome(self.made, hold.id, self.status, hold=hold)


def shown(instant: datetime | None) -> datetime | None:
    """The instant as answers show it."""
    return to_millisecond(instant) if instant else None


def require_future(expires_at: datetime | None, books: Books) -> None:
    """Raise InvalidFields if the expiry is in the past."""
    if expires_at is not None and expires_at <= books.now:
        raise errors.InvalidFields(
            errors.FieldError("expiration", "not_in_the_future", "Must be in the future.")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteHold(PartOrder):
    """Pay `amount` of an open hold, or the whole remainder, to its target wallet.

    The rest becomes available again; with `keep_open` it stays held. `target_id` is the hold's.
    Without a `reference` of its own, the movement has that of the hold.

    Raises:
        NotFound: the wallet has no such hold.
        InvalidFields: `amount` is not one of the wallet's currency.
        CurrencyMismatch: the caller expects another currency.
        HoldNotOpen: it was executed or released, or has expired.
        HoldExceeded: less than `amount` is left of it.
        WalletNotReady, UserNotActive: a wallet or its owner may not pay or receive.
        LimitExceeded: the target's balance would pass its ceiling, or its owner's limit.
    """

    type = "TRANSFER"
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *PartOrder.refuses,
        errors.HoldNotOpen,
        errors.HoldExceeded,
        errors.WalletNotReady,
        errors.UserNotActive,
        errors.LimitExceeded,
    )

    hold_id: UUID
    target_id: UUID
    keep_open: bool = False

    def needed(self) -> Needs:
        both = (self.wallet_id, self.target_id)
        return Needs(wallets=both, settles=both, limits=(self.target_id,), holds=(self.hold_id,))

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        return self.never_alone(ApprovalKind.TRANSFER, books)

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        hold = books.hold(self.hold_id, wallet)
        target = books.wallet(hold.payee_id, self.client_id)
        hold.require_open()
        amount = self.minor_or_none(books) or hold.remaining
        hold.require_remaining(amount)
        wallet.require_ready()
        target.require_ready()
        target.require_room(amount)
        allowance = books.allowance(target)
        if allowance and target.user_id != wallet.user_id:
            allowance.require_balance(amount)
        books.execute_hold(wallet, hold, amount, self.by, keep_open=self.keep_open)
        return self.movement_outcome(
            books.pay(wallet, target, amount, self.inheriting(hold.reference), hold_id=hold.id)[0]
        )


class ReleaseHold(HoldOrder):
    """Release a hold: its remaining amount is available again.

    A second release changes nothing.

    Raises:
        NotFound: the wallet has no such hold.
        VersionConflict: it is not what the caller saw.
        HoldNotOpen: it was executed, or has expired.
    """

    def apply(self, books: Books) -> Outcome:
        wallet, hold = self.current_hold(books)
        if hold.status == "RELEASED":
            return self.outcome(hold.id)
        hold.require_open()
        books.end_hold(wallet, hold, "RELEASED", self.by)
        return self.outcome(hold.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewHold(HoldOrder):
    """Change when a hold expires; None: never.

    The expiration that an open hold has already changes nothing. It is compared in milliseconds,
    as answers show it.

    Raises:
        NotFound: the wallet has no such hold.
        VersionConflict: it is not what the caller saw.
        HoldNotOpen: it was executed or released, or has expired.
        InvalidFields: `expires_at` has passed.
    """

    refuses: ClassVar[errors.Refusals] = (*HoldOrder.refuses, errors.InvalidFields)

    expires_at: datetime | None

    def apply(self, books: Books) -> Outcome:
        wallet, hold = self.current_hold(books)
        hold.require_open()
        if shown(self.expires_at) == shown(hold.expires_at):
            return self.outcome(hold.id)
        require_future(self.expires_at, books)
        books.renew_hold(wallet, hold, self.expires_at, self.by)
        return self.outcome(hold.id)


class ExpireHolds(WalletOrder):
    """Write that the overdue holds of a wallet have expired, with their events.

    Posting does this for each wallet that it locks, so there is nothing else to do.

    Raises:
        NotFound: the client has no such wallet.
    """

    made = "wallet"
    status = 200

    def apply(self, books: Books) -> Outcome:
        return self.outcome(self.wallet(books).id)
