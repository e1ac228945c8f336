"""Batches: several movements of one wallet as one operation."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from iocash import errors
from users.models.fingerprints import Asked
from users.models.ids import new_id
from wallets.books import Books
from wallets.orders.base import MoneyOrder, Needs, Outcome, WalletOrder, attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(WalletOrder):
    """Execute several orders about one wallet as one operation: all of them, in turn, or none.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: an amount is not one of the currency, or a target is the wallet itself.
        BatchRefused: rules refused some; it names each of them with its index.
    """

    made = "batch"
    refuses: ClassVar[errors.Refusals] = (
        *WalletOrder.refuses,
        errors.InvalidFields,
        errors.BatchRefused,
    )

    items: tuple[MoneyOrder, ...]
    digested: bytes = field(init=False, repr=False, compare=False)
    """Calculate the digest before wallets are locked, because it takes long."""

    def __post_init__(self) -> None:
        WalletOrder.__post_init__(self)
        object.__setattr__(self, "digested", WalletOrder.digest(self) if self.key else b"")

    def needed(self) -> Needs:
        own = Needs(wallets=(self.wallet_id,))
        return Needs.of_all([own, *(item.needs for item in self.items)])

    @property
    def weight(self) -> int:
        return len(self.items)

    def asked(self) -> Asked:
        verb, values = WalletOrder.asked(self)
        return Asked(verb, {**values, "items": [item.asked() for item in self.items]})

    def digest(self) -> bytes:
        return self.digested or WalletOrder.digest(self)

    def check_shape(self, books: Books) -> None:
        self.wallet(books)
        wrong: list[errors.FieldError] = []
        for index, item in enumerate(self.items):
            try:
                item.check_shape(books)
            except errors.InvalidFields as refusal:
                wrong += [
                    error._replace(field=f"movements[{index}].{error.field}")
                    for error in refusal.errors
                ]
        if wrong:
            raise errors.InvalidFields(*wrong)

    def apply(self, books: Books) -> Outcome:
        operation_id = new_id()
        fork = books.fork(self.needs.wallets, operation_id)
        outcomes = [attempt(partial(item.apply, fork)) for item in self.items]
        refused = [
            {"index": index, "code": outcome.code, "detail": outcome.words, **outcome.facts}
            for index, outcome in enumerate(outcomes)
            if isinstance(outcome, errors.Refused)
        ]
        if refused:
            raise errors.BatchRefused(refused=len(refused), count=len(self.items), items=refused)
        books.merge(fork)
        done = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
        return self.outcome(operation_id, *(leg for outcome in done for leg in outcome.legs))
