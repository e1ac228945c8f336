"""The order that assigns an IBAN to a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iocash import errors
from users.models.events import EventKind
from wallets.books import Books, ibans
from wallets.orders.base import Needs, Outcome, WalletOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIban(WalletOrder):
    """Assign an IBAN to the wallet, permanently.

    Raises:
        NotFound: the client has no such wallet.
        WalletNotReady: the wallet is closed.
        AlreadyExists: it has an IBAN.
    """

    made = "wallet"
    refuses: ClassVar[errors.Refusals] = (
        *WalletOrder.refuses,
        errors.WalletNotReady,
        errors.AlreadyExists,
    )

    def needed(self) -> Needs:
        return Needs(wallets=(self.wallet_id,), numbers=1)

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        wallet.require_open()
        if wallet.iban:
            raise errors.AlreadyExists(field="iban", wallet_id=wallet.id, iban=wallet.iban)
        wallet.iban = ibans.make(books.numbers.pop())
        books.update(wallet)
        books.record("wallet", wallet.id, EventKind.WALLET_IBAN_CREATED, wallet, self.by)
        return self.outcome(wallet.id)
