"""The endpoints of holds."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http.rendering import Response
from iocash.http.views import Created
from wallets import serializers
from wallets.models import Hold, HoldQuerySet
from wallets.orders import ExecuteHold, PlaceHold, ReleaseHold, RenewHold
from wallets.views.movements import MovementView
from wallets.views.orders import OrderView


class HoldsOf(OrderView):
    """The base class of views of holds."""

    scope = "movements"

    def holds(self, wallet_id: UUID) -> HoldQuerySet:
        return Hold.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id).seen()

    def hold(self, wallet_id: UUID, hold_id: UUID) -> Hold:
        return get_object_or_404(self.holds(wallet_id), id=hold_id)


class HoldView(HoldsOf):
    model = Hold
    versioned = True
    serializer_class = serializers.HoldAnswer


class HoldList(HoldView):
    """The holds of a wallet."""

    collection = "holds"
    query_class = serializers.HoldQuery
    remembering = frozenset({"GET", "POST"})
    body_classes = {"POST": serializers.HoldBody}
    refusals = {
        "POST": [
            errors.TargetWalletNotFound,
            errors.InsufficientFunds,
            errors.CurrencyMismatch,
            errors.WalletNotReady,
            errors.UserNotActive,
        ]
    }

    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the holds of a wallet."""
        wallet = self.wallet(wallet_id)
        filters = self.filters()
        found = self.holds(wallet.id).within(filters.get("start_date"), filters.get("end_date"))
        if status := filters.get("status"):
            found = found.standing(status)
        if key := filters.get("idempotency_key"):
            found = found.made_with(wallet.client_id, key)
        return self.page(found)

    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Reserve funds for another wallet."""
        values = self.body()
        order = PlaceHold(
            **self.common(wallet_id),
            key=self.key,
            target_id=values.pop("target_wallet_id"),
            expires_at=values.pop("expiration", None),
            **values,
        )
        outcome = self.submit(order)
        hold = read_back(partial(self.hold, wallet_id, outcome.id))
        shown = self.show(hold)
        headers = self.tag(hold) | self.replayed(outcome)
        return Created(shown, shown["_links"]["self"]["href"], headers=headers)


class HoldDetail(HoldView):
    """One hold."""

    staff_permissions = {"PATCH": ("wallets.release_hold", "wallets.change_hold")}
    body_classes = {"PATCH": serializers.HoldChange}
    refusals = {"PATCH": [errors.HoldNotOpen]}

    def get(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        """Get one hold."""
        hold = self.hold(wallet_id, hold_id)
        return Response(self.show(hold), headers=self.tag(hold))

    def patch(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        """Change the expiration, or release the remaining amount."""
        change = self.body()
        is_renewal = "expiration" in change
        self.require_of_staff("wallets.change_hold" if is_renewal else "wallets.release_hold")
        about: dict[str, Any] = {
            **self.common(wallet_id),
            "hold_id": hold_id,
            "if_match": self.if_match,
        }
        if is_renewal:
            self.submit(RenewHold(**about, expires_at=change["expiration"]))
        else:
            self.submit(ReleaseHold(**about))
        hold = read_back(partial(self.hold, wallet_id, hold_id))
        return Response(self.show(hold), headers=self.tag(hold))


class Executions(MovementView, HoldsOf):
    """Pay a hold, in full or in part, to its target wallet."""

    body_classes = {"POST": serializers.ExecutionBody}
    body_optional = True
    refusals = {
        "POST": [
            errors.HoldNotOpen,
            errors.HoldExceeded,
            errors.LimitExceeded,
            errors.WalletNotReady,
            errors.UserNotActive,
        ]
    }

    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        values = self.body()
        order = ExecuteHold(
            **self.common(wallet_id),
            key=self.key,
            hold_id=hold_id,
            target_id=self.hold(wallet_id, hold_id).target_id,
            **values | self.fixed,
        )
        return self.moved(self.submit(order))
