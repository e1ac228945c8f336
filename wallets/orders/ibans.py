"""IBANs of the institution's own range, from a sequence, so that each is assigned once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.conf import settings
from schwifty import IBAN

from iocash import errors
from users.models.events import EventKind
from wallets.books import Books
from wallets.orders.base import Outcome, WalletOrder
from wallets.orders.needs import Needs


def make(number: int) -> str:
    """The IBAN (ISO 13616) of the account with this number, at the institution of the settings.

    Raises:
        schwifty.exceptions.SchwiftyException: the range is exhausted, or the settings are wrong.
    """
    iban = IBAN.generate(
        settings.IBAN_COUNTRY,
        bank_code=settings.IBAN_BANK_CODE,
        branch_code=settings.IBAN_BRANCH_CODE,
        account_code=str(number),
    )
    return str(iban)


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
        wallet.iban = make(books.numbers.pop())
        books.update(wallet)
        books.record("wallet", wallet.id, EventKind.WALLET_IBAN_CREATED, wallet, self.by)
        return self.outcome(wallet.id)
