"""Orders about external accounts: add and remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from iocash import errors
from users.models.clients import new_id
from users.models.events import EventKind
from wallets.books import Books
from wallets.books.rows import LockedAccount, LockedWallet
from wallets.orders.base import Outcome, WalletOrder
from wallets.orders.needs import Needs

INSERT: Final = """
    INSERT INTO wallets_externalaccount (id, client_id, wallet_id, alias, iban, status)
    VALUES (%s, %s, %s, %s, %s, 'ACTIVE')
"""
REMOVE: Final = """
    UPDATE wallets_externalaccount SET status = 'REMOVED' WHERE client_id = %s AND id = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExternalAccount(WalletOrder):
    """Store a bank account with its `iban` and `alias`, for later cash-outs.

    Raises:
        NotFound: the client has no such wallet.
        WalletNotReady: the wallet is closed.
        AlreadyExists: the wallet has this account already.
    """

    made = "account"

    iban: str
    alias: str = ""

    def needed(self) -> Needs:
        return Needs(wallets=(self.wallet_id,), new_accounts=((self.wallet_id, self.iban),))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        wallet.require_open()
        self.require_new(books, wallet)
        account = LockedAccount(new_id(), wallet.client_id, wallet.id, self.iban, "ACTIVE")
        books.accounts[account.id] = account
        books.write(INSERT, account.id, wallet.client_id, wallet.id, self.alias, self.iban)
        books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_ADDED, wallet, self.by)
        return self.done(account.id)

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
        NotFound: the wallet has no such account.
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
            books.write(REMOVE, wallet.client_id, account.id)
            books.record("account", account.id, EventKind.EXTERNAL_ACCOUNT_REMOVED, wallet, self.by)
        return self.done(account.id)
