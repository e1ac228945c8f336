"""Orders about external accounts: add and remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from iocash import errors
from users.models.events import EventKind
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.rows import LockedAccount, LockedWallet
from wallets.orders.base import Outcome, WalletOrder
from wallets.orders.needs import Needs


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

    def needed(self) -> Needs:
        return Needs(wallets=(self.wallet_id,), new_accounts=((self.wallet_id, self.iban),))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        wallet.require_open()
        self.require_new(books, wallet)
        account = LockedAccount(
            id=new_id(),
            client_id=wallet.client_id,
            wallet_id=wallet.id,
            iban=self.iban,
            status="ACTIVE",
            alias=self.alias,
        )
        books.accounts[account.id] = account
        books.insert(account)
        books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_ADDED, wallet, self.by)
        return self.outcome(account.id)

    def require_new(self, books: Books, wallet: LockedWallet) -> None:
        """Check uniqueness under the lock: a constraint would roll back the whole group."""
        for account in books.accounts.values():
            is_same = (account.wallet_id, account.iban) == (wallet.id, self.iban)
            if is_same and account.status == "ACTIVE":
                raise errors.AlreadyExists(field="externalIban", external_account_id=account.id)


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
        return Needs(wallets=(self.wallet_id,), accounts=(self.account_id,))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        account = books.account(self.account_id, wallet)
        if account is None:
            raise errors.NotFound()
        if account.status == "ACTIVE":
            account.status = "REMOVED"
            books.update(account)
            books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_REMOVED, wallet, self.by)
        return self.outcome(account.id)
