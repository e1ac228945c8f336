"""The rows of the books in memory, and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import ClassVar, Final, NamedTuple
from uuid import UUID

from iocash import errors, money
from users.models.events import By
from wallets.books.columns import NOT_READ
from wallets.models.accounts import VersionedAccount
from wallets.models.querysets import JustCreated
from wallets.models.wallets import Labelled

MOST_RECEIVED: Final = 2**63 - 1
"""The highest total ever received by a wallet: 92 times the highest balance."""


class Cause(NamedTuple):
    """The type of a movement, its actor, and the payer's texts."""

    type: str
    by: By
    concept: str | None
    metadata: Mapping[str, str] | None
    reference: str | None = None


def count_minor(amount: Decimal, currency: str, field: str = "amount") -> int:
    """Count `amount`, which a body has in `field`, in minor units.

    Raises:
        InvalidFields: it is not positive, has more decimals than the currency, or is too long.
    """
    if amount <= 0:
        raise errors.InvalidFields(
            errors.FieldError(field, "min_value", "Must be greater than zero.")
        )
    try:
        return money.to_minor(amount, currency)
    except money.WrongAmount as wrong:
        words = errors.Message(wrong.template, **wrong.values)
        raise errors.InvalidFields(errors.FieldError(field, wrong.code, words)) from None


@dataclass(slots=True)
class LockedUser:
    """The locked row of a user."""

    id: UUID
    client_id: UUID
    status: str
    mobile_phone: str
    unverified_phone: str
    dlt_address: str
    dlt_network: str
    unsubscribed_at: datetime | None = None
    voids_otps: bool = field(default=False, metadata=NOT_READ)
    """Whether its one-time passwords can't be used any more."""


@dataclass(slots=True)
class LockedWallet(Labelled):
    """A wallet's row, locked. Amounts are in minor units; `owner` is the status of its user, and
    `cash_ins` the source of its client's cash-ins, if an order needs it.

    `is_changed` concerns the columns of money only. The alias, DLT address and metadata are None
    unless an order needs or sets them, and a None is not written; without them there is no version.
    Movements need `alert_below`, so it is always read.
    """

    id: UUID
    client_id: UUID
    user_id: UUID
    currency: str
    status: str
    balance: int
    held: int
    seq: int
    head: bytes
    settled_at: datetime | None
    received: int = 0
    next_expiry: datetime | None = None
    iban: str | None = None
    alert_below: int | None = None
    owner: str = field(default="", metadata=NOT_READ)
    cash_ins: str = field(default="", metadata=NOT_READ)
    is_changed: bool = field(default=False, metadata=NOT_READ)
    alias: str | None = field(default=None, metadata=NOT_READ)
    dlt_address: str | None = field(default=None, metadata=NOT_READ)
    dlt_network: str | None = field(default=None, metadata=NOT_READ)
    metadata: Mapping[str, str] | None = field(default=None, metadata=NOT_READ)

    @property
    def available(self) -> int:
        return self.balance - self.held

    def copy(self) -> LockedWallet:
        return LockedWallet(*WALLET(self))

    def note_expiry(self, expires_at: datetime | None) -> None:
        """Note that a hold of this wallet will expire."""
        if expires_at and (self.next_expiry is None or expires_at < self.next_expiry):
            self.next_expiry = expires_at
            self.is_changed = True

    def to_text(self, minor: int) -> str:
        return money.to_text(minor, self.currency)

    def to_minor(self, amount: Decimal) -> int:
        """Count `amount` in the wallet's minor units; see `count_minor`."""
        return count_minor(amount, self.currency)

    def has_fallen_below_its_alert(self, change: int) -> bool:
        """Whether this change of the balance has brought it below the alert, from above."""
        alert = self.alert_below
        return alert is not None and self.balance < alert <= self.balance - change

    def require_ready(self) -> None:
        """Require that the wallet and its owner can pay and receive.

        Raises:
            WalletNotReady: it is blocked or closed.
            UserNotActive: its owner is not activated.
        """
        if self.status != "READY":
            raise errors.WalletNotReady(wallet_id=self.id, status=self.status)
        self.require_active_owner()

    def require_cash_ins_by_order(self) -> None:
        """Raise CashInsFromBank if statements of the bank bring the cash-ins of its client."""
        if self.cash_ins == "BANK":
            raise errors.CashInsFromBank()

    def require_active_owner(self) -> None:
        """Raise UserNotActive if the owner is not activated."""
        if self.owner != "ACTIVATED":
            raise errors.UserNotActive(user_id=self.user_id, status=self.owner)

    def require_currency(self, currency: str) -> None:
        """Raise CurrencyMismatch if the wallet has another currency."""
        if self.currency != currency:
            raise errors.CurrencyMismatch(
                wallet_id=self.id, currency=self.currency, order_currency=currency
            )

    def require_available(self, amount: int) -> None:
        """Raise InsufficientFunds if less than `amount` minor units are available."""
        if self.available < amount:
            raise errors.InsufficientFunds(
                wallet_id=self.id,
                available=self.to_text(self.available),
                required=self.to_text(amount),
                currency=self.currency,
            )

    def require_open(self) -> None:
        """Raise WalletNotReady if the wallet is closed; it may be blocked."""
        if self.status == "UNSUBSCRIBED":
            raise errors.WalletNotReady(wallet_id=self.id, status=self.status)

    def require_room(self, amount: int) -> None:
        """Raise LimitExceeded if `amount` more would exceed the highest balance or total received.

        `conflict` has the figures of the one that would be exceeded.
        """
        if self.balance + amount > money.MAX_BALANCE:
            raise self.limit_exceeded("walletBalance", money.MAX_BALANCE, self.balance, amount)
        if self.received + amount > MOST_RECEIVED:
            raise self.limit_exceeded("walletReceived", MOST_RECEIVED, self.received, amount)

    def limit_exceeded(
        self, limit_type: str, limit: int, used: int, amount: int
    ) -> errors.LimitExceeded:
        return errors.LimitExceeded(
            wallet_id=self.id,
            limit_type=limit_type,
            limit=self.to_text(limit),
            used=self.to_text(used),
            requested=self.to_text(amount),
            currency=self.currency,
            resets_at=None,
        )

    def require_empty(self) -> None:
        """Raise WalletNotEmpty if the balance is not zero."""
        if self.balance:
            raise errors.WalletNotEmpty(
                wallet_id=self.id, balance=self.to_text(self.balance), currency=self.currency
            )


WALLET: Final = attrgetter(*(each.name for each in fields(LockedWallet)))
"""A copy of all attributes; `dataclasses.replace` takes four times as long."""


@dataclass(slots=True, kw_only=True)
class Leg(JustCreated):
    """A movement in memory: one leg of an operation. Amounts are signed minor units."""

    id: UUID
    client_id: UUID
    wallet_id: UUID
    operation_id: UUID
    type: str
    status: str
    amount: int
    currency: str
    counterparty_id: UUID | None
    created_at: datetime
    concept: str | None
    metadata: Mapping[str, str] | None
    salt: bytes | None
    details_digest: bytes | None
    iban: str | None = None
    holder_name: str | None = None
    hold_id: UUID | None = None
    reversal_of_id: UUID | None = None
    sent_at: datetime | None = None
    reason: str = ""
    seq: int | None = None
    balance_after: int | None = None
    received_after: int | None = None
    settled_at: datetime | None = None
    ended_at: datetime | None = None
    updated_at: datetime | None = None
    digest: bytes | None = None
    reference: str | None = None
    external_account_id: UUID | None = None
    bank_file_id: UUID | None = None

    def mirrored(self, leg_id: UUID) -> Leg:
        """Create the other leg of a payment, not yet settled, with the same texts."""
        if self.counterparty_id is None:
            raise errors.Inconsistent("a payment has two wallets")
        return Leg(
            id=leg_id,
            client_id=self.client_id,
            wallet_id=self.counterparty_id,
            operation_id=self.operation_id,
            type=self.type,
            status=self.status,
            amount=-self.amount,
            currency=self.currency,
            counterparty_id=self.wallet_id,
            created_at=self.created_at,
            concept=self.concept,
            metadata=self.metadata,
            salt=self.salt,
            details_digest=self.details_digest,
            hold_id=self.hold_id,
            reference=self.reference,
        )

    def mirrors(self, other: Leg) -> bool:
        """Whether the two are the legs of one payment."""
        return (
            self.operation_id == other.operation_id
            and self.counterparty_id == other.wallet_id
            and self.wallet_id == other.counterparty_id
            and self.created_at == other.created_at
            and self.amount == -other.amount
        )

    def require_reversible(self) -> None:
        """Raise MovementNotReversible unless it is a cash-in or a transfer."""
        if self.type not in {"CASH_IN", "TRANSFER"}:
            raise errors.MovementNotReversible(movement_id=self.id, type=self.type)

    def require_returnable(self) -> None:
        """Require a cash-out that the bank has paid.

        Raises:
            MovementNotReversible: it is something else.
            MovementNotSettled: the bank has not paid it.
        """
        if self.type != "CASH_OUT":
            raise errors.MovementNotReversible(movement_id=self.id, type=self.type)
        if self.status != "SUCCESS":
            raise errors.MovementNotSettled(movement_id=self.id, status=self.status)

    def require_reversible_amount(self, amount: int, reversed_before: int) -> None:
        """Refuse to reverse more than is left to reverse, or nothing (ReversalExceeded)."""
        left = self.magnitude - reversed_before
        if not 0 < amount <= left:
            raise errors.ReversalExceeded(
                movement_id=self.id,
                amount=money.to_text(self.magnitude, self.currency),
                reversed=money.to_text(reversed_before, self.currency),
                left=money.to_text(left, self.currency),
                requested=money.to_text(amount, self.currency),
                currency=self.currency,
            )

    def require_pending(self) -> None:
        """Raise MovementNotPending if the movement is not pending."""
        if self.status != "PENDING":
            raise errors.MovementNotPending(movement_id=self.id, status=self.status)

    def require_unsent(self) -> None:
        """Raise CashOutSent if the cash-out was sent to the bank."""
        if self.sent_at is not None:
            raise errors.CashOutSent(movement_id=self.id, sent_at=self.sent_at)

    def require_sent(self) -> None:
        """Raise CashOutNotSent if the cash-out was not sent to the bank."""
        if self.sent_at is None:
            raise errors.CashOutNotSent(movement_id=self.id)

    def require_in_no_file(self) -> None:
        """Raise CashOutInFile if the cash-out is in a file for the bank, sent or not."""
        if self.bank_file_id is not None:
            raise errors.CashOutInFile(movement_id=self.id)

    def require_in_file(self, file_id: UUID) -> None:
        """Raise CashOutNotInFile unless the cash-out is in this file."""
        if self.bank_file_id != file_id:
            raise errors.CashOutNotInFile(movement_id=self.id)


@dataclass(slots=True)
class LockedResource:
    """The row of what a wallet has beside money, locked with the wallet.

    The subclasses in `wallets.books.resources` declare how posting reads and writes their rows.
    """

    table: ClassVar[str]
    unique: ClassVar[str] = ""
    """The column in which no two ACTIVE rows of a wallet may have the same value; blank: none."""
    changes: ClassVar[tuple[str, ...]] = ("status",)
    """The columns that orders may change."""

    id: UUID
    client_id: UUID
    wallet_id: UUID
    status: str

    @property
    def is_active(self) -> bool:
        return self.status == "ACTIVE"


@dataclass(slots=True)
class LockedAccount(VersionedAccount, LockedResource):
    """The row of an external account, locked with its wallet."""

    table = "wallets_externalaccount"
    unique = "iban"
    changes = ("status", "metadata")

    iban: str
    alias: str = ""
    holder_name: str = ""
    metadata: Mapping[str, str] | None = None

    def require_active(self) -> None:
        """Raise ExternalAccountRemoved if it was removed."""
        if not self.is_active:
            raise errors.ExternalAccountRemoved(external_account_id=self.id)
