"""Orders about wallets: open, change, close, block and unblock them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings

from iocash import errors, money
from users.models.events import EventKind
from users.models.ids import new_id
from users.models.versions import require_version
from users.users import ACTIVATED
from wallets.books import Books
from wallets.books.deeds import require_no_fraud
from wallets.books.rows import LockedUser, LockedWallet, count_minor
from wallets.models import Wallet
from wallets.models.wallets import NO_ALERT
from wallets.orders.base import Needs, Order, Outcome, UserOrder, WalletOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWallet(UserOrder):
    """Open a wallet for an activated user.

    Raises:
        UserNotFound: the client has no such user.
        UserNotActive: the user is not activated.
        InvalidFields: ISO 4217 has withdrawn the currency, or `alert_below` is not an amount of it.
        WalletLimitReached: the user has as many wallets as a user may have.
    """

    made = "wallet"
    status = 201
    refuses: ClassVar[errors.Refusals] = (
        errors.UserNotFound,
        errors.UserNotActive,
        errors.InvalidFields,
        errors.WalletLimitReached,
    )

    currency: str = "EUR"
    alias: str = ""
    dlt_address: str = ""
    dlt_network: str = ""
    metadata: Mapping[str, str] | None = None
    alert_below: Decimal | None = None
    """The balance below which an event is recorded; None: no alert."""

    def check_shape(self, books: Books) -> None:
        if self.alert_below is not None:
            self.alert_in_minor(self.alert_below)

    def alert_in_minor(self, amount: Decimal) -> int:
        return count_minor(amount, self.currency, "alertBelow")

    def apply(self, books: Books) -> Outcome:
        user = books.user(self.user_id, self.client_id)
        if user is None:
            raise errors.UserNotFound(user_id=self.user_id)
        if user.status != ACTIVATED:
            raise errors.UserNotActive(user_id=user.id, status=user.status)
        if self.currency not in money.currencies():
            raise errors.InvalidFields(
                errors.FieldError("currency", "invalid_choice", "Withdrawn from ISO 4217.")
            )
        used = sum(wallet.status != "UNSUBSCRIBED" for wallet in books.wallets_of(self.user_id))
        limit: int = settings.MAX_WALLETS_PER_USER
        if used >= limit:
            raise errors.WalletLimitReached(user_id=self.user_id, max_wallets=limit, open=used)
        return self.open(books, user)

    def new_wallet_id(self) -> UUID:
        return new_id()

    def open(self, books: Books, user: LockedUser) -> Outcome:
        wallet = LockedWallet(
            id=self.new_wallet_id(),
            client_id=self.client_id,
            user_id=user.id,
            currency=self.currency,
            status="READY",
            balance=0,
            held=0,
            seq=0,
            head=b"",
            settled_at=None,
            owner=user.status,
            alias=self.alias,
            dlt_address=self.dlt_address,
            dlt_network=self.dlt_network,
            metadata=self.metadata,
            alert_below=None if self.alert_below is None else self.alert_in_minor(self.alert_below),
        )
        books.wallets[wallet.id] = wallet
        books.insert(wallet)
        books.record(
            "wallet", wallet.id, EventKind.WALLET_OPENED, wallet, self.by, user=str(user.id)
        )
        return self.outcome(wallet.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutWallet(OpenWallet):
    """Open a wallet with the caller's id, or replace the fields that can be changed.

    Raises:
        NotFound: the id is another client's, or nobody's and the caller does not create.
        AlreadyExists: the wallet is there, and the caller does not replace.
        VersionConflict: the wallet is not what the caller saw.
        Immutable: `userId` or `currency` differ from the wallet's.
        WalletNotReady: the wallet is closed.
        UserNotFound, UserNotActive, InvalidFields, WalletLimitReached: as for `OpenWallet`, when
            it is not there yet.
    """

    refuses: ClassVar[errors.Refusals] = (
        *OpenWallet.refuses,
        errors.NotFound,
        errors.AlreadyExists,
        errors.VersionConflict,
        errors.Immutable,
        errors.WalletNotReady,
    )

    wallet_id: UUID
    creates: bool = True
    replaces: bool = True

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        return Needs(users=(self.user_id,), wallets=wallets, labels=wallets)

    def apply(self, books: Books) -> Outcome:
        if self.wallet_id not in books.wallets and self.creates:
            return OpenWallet.apply(self, books)
        wallet = books.wallet(self.wallet_id, self.client_id)
        if not self.replaces:
            raise errors.AlreadyExists(field="walletId", wallet_id=wallet.id)
        require_version(wallet.version, self.if_match, wallet_id=wallet.id)
        for field, old, new in (
            ("userId", wallet.user_id, self.user_id),
            ("currency", wallet.currency, self.currency),
        ):
            if old != new:
                raise errors.Immutable(field=field, wallet_id=wallet.id)
        set_labels(
            books,
            wallet,
            self,
            alias=self.alias,
            dlt_address=self.dlt_address,
            dlt_network=self.dlt_network,
            metadata=self.metadata or {},
            alert_below=self.alert_below or NO_ALERT,
        )
        return self.outcome(wallet.id, status=200)

    def new_wallet_id(self) -> UUID:
        return self.wallet_id

    def explain(self, constraint: str) -> errors.Refused | None:
        if constraint != "wallets_wallet_pkey":
            return None
        if Wallet.objects.filter(id=self.wallet_id, client=self.client_id).exists():
            return None  # the client has opened it meanwhile; a retry finds it
        return errors.NotFound()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWallet(WalletOrder):
    """Set a wallet's alias, metadata and alert, close it permanently, or both.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: `alert_below` is not an amount of the wallet's currency.
        VersionConflict: the wallet is not what the caller saw.
        WalletNotReady: it is closed, and would be changed.
        WalletNotEmpty: it holds money and can't be closed.
    """

    made = "wallet"
    status = 200
    refuses: ClassVar[errors.Refusals] = (
        *WalletOrder.refuses,
        errors.InvalidFields,
        errors.VersionConflict,
        errors.WalletNotReady,
        errors.WalletNotEmpty,
    )

    alias: str | None = None
    metadata: Mapping[str, str] | None = None
    alert_below: Decimal | None = None
    """None keeps the alert; NO_ALERT removes it."""
    closing: bool = False

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        return Needs(wallets=wallets, labels=wallets)

    def check_shape(self, books: Books) -> None:
        if self.alert_below:
            count_minor(self.alert_below, self.wallet(books).currency, "alertBelow")

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        require_version(wallet.version, self.if_match, wallet_id=wallet.id)
        if self.closing:
            wallet.require_empty()
        set_labels(
            books,
            wallet,
            self,
            alias=self.alias,
            metadata=self.metadata,
            alert_below=self.alert_below,
        )
        if self.closing:
            close_wallet(books, wallet, self)
        return self.outcome(wallet.id)


def set_labels(
    books: Books,
    wallet: LockedWallet,
    order: Order,
    *,
    alias: str | None,
    dlt_address: str | None = None,
    dlt_network: str | None = None,
    metadata: Mapping[str, str] | None = None,
    alert_below: Decimal | None = None,
) -> None:
    """Set alias, DLT address, metadata and alert; None keeps the value, NO_ALERT removes the alert.

    The labels of the wallet were read. If nothing changes, it is allowed in every status. A new
    alert that is above the balance makes no event: the balance has not fallen.
    """
    given: tuple[Any, ...] = alias, dlt_address, dlt_network, metadata
    kept: tuple[Any, ...] = wallet.alias, wallet.dlt_address, wallet.dlt_network, wallet.metadata
    labels = tuple(old if new is None else new for old, new in zip(kept, given, strict=True))
    alert = wallet.alert_below
    if alert_below is not None:
        alert = wallet.to_minor(alert_below) if alert_below else None
    if (*labels, alert) == (*kept, wallet.alert_below):
        return
    wallet.require_open()
    wallet.alias, wallet.dlt_address, wallet.dlt_network, wallet.metadata = labels
    wallet.alert_below = alert
    books.update(wallet)
    books.record("wallet", wallet.id, EventKind.WALLET_CHANGED, wallet, order.by)


def close_wallet(books: Books, wallet: LockedWallet, order: Order) -> None:
    """Close an empty wallet; closing it again changes nothing."""
    if wallet.status == "UNSUBSCRIBED":
        return
    wallet.status = "UNSUBSCRIBED"
    books.update(wallet)
    books.record("wallet", wallet.id, EventKind.WALLET_UNSUBSCRIBED, wallet, order.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWallet(WalletOrder):
    """Block a wallet: it can't pay or receive until staff unblock it.

    Raises:
        NotFound: the client has no such wallet.
        InvalidTransition: the wallet is not ready.
    """

    made = "wallet"
    status = 200
    refuses: ClassVar[errors.Refusals] = (*WalletOrder.refuses, errors.InvalidTransition)
    path: ClassVar[tuple[str, str, EventKind]] = ("READY", "BLOCKED", EventKind.WALLET_BLOCKED)

    reason: str

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        before, after, kind = self.path
        if wallet.status != before:
            raise errors.InvalidTransition(
                wallet_id=wallet.id, status=wallet.status, requested=after
            )
        wallet.status = after
        books.update(wallet)
        books.record("wallet", wallet.id, kind, wallet, self.by, reason=self.reason)
        books.blocks[wallet.id] = self.reason  # for an order of the same group
        return self.outcome(wallet.id)


class UnblockWallet(BlockWallet):
    """Unblock a wallet.

    Raises:
        NotFound: the client has no such wallet.
        InvalidTransition: the wallet is not blocked.
        ApprovalRequired: it was blocked for suspected fraud, and one member of staff unblocks it.
    """

    refuses: ClassVar[errors.Refusals] = (*BlockWallet.refuses, errors.ApprovalRequired)
    path: ClassVar[tuple[str, str, EventKind]] = ("BLOCKED", "READY", EventKind.WALLET_UNBLOCKED)

    def needed(self) -> Needs:
        blocks = (self.wallet_id,) if self.by.is_alone else ()
        return super().needed()._replace(blocks=blocks)

    def apply(self, books: Books) -> Outcome:
        if self.wallet(books).status == "BLOCKED":
            require_no_fraud(books, self.by, self.wallet_id)
        return super().apply(books)
