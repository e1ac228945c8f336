"""The base class of the endpoints below wallets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404

from iocash import errors
from iocash.http import fields
from users.views.users import REPLAYED, ClientView
from wallets import posting
from wallets.models import Wallet
from wallets.models.wallets import SEEN
from wallets.orders.base import Order, Outcome


class OrderView(ClientView):
    """A view below a wallet, which submits orders of the wallet's client."""

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
