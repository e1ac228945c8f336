"""Orders about external accounts: add and remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from iocash import errors
from users.models.events import EventKind
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.rows import LockedAccount
from wallets.orders.base import Needs, Outcome, WalletOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExternalAccount(WalletOrder):
    """Store a bank account with its `iban` and `alias`, for later cash-outs.

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
    metadata: Mapping[str, str] | None = None

    def needed(self) -> Needs:
        new = LockedAccount.table, self.wallet_id, self.iban
        return Needs(wallets=(self.wallet_id,), new_resources=(new,))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        wallet.require_open()
        if found := books.active(LockedAccount, self.iban, wallet):
            raise errors.AlreadyExists(field="externalIban", external_account_id=found.id)
        account = LockedAccount(
            id=new_id(),
            client_id=wallet.client_id,
            wallet_id=wallet.id,
            iban=self.iban,
            status="ACTIVE",
            alias=self.alias,
            metadata=self.metadata or None,
        )
        books.insert(account)
        books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_ADDED, wallet, self.by)
        return self.outcome(account.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExternalAccount(WalletOrder):
    """Remove an external account permanently; a second removal changes nothing.

    Raises:
        NotFound: the client has no such wallet, or the wallet has no such account.
    """

    made = "account"
    status = 200

    account_id: UUID

    def needed(self) -> Needs:
        account = LockedAccount.table, self.account_id
        return Needs(wallets=(self.wallet_id,), resources=(account,))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        account = books.resource(LockedAccount, self.account_id, wallet)
        if account is None:
            raise errors.NotFound()
        if account.is_active:
            account.status = "REMOVED"
            books.update(account)
            books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_REMOVED, wallet, self.by)
        return self.outcome(account.id)
