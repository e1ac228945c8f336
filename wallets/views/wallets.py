"""The endpoints of wallets."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http import fields
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.pages import Listing, Parts
from iocash.http.views import Created
from users.models import User
from users.serializers.users import Nothing
from users.views.lists import ReleasedPages
from wallets.models import Movement, Wallet
from wallets.orders.base import Outcome
from wallets.orders.ibans import CreateIban
from wallets.orders.wallets import ChangeWallet, OpenWallet, PutWallet
from wallets.serializers.movements import MovementAnswer
from wallets.serializers.wallets import (
    UserWalletQuery,
    WalletAnswer,
    WalletBody,
    WalletChange,
    WalletQuery,
)
from wallets.views.base import OrderView

LAST = 10
"""Number of movements on a wallet's page."""


class WalletView(OrderView):
    scope = "wallets"
    model = Wallet
    serializer_class = WalletAnswer
    versioned = True

    def listed(self, **filters: Any) -> Response:
        """Answer a page of the wallets of the client that the query and the filters leave."""
        asked = self.filters()
        pairs = asked.pop("metadata", None)
        exact = {f"{name}__in": each for name, each in asked.items()} | filters
        values = {"client_id": self.caller.client_id, "filters": exact, "pairs": pairs}
        return self.page(Listing(rows_of_wallets, values))

    def answer(self, outcome: Outcome) -> Response:
        wallet = read_back(partial(self.wallet, outcome.id))
        if outcome.status != HTTPStatus.CREATED:
            return self.shown(wallet)
        where = location(self.request, "wallet", wallet_id=wallet.id)
        headers = self.tag(wallet) | self.replayed(outcome)
        return Created(self.show(wallet), where, headers=headers)

    def shown(self, wallet: Wallet) -> Response:
        return Response(self.show(wallet), headers=self.tag(wallet))


def rows_of_wallets(client_id: UUID | None, filters: dict[str, Any], pairs: str | None) -> Parts:
    found = Wallet.objects.owned_by(client_id).seen().filter(**filters)
    return Parts([found.with_pairs(pairs) if pairs else found])


class WalletListView(WalletView):
    """The wallets of the client."""

    title = "Wallets"
    collection = "wallets"
    pagination_class = ReleasedPages

    @operation(name="list_wallets", query=WalletQuery, spends_proof=True, reads_replica=True)
    def get(self, request: Request) -> Response:
        """List the wallets of the client.

        Of all users, or of some with `userId`. Closed wallets are included: filter by `status`.
        """
        return self.listed()

    @operation(name="create_wallet", body=WalletBody, keyed=True, refuses=OpenWallet.refuses)
    def post(self, request: Request) -> Response:
        """Open a wallet.

        In one currency, for an activated user. A user has at most five open wallets. The first one
        is opened when the user is activated.
        """
        order = OpenWallet(client_id=self.client_id, by=self.by, key=self.key, **self.body())
        return self.answer(self.submit(order))


class UserWalletListView(WalletView):
    """The wallets of a user."""

    title = "Wallets of a user"
    collection = "wallets"
    pagination_class = ReleasedPages
    path_fields = {"user_id": fields.Id(help_text="The id of the user.")}

    @operation(name="list_user_wallets", query=UserWalletQuery, reads_replica=True)
    def get(self, request: Request, user_id: UUID) -> Response:
        """List the wallets of a user.

        Closed wallets are included: filter by `status`.
        """
        user = get_object_or_404(User.objects.owned_by(self.caller.client_id), id=user_id)
        return self.listed(user=user.id)


class WalletDetailView(WalletView):
    """One wallet."""

    title = "Wallet"

    @operation(name="get_wallet", spends_proof=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """Get a wallet.

        With its balances: `availableBalance` is what it can spend now. Its `ETag` covers what a
        client can change, not the balances.
        """
        return self.shown(self.wallet(wallet_id))

    def beside(self, shown: dict[str, Any]) -> dict[str, Any]:
        """The balances and, with permission, the last movements, for the browsable API."""
        if self.request.method != "GET" or "balance" not in shown:
            return {}
        return {"wallet": shown, "movements": self.last_movements(shown["id"])}

    def last_movements(self, wallet_id: str) -> list[Any]:
        staff_may = self.request.user.has_perm("wallets.view_movement")
        if not (staff_may or "movements:read" in self.caller.scopes):
            return []
        movements = Movement.objects.owned_by(self.caller.client_id).seen()
        last = movements.filter(wallet=UUID(wallet_id)).order_by("-created_at", "-id")
        context = self.get_serializer_context()
        shown = MovementAnswer(last[:LAST], many=True, context=context).data
        return [each | {"address": each["_links"]["self"]["href"]} for each in shown]

    @operation(
        name="put_wallet",
        body=WalletBody,
        statuses=(HTTPStatus.OK, HTTPStatus.CREATED),
        refuses=(*PutWallet.refuses, errors.Overloaded),
    )
    def put(self, request: Request, wallet_id: UUID) -> Response:
        """Open or replace a wallet.

        With an id that you choose. User and currency of an existing wallet can't change; optional
        fields that you leave out are removed.
        """
        order = PutWallet(
            **self.common(wallet_id),
            **self.body(),
            if_match=self.if_match,
            **self.existence._asdict(),
        )
        return self.answer(self.submit(order))

    @operation(
        name="update_wallet",
        body=WalletChange,
        refuses=(*ChangeWallet.refuses, errors.Overloaded),
    )
    def patch(self, request: Request, wallet_id: UUID) -> Response:
        """Change or close a wallet.

        Only the fields that you send change. `{"status": "UNSUBSCRIBED"}` closes the wallet
        permanently; its balance must be zero.
        """
        change = self.body(partial=True)
        order = ChangeWallet(
            **self.common(wallet_id),
            alias=change.get("alias"),
            metadata=change.get("metadata"),
            alert_below=change.get("alert_below"),
            closing="status" in change,
            if_match=self.if_match,
        )
        return self.answer(self.submit(order))


class IbanView(WalletView):
    """Create the IBAN of a wallet, from the institution's own range. A wallet has one at most."""

    title = "IBAN of a wallet"

    @operation(
        name="create_iban",
        body=Nothing,
        body_optional=True,
        keyed=True,
        refuses=(*CreateIban.refuses, errors.Overloaded),
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Create the IBAN of a wallet.

        From the institution's own range. A wallet has one at most; if it has one, the response is
        409 `already_exists`.
        """
        self.body()
        order = CreateIban(**self.common(wallet_id), key=self.key)
        return self.answer(self.submit(order))
