"""The rows that the books hold in memory, and what may be required of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from iocash import errors, money


@dataclass(slots=True)
class LockedUser:
    """A user's row, locked by an order that names the user."""

    id: UUID
    client_id: UUID
    status: str
    mobile_phone: str
    unverified_phone: str
    dlt_address: str
    dlt_network: str


@dataclass(slots=True)
class LockedWallet:
    """A wallet's row, locked. Amounts are in minor units; `owner` is the status of its user."""

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
    owner: str = ""
    is_changed: bool = False

    @property
    def available(self) -> int:
        return self.balance - self.held

    def text(self, minor: int) -> str:
        return money.to_text(minor, self.currency)

    def minor(self, amount: Decimal) -> int:
        """Count `amount` in the wallet's minor units.

        Raises:
            InvalidFields: it is not positive, has more decimals than the currency, or is too long.
        """
        if amount <= 0:
            raise errors.InvalidFields(
                errors.FieldError("amount", "min_value", "More than zero, please.")
            )
        try:
            return money.to_minor(amount, self.currency)
        except money.WrongAmount as wrong:
            raise errors.InvalidFields(
                errors.FieldError("amount", wrong.code, str(wrong))
            ) from None

    def require_ready(self) -> None:
        """Refuse unless the wallet and its owner may pay and receive.

        Raises:
            WalletNotReady: it is blocked or closed.
            UserNotActive: its owner is blocked, unsubscribed or not yet activated.
        """
        if self.status != "READY":
            raise errors.WalletNotReady(wallet_id=self.id, status=self.status)
        if self.owner != "ACTIVATED":
            raise errors.UserNotActive(user_id=self.user_id, status=self.owner)

    def require_available(self, amount: int) -> None:
        """Refuse when less than `amount` minor units are available (InsufficientFunds)."""
        if self.available < amount:
            raise errors.InsufficientFunds(
                wallet_id=self.id,
                available=self.text(self.available),
                required=self.text(amount),
                currency=self.currency,
            )

    def require_open(self) -> None:
        """Refuse when the wallet is closed (WalletNotReady); a blocked one will do."""
        if self.status == "UNSUBSCRIBED":
            raise errors.WalletNotReady(wallet_id=self.id, status=self.status)

    def require_room(self, amount: int) -> None:
        """Refuse when `amount` more would pass the highest balance (LimitExceeded)."""
        if self.balance + amount > money.MAX_BALANCE:
            raise errors.LimitExceeded(
                wallet_id=self.id,
                limit=self.text(money.MAX_BALANCE),
                used=self.text(self.balance),
                requested=self.text(amount),
                currency=self.currency,
            )

    def require_empty(self) -> None:
        """Refuse while the wallet holds money (WalletNotEmpty)."""
        if self.balance:
            raise errors.WalletNotEmpty(
                wallet_id=self.id, balance=self.text(self.balance), currency=self.currency
            )


@dataclass(slots=True, kw_only=True)
class Leg:
    """A movement in memory: what one operation does to one wallet. Minor units, signed."""

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
    sent_at: datetime | None = None
    reason: str = ""
    seq: int | None = None
    balance_after: int | None = None
    settled_at: datetime | None = None
    digest: bytes | None = None

    @property
    def direction(self) -> str:
        return "OUT" if self.amount < 0 else "IN"

    @property
    def magnitude(self) -> int:
        """The amount without its sign, which `direction` tells."""
        return abs(self.amount)

    def require_pending(self) -> None:
        """Refuse when the movement has ended already (MovementNotPending)."""
        if self.status != "PENDING":
            raise errors.MovementNotPending(movement_id=self.id, status=self.status)

    def require_unsent(self) -> None:
        """Refuse when the movement has gone to the bank (CashOutSent)."""
        if self.sent_at is not None:
            raise errors.CashOutSent(movement_id=self.id, sent_at=self.sent_at)

    def require_sent(self) -> None:
        """Refuse while the movement has not gone to the bank (CashOutNotSent)."""
        if self.sent_at is None:
            raise errors.CashOutNotSent(movement_id=self.id)


@dataclass(frozen=True, slots=True)
class UsedKey:
    """What an Idempotency-Key made when it was used."""

    client_id: UUID
    key: str
    fingerprint: bytes
    made: str
    made_id: UUID
    status: int
