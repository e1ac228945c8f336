"""The base class of the endpoints below wallets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from iocash import errors, money
from iocash.http import fields
from iocash.http.rendering import Response
from users.views.users import REPLAYED, ClientView
from wallets import posting
from wallets.models import Wallet
from wallets.models.wallets import SEEN
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

    def listed(
        self,
        found: QuerySet[Any],
        parts: Sequence[Q],
        walked: QuerySet[Any] | None = None,
    ) -> Response:
        """Answer one page of `found`, whose rows are in one of `parts` each.

        An index has the rows of each part in order. `walked` has more rows than `found` if some
        filters have no index; then a page scans a bounded number of these.
        """
        if walked is not None:
            self.scanned = [walked.filter(part) for part in parts]
        return self.page([found.filter(part) for part in parts])

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


def minor(filters: dict[str, Any], name: str, currency: str) -> int | None:
    """Remove an amount from the filters. Returns it in minor units of the currency."""
    amount = filters.pop(name, None)
    if amount is None:
        return None
    try:
        return money.to_minor(amount, currency)
    except money.WrongAmount as wrong:
        public = "minAmount" if name == "min_amount" else "maxAmount"
        error = errors.FieldError(public, wrong.code, str(wrong))
        raise errors.InvalidParameters(error) from None


def of_wallets(wallets: Sequence[UUID] | None) -> list[Q]:
    """The rows of each of these wallets; None: of all, in one part."""
    return [Q()] if wallets is None else [Q(wallet=each) for each in wallets]


def product(parts: Sequence[Q], column: str, values: Sequence[Any], most: int = 20) -> list[Q]:
    """Divide each part by the values of a column; unless these would be more than `most`."""
    if len(parts) * len(values) > most:
        return [part & Q((f"{column}__in", values)) for part in parts]
    return [part & Q((column, value)) for part in parts for value in values]
