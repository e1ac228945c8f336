"""The verbs that move money, and the only code that does.

Each order says what it needs, what it refuses, and what it does to the books. Orders are run with
their wallets locked; amounts are positive decimals of the wallet's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from iocash import errors
from wallets.books import Books, MoneyOrder, Outcome
from wallets.rows import Leg


def made(leg: Leg) -> Outcome:
    return Outcome("movement", leg.id, 201, thing=leg)


@dataclass(frozen=True, slots=True, kw_only=True)
class CashIn(MoneyOrder):
    """Bring `amount` from the outside into the wallet `target`.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: the amount has more decimals than the currency.
        WalletNotReady, UserNotActive: the wallet or its owner may not receive.
        LimitExceeded: the balance would pass its ceiling.
    """

    type = "CASH_IN"

    target: UUID

    def wallets(self) -> tuple[UUID, ...]:
        return (self.target,)

    def check_shape(self, books: Books) -> None:
        books.wallet(self.target, self.client_id).minor(self.amount)

    def apply(self, books: Books) -> Outcome:
        target = books.wallet(self.target, self.client_id)
        amount = target.minor(self.amount)
        target.require_ready()
        target.require_room(amount)
        return made(books.bring(target, amount, self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(MoneyOrder):
    """Move `amount` from the wallet `source` to the wallet `target` of the same client.

    Raises:
        NotFound: the client has no wallet `source`.
        TargetWalletNotFound: the client has no wallet `target`.
        InvalidFields: the amount has more decimals than the currency, or the wallets are one.
        WalletNotReady, UserNotActive: a wallet or its owner may not pay or receive.
        CurrencyMismatch: the wallets are in different currencies.
        InsufficientFunds: less than `amount` is available in `source`.
        LimitExceeded: the balance of `target` would pass its ceiling.
    """

    type = "TRANSFER"

    source: UUID
    target: UUID

    def wallets(self) -> tuple[UUID, ...]:
        return (self.source, self.target)

    def check_shape(self, books: Books) -> None:
        books.wallet(self.source, self.client_id).minor(self.amount)
        if self.source == self.target:
            raise errors.InvalidFields(
                errors.FieldError("targetWalletId", "same_wallet", "Name another wallet.")
            )

    def apply(self, books: Books) -> Outcome:
        source = books.wallet(self.source, self.client_id)
        target = books.find(self.target, self.client_id)
        if target is None:
            raise errors.TargetWalletNotFound(target_wallet_id=self.target)
        amount = source.minor(self.amount)
        source.require_ready()
        target.require_ready()
        if source.currency != target.currency:
            raise errors.CurrencyMismatch(currency=source.currency, target_currency=target.currency)
        source.require_available(amount)
        target.require_room(amount)
        return made(books.pay(source, target, amount, self))
