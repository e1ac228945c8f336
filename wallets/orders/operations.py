"""Operations: transfers between any wallets of a client, all of them or none."""

from __future__ import annotations

from dataclasses import dataclass

from iocash import errors
from users.models.ids import new_id
from wallets.books import Books
from wallets.orders.base import Outcome
from wallets.orders.batch import ItemsOrder
from wallets.orders.payments import Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOperation(ItemsOrder[Transfer]):
    """Execute transfers of several payers as one operation: all of them, in turn, or none.

    Each is judged on what those before it left. A wallet can pay and receive in one operation.

    Raises:
        InvalidFields: an amount is not one of the source's currency, or source and target are one.
        BatchRefused: rules refused some; it names each of them with its index.
    """

    made = "operation"
    list_name = "transfers"

    def check_item(self, item: Transfer, books: Books) -> None:
        """An unknown source has no currency; the transfer is refused when it is judged."""
        item.require_two_wallets()
        if books.find_wallet(item.wallet_id, item.client_id):
            item.check_shape(books)

    def refused_item(self, index: int, refusal: errors.Refused) -> dict[str, object]:
        """The body names the source: an unknown one is not the resource of the path."""
        if isinstance(refusal, errors.NotFound):
            refusal = errors.SourceWalletNotFound(source_wallet_id=self.items[index].wallet_id)
        return ItemsOrder.refused_item(self, index, refusal)

    def apply(self, books: Books) -> Outcome:
        """Return the legs of each transfer in turn, as created: the payer's, then the payee's."""
        operation_id, before = new_id(), len(books.legs)
        self.execute_items(books, operation_id)
        return self.outcome(operation_id, *sorted(books.legs[before:], key=lambda leg: leg.id))
