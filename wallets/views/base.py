"""The base class of the endpoints below wallets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from iocash import errors, money
from iocash.db.transactions import Statement
from iocash.http import fields
from iocash.http.pages import Parts
from users.views.users import REPLAYED, ClientView
from wallets import posting
from wallets.models import Wallet
from wallets.models.wallets import OWNED, SEEN
from wallets.orders.base import Order, Outcome


class OrderView(ClientView):
    """A view below a wallet, which submits orders of the wallet's client."""

    scanned: Sequence[QuerySet[Any]] = ()
    """What `ScanningPages` walks to find what filters leave; empty: an index finds it."""
    path_fields = {
        "wallet_id": fields.Id(help_text="The id of the wallet."),
        "movement_id": fields.Id(help_text="The id of a movement of the wallet."),
        "operation_id": fields.Id(help_text="The id of the operation, as its movements show it."),
        "hold_id": fields.Id(help_text="The id of a hold of the wallet."),
        "account_id": fields.Id(help_text="The id of an external account of the wallet."),
        "schedule_id": fields.Id(help_text="The id of a scheduled operation of the wallet."),
        "file_id": fields.Id(help_text="The id of a statement file of the wallet."),
        "execution_id": fields.Id(help_text="The id of an execution of the scheduled operation."),
    }

    def submit(self, order: Order) -> Outcome:
        """Submit the order, or judge it if the request is a dry run; see `posting`."""
        if self.query.get("dry_run"):
            return posting.dry_run(order)
        return self.do(posting.submit, order)

    def wallet(self, wallet_id: UUID) -> Wallet:
        if self.caller.client_id is None:
            return get_object_or_404(Wallet.objects.seen(), id=wallet_id)
        wallet = self.proof.first(SEEN, self.caller.client_id, wallet_id)
        if wallet is None:
            raise errors.NotFound()
        return wallet

    def client_of(self, wallet_id: UUID) -> UUID:
        """The client of an order: the caller's or, for staff, the wallet's."""
        return self.caller.client_id or self.wallet(wallet_id).client_id

    def common(self, wallet_id: UUID) -> dict[str, Any]:
        """The fields that all orders about a wallet share."""
        return {
            "client_id": self.client_of(wallet_id),
            "by": self.by,
            "proof": self.caller.proof,
            "wallet_id": wallet_id,
        }

    def replayed(self, outcome: Outcome) -> dict[str, str]:
        """The header of a replayed response."""
        return REPLAYED if outcome.replayed else {}

    # Lists

    listed_wallet: UUID | None = None
    """The wallet of a list, which is read in the same trip as the list."""
    listed_client: UUID | None = None
    """The client of a list; None, for staff: all."""

    def fetch(self, *questions: Statement) -> list[list[Any]]:
        """Execute queries in one trip.

        Raises:
            NotFound: the client has no `listed_wallet`.
        """
        client_id, wallet_id = self.caller.client_id, self.listed_wallet
        if client_id is None or wallet_id is None:
            return super().fetch(*questions)
        wallets, *found = super().fetch((OWNED, [client_id, wallet_id]), *questions)
        if not wallets:
            raise errors.NotFound()
        self.listed_wallet = None
        return found

    def filters_of_wallet(self, wallet_id: UUID) -> dict[str, Any]:
        """The filters of a list of this wallet; its currency is read first if amounts need it."""
        filters: dict[str, Any] = {**self.filters(), "wallet__in": [wallet_id]}
        if filters.keys() & AMOUNTS or self.caller.client_id is None:
            wallet = self.wallet(wallet_id)
            self.listed_client = wallet.client_id
            return with_minor_units(filters, wallet.currency)
        self.listed_wallet, self.listed_client = wallet_id, self.caller.client_id
        return filters

    def filters_of_wallets(self) -> dict[str, Any]:
        """The filters of a list across wallets."""
        filters, self.listed_client = self.filters(), self.caller.client_id
        currency = filters.get("currency", "")
        if (wallets := self.asked_wallets(filters)) is not None:
            filters["wallet__in"] = wallets
        return with_minor_units(filters, currency)

    def asked_wallets(self, filters: dict[str, Any]) -> list[UUID] | None:
        """Remove `wallet_id` and `user_id` from the filters; return the wallets, None: all."""
        ids, owners = filters.pop("wallet_id", None), filters.pop("user_id", None)
        if ids is None and owners is None:
            return None
        wallets = Wallet.objects.owned_by(self.caller.client_id)
        if ids is not None:
            wallets = wallets.filter(id__in=ids)
        if owners is not None:
            wallets = wallets.filter(user__in=owners)
        return list(wallets.values_list("id", flat=True))


AMOUNTS: Final = {"min_amount": "minAmount", "max_amount": "maxAmount"}
"""The filters by amounts, and their public names."""


def with_minor_units(filters: dict[str, Any], currency: str) -> dict[str, Any]:
    """The filters, with amounts in minor units of the currency.

    Raises:
        InvalidParameters: an amount is not one of the currency.
    """
    try:
        for name in AMOUNTS.keys() & filters.keys():
            filters[name] = money.to_minor(filters[name], currency)
    except money.WrongAmount as wrong:
        words = errors.Message(wrong.template, **wrong.values)
        error = errors.FieldError(AMOUNTS[name], wrong.code, words)
        raise errors.InvalidParameters(error) from None
    return filters


def parts_of(
    found: QuerySet[Any], parts: Sequence[Q], scanned: QuerySet[Any] | None = None
) -> Parts:
    """The rows of `found`, each of which is in one of `parts`; an index has each part in order.

    `scanned` has more rows than `found` if some filters have no index.
    """
    if not parts:
        return Parts([found.none()])
    walked = None if scanned is None else [scanned.filter(part) for part in parts]
    return Parts([found.filter(part) for part in parts], walked)


def of_wallets(wallets: Sequence[UUID] | None) -> list[Q]:
    """The rows of each of these wallets; None: of all, in one part."""
    return [Q()] if wallets is None else [Q(wallet=each) for each in wallets]


def product(parts: Sequence[Q], column: str, values: Sequence[Any], most: int = 20) -> list[Q]:
    """Divide each part by the values of a column; unless these would be more than `most`."""
    if len(parts) * len(values) > most:
        return [part & Q((f"{column}__in", values)) for part in parts]
    return [part & Q((column, value)) for part in parts for value in values]
