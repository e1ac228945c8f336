"""Orders of several items as one operation, and batches: several movements of one wallet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from iocash import errors
from users.models.fingerprints import Asked
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.deeds import WatchedAction
from wallets.orders.base import MoneyOrder, Needs, Order, Outcome, attempt
from wallets.orders.forced import apply_unless_asked

Item = TypeVar("Item", bound=MoneyOrder)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsOrder(Order, Generic[Item]):
    """An order of several items, executed as one operation: all of them, in turn, or none."""

    refuses: ClassVar[errors.Refusals] = (errors.InvalidFields, errors.BatchRefused)
    is_watched = True
    list_name: ClassVar[str]
    """The name of the list of items in the body."""

    items: tuple[Item, ...]
    digested: bytes = field(init=False, repr=False, compare=False)
    """Calculate the digest before wallets are locked, because it takes long."""

    def __post_init__(self) -> None:
        Order.__post_init__(self)
        object.__setattr__(self, "digested", Order.digest(self) if self.key else b"")

    def needed(self) -> Needs:
        return Needs.of_all(item.needs for item in self.items)

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        return [deed for item in self.items if item.is_watched for deed in item.deeds(books)]

    @property
    def weight(self) -> int:
        return len(self.items)

    def asked(self) -> Asked:
        verb, values = Order.asked(self)
        return Asked(verb, {**values, "items": [item.asked() for item in self.items]})

    def digest(self) -> bytes:
        return self.digested or Order.digest(self)

    def check_shape(self, books: Books) -> None:
        if wrong := [*self.wrong_fields(books)]:
            raise errors.InvalidFields(*wrong)

    def wrong_fields(self, books: Books) -> Iterator[errors.FieldError]:
        """The wrong fields of all items, with their places in the body."""
        for index, item in enumerate(self.items):
            try:
                self.check_item(item, books)
            except errors.InvalidFields as refusal:
                for error in refusal.errors:
                    yield error._replace(field=f"{self.list_name}[{index}].{error.field}")

    def check_item(self, item: Item, books: Books) -> None:
        """Raise InvalidFields if the item is wrong in every state."""
        item.check_shape(books)

    def execute_items(self, books: Books, operation_id: UUID) -> list[Outcome]:
        """Execute each item on what those before it left; return the outcomes of all.

        Raises:
            BatchRefused: rules refused some; nothing was changed.
        """
        fork = books.fork(self.needs.wallets, operation_id)
        answers = [attempt(partial(apply_unless_asked, item, fork)) for item in self.items]
        refused = [
            self.refused_item(index, answer)
            for index, answer in enumerate(answers)
            if isinstance(answer, errors.Refused)
        ]
        if refused:
            raise errors.BatchRefused(refused=len(refused), count=len(self.items), items=refused)
        books.merge(fork)
        return [answer for answer in answers if isinstance(answer, Outcome)]

    def refused_item(self, index: int, refusal: errors.Refused) -> dict[str, object]:
        """What `conflict` says of a refused item."""
        return {"index": index, "code": refusal.code, "detail": refusal.words, **refusal.facts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(ItemsOrder[MoneyOrder]):
    """Execute several orders about one wallet as one operation: all of them, in turn, or none.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: an amount is not one of the currency, or a target is the wallet itself.
        BatchRefused: rules refused some; it names each of them with its index.
    """

    made = "batch"
    refuses: ClassVar[errors.Refusals] = (errors.NotFound, *ItemsOrder.refuses)
    list_name = "movements"

    wallet_id: UUID

    def needed(self) -> Needs:
        own = Needs(wallets=(self.wallet_id,))
        return Needs.of_all([own, *(item.needs for item in self.items)])

    def check_shape(self, books: Books) -> None:
        books.wallet(self.wallet_id, self.client_id)
        ItemsOrder.check_shape(self, books)

    def apply(self, books: Books) -> Outcome:
        operation_id = new_id()
        outcomes = self.execute_items(books, operation_id)
        return self.outcome(operation_id, *(leg for each in outcomes for leg in each.legs))
