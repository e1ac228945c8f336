"""Orders about external accounts: add, change and remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from iocash import errors
from users.models.events import EventKind
from users.models.ids import new_id
from users.models.versions import require_version
from wallets.books import Books
from wallets.books.rows import LockedAccount, LockedWallet
from wallets.orders.base import Needs, Outcome, WalletOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExternalAccount(WalletOrder):
    """Store a bank account with its `iban`, holder and `alias`, for later cash-outs.

    Raises:
        NotFound: the client has no such wallet.
        WalletNotReady: the wallet is closed.
        AlreadyExists: the wallet has this account already.
    """

    made = "account"
    refuses: ClassVar[errors.Refusals] = (
        *WalletOrder.refuses,
        errors.WalletNotReady,
        errors.AlreadyExists,
    )

    iban: str
    alias: str = ""
    holder_name: str = ""
    metadata: Mapping[str, str] | None = None

    def needed(self) -> Needs:
        new = LockedAccount.table, self.wallet_id, self.iban
        return Needs(wallets=(self.wallet_id,), new_resources=(new,))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        wallet.require_open()
        if found := books.active(LockedAccount, self.iban, wallet):
            raise errors.AlreadyExists(field="iban", external_account_id=found.id)
        account = LockedAccount(
            id=new_id(),
            client_id=wallet.client_id,
            wallet_id=wallet.id,
            iban=self.iban,
            status="ACTIVE",
            alias=self.alias,
            holder_name=self.holder_name,
            metadata=self.metadata or None,
        )
        books.insert(account)
        books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_ADDED, wallet, self.by)
        return self.outcome(account.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccountOrder(WalletOrder):
    """An order about one external account of the wallet."""

    made = "account"
    status = 200
    refuses: ClassVar[errors.Refusals] = (*WalletOrder.refuses, errors.VersionConflict)

    account_id: UUID

    def needed(self) -> Needs:
        account = LockedAccount.table, self.account_id
        return Needs(wallets=(self.wallet_id,), resources=(account,))

    def current_account(self, books: Books) -> tuple[LockedWallet, LockedAccount]:
        """The wallet and its account, which must be what the caller saw."""
        wallet = self.wallet(books)
        account = books.resource(LockedAccount, self.account_id, wallet)
        if account is None:
            raise errors.NotFound()
        require_version(account.version, self.if_match, external_account_id=account.id)
        return wallet, account


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeExternalAccount(ExternalAccountOrder):
    """Replace the metadata of an external account; None removes them.

    The metadata that it has already change nothing, in every status.

    Raises:
        NotFound: the client has no such wallet, or the wallet has no such account.
        VersionConflict: it is not what the caller saw.
        WalletNotReady: the wallet is closed.
        ExternalAccountRemoved: it was removed.
    """

    refuses: ClassVar[errors.Refusals] = (
        *ExternalAccountOrder.refuses,
        errors.WalletNotReady,
        errors.ExternalAccountRemoved,
    )

    metadata: Mapping[str, str] | None

    def apply(self, books: Books) -> Outcome:
        wallet, account = self.current_account(books)
        metadata = self.metadata or None
        if metadata == (account.metadata or None):
            return self.outcome(account.id)
        wallet.require_open()
        account.require_active()
        account.metadata = metadata
        books.update(account)
        books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_CHANGED, wallet, self.by)
        return self.outcome(account.id)


class RemoveExternalAccount(ExternalAccountOrder):
    """Remove an external account permanently; a second removal changes nothing.

    Raises:
        NotFound: the client has no such wallet, or the wallet has no such account.
        VersionConflict: it is not what the caller saw.
    """

    def apply(self, books: Books) -> Outcome:
        wallet, account = self.current_account(books)
        if account.is_active:
            account.status = "REMOVED"
            books.update(account)
            books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_REMOVED, wallet, self.by)
        return self.outcome(account.id)
