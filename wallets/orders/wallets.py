"""Orders about wallets: open, change, close, block and unblock them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from django.conf import settings

from iocash import errors, money
from users.models.clients import new_id
from users.models.events import EventKind
from users.models.versions import require_version
from users.users import ACTIVATED
from wallets.books import Books
from wallets.books.rows import LockedUser, LockedWallet, as_json
from wallets.models import Wallet
from wallets.orders.base import Order, Outcome, UserOrder, WalletOrder
from wallets.orders.needs import Needs

INSERT_WALLET: Final = """
    INSERT INTO wallets_wallet
        (id, client_id, user_id, currency, status, alias, dlt_address, dlt_network,
         metadata, balance, held, received, seq, head)
    VALUES (%s, %s, %s, %s, 'READY', %s, %s, %s, %s::jsonb, 0, 0, 0, 0, '')
"""
UPDATE_LABELS: Final = """
    UPDATE wallets_wallet SET alias = coalesce(%s, alias),
        dlt_address = coalesce(%s, dlt_address), dlt_network = coalesce(%s, dlt_network),
        metadata = nullif(coalesce(%s::jsonb, metadata), '{}')
    WHERE client_id = %s AND id = %s
"""
SET_WALLET_STATUS: Final = """
    UPDATE wallets_wallet SET status = %s WHERE client_id = %s AND id = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWallet(UserOrder):
    """Open a wallet for an activated user.

    Raises:
        UserNotFound: the client has no such user.
        UserNotActive: the user is not activated.
        InvalidFields: ISO 4217 has withdrawn the currency.
        LimitExceeded: the user has as many wallets as a user may have.
    """

    made = "wallet"
    status = 201

    currency: str = "EUR"
    alias: str = ""
    dlt_address: str = ""
    dlt_network: str = ""
    metadata: Mapping[str, str] | None = None

    def apply(self, books: Books) -> Outcome:
        user = books.user(self.user_id, self.client_id)
        if user is None:
            raise errors.UserNotFound(user_id=self.user_id)
        if user.status != ACTIVATED:
            raise errors.UserNotActive(user_id=user.id, status=user.status)
        self.require_active_currency()
        self.require_place(books)
        return self.open(books, user)

    def require_active_currency(self) -> None:
        if self.currency not in money.currencies():
            raise errors.InvalidFields(
                errors.FieldError("currency", "invalid_choice", "Withdrawn from ISO 4217.")
            )

    def require_place(self, books: Books) -> None:
        used = sum(wallet.status != "UNSUBSCRIBED" for wallet in books.wallets_of(self.user_id))
        limit: int = settings.MAX_WALLETS_PER_USER
        if used >= limit:
            raise errors.LimitExceeded(limit=limit, used=used, requested=1, user_id=self.user_id)

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
        )
        books.wallets[wallet.id] = wallet
        books.write(
            INSERT_WALLET,
            wallet.id,
            wallet.client_id,
            wallet.user_id,
            wallet.currency,
            self.alias,
            self.dlt_address,
            self.dlt_network,
            as_json(self.metadata),
        )
        books.record(
            "wallet", wallet.id, EventKind.WALLET_OPENED, wallet, self.by, user=str(user.id)
        )
        return self.done(wallet.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutWallet(OpenWallet):
    """Open a wallet with the caller's id, or replace the fields that can be changed.

    Raises:
        NotFound: the id is another client's, or nobody's and the caller does not create.
        AlreadyExists: the wallet is there, and the caller does not replace.
        VersionConflict: the wallet is not what the caller saw.
        Immutable: `userId` or `currency` differ from the wallet's.
        WalletNotReady: the wallet is closed.
        UserNotFound, UserNotActive, LimitExceeded: as for `OpenWallet`, when it is not there yet.
    """

    wallet_id: UUID
    creates: bool = True
    replaces: bool = True

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        versions = wallets if self.if_match is not None else ()
        return Needs(users=(self.user_id,), wallets=wallets, versions=versions)

    def apply(self, books: Books) -> Outcome:
        if self.wallet_id not in books.wallets and self.creates:
            return OpenWallet.apply(self, books)
        wallet = books.wallet(self.wallet_id, self.client_id)
        if not self.replaces:
            raise errors.AlreadyExists(field="walletId", wallet_id=wallet.id)
        require_version(books.versions.get(wallet.id, ""), self.if_match, wallet_id=wallet.id)
        for field, old, new in (
            ("userId", wallet.user_id, self.user_id),
            ("currency", wallet.currency, self.currency),
        ):
            if old != new:
                raise errors.Immutable(field=field, wallet_id=wallet.id)
        label(
            books,
            wallet,
            self,
            alias=self.alias,
            dlt_address=self.dlt_address,
            dlt_network=self.dlt_network,
            metadata=self.metadata or {},
        )
        return self.done(wallet.id, status=200)

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
    """Set a wallet's alias and metadata, close it permanently, or both.

    Raises:
        NotFound: the client has no such wallet.
        VersionConflict: the wallet is not what the caller saw.
        WalletNotReady: it is closed, and would be changed.
        WalletNotEmpty: it holds money and can't be closed.
    """

    made = "wallet"
    status = 200

    alias: str | None = None
    metadata: Mapping[str, str] | None = None
    closing: bool = False

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        return Needs(wallets=wallets, versions=wallets if self.if_match is not None else ())

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        require_version(books.versions.get(wallet.id, ""), self.if_match, wallet_id=wallet.id)
        if self.closing:
            wallet.require_empty()
        if self.alias is not None or self.metadata is not None:
            label(books, wallet, self, alias=self.alias, metadata=self.metadata)
        if self.closing:
            close(books, wallet, self)
        return self.done(wallet.id)


def label(
    books: Books,
    wallet: LockedWallet,
    order: Order,
    *,
    alias: str | None,
    dlt_address: str | None = None,
    dlt_network: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Set alias, DLT address and metadata; None keeps the value."""
    wallet.require_open()
    pairs = None if metadata is None else as_json(metadata) or "{}"
    values = (alias, dlt_address, dlt_network, pairs, wallet.client_id, wallet.id)
    books.write(UPDATE_LABELS, *values)
    books.record("wallet", wallet.id, EventKind.WALLET_CHANGED, wallet, order.by)


def close(books: Books, wallet: LockedWallet, order: Order) -> None:
    """Close an empty wallet; closing it again changes nothing."""
    if wallet.status == "UNSUBSCRIBED":
        return
    wallet.status = "UNSUBSCRIBED"
    books.write(SET_WALLET_STATUS, wallet.status, wallet.client_id, wallet.id)
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
        books.write(SET_WALLET_STATUS, after, wallet.client_id, wallet.id)
        books.record("wallet", wallet.id, kind, wallet, self.by, reason=self.reason)
        return self.done(wallet.id)


class UnblockWallet(BlockWallet):
    """Unblock a wallet.

    Raises:
        NotFound: the client has no such wallet.
        InvalidTransition: the wallet is not blocked.
    """

    path = ("BLOCKED", "READY", EventKind.WALLET_UNBLOCKED)
