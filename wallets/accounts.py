"""The bank accounts that a wallet pays out to: added once, removed for ever. Orders, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from iocash import errors
from users.models.clients import new_id
from wallets.books import Books
from wallets.models import ExternalAccount
from wallets.orders import Outcome, WalletOrder

INSERT: Final = """
    INSERT INTO wallets_externalaccount (id, client_id, wallet_id, alias, iban, status)
    VALUES (%s, %s, %s, %s, %s, 'ACTIVE')
"""
REMOVE: Final = "UPDATE wallets_externalaccount SET status = 'REMOVED' WHERE id = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExternalAccount(WalletOrder):
    """Keep a bank account by its `iban`, under an `alias`, for cash-outs to come.

    Raises:
        NotFound: the client has no such wallet.
        WalletNotReady: the wallet is closed.
        AlreadyExists: the wallet has this account already.
    """

    made = "account"

    iban: str
    alias: str = ""

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        wallet.require_open()
        account_id = new_id()
        books.write(INSERT, account_id, wallet.client_id, wallet.id, self.alias, self.iban)
        books.tell("account", account_id, "external_account.added", wallet, self.by)
        return self.done(account_id)

    def explain(self, constraint: str) -> errors.Refused | None:
        if constraint != "external_account_is_there_once":
            return None
        there = ExternalAccount.objects.filter(
            client=self.client_id, wallet=self.wallet_id, iban=self.iban, status="ACTIVE"
        ).first()
        if there is None:
            return None
        return errors.AlreadyExists(field="externalIban", external_account_id=there.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExternalAccount(WalletOrder):
    """Let no more cash-outs go to the account; removing what is removed changes nothing.

    Raises:
        NotFound: the wallet has no such account.
    """

    made = "account"
    status = 200

    account_id: UUID

    def accounts(self) -> tuple[UUID, ...]:
        return (self.account_id,)

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        account = books.account(self.account_id, wallet)
        if account is None:
            raise errors.NotFound()
        if account.status == "ACTIVE":
            books.write(REMOVE, account.id)
            books.tell("account", account.id, "external_account.removed", wallet, self.by)
        return self.done(account.id)
