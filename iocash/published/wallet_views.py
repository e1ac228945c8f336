"""ioCash's published calls that differ from our own.

Each view renames or fixes fields, or changes the status; none adds a rule.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.http import rendering
from iocash.published import wallet_serializers
from wallets.models import Movement
from wallets.views.holds import HoldDetailView, HoldExecutionView, HoldListView, HoldView
from wallets.views.movements import MovementListView, MovementView

READ = ["get", "options", "head"]

PAYMENT = replace(
    MovementListView.operations["POST"], statuses=(HTTPStatus.ACCEPTED,), dry_run=None
)
"""A payment out of a wallet. The response is 202, even if it is already settled."""
HOLDS = HoldListView.operations
HOLD_PLACEMENT = replace(HOLDS["POST"], dry_run=None)
EXECUTION = replace(HoldExecutionView.operations["POST"], dry_run=None)
HOLD_CHANGE = replace(
    HoldDetailView.operations["PATCH"],
    statuses=(HTTPStatus.OK,),
    refuses=(errors.HoldNotOpen, errors.Overloaded),
)


class TransferView(MovementView):
    """Transfer money to another wallet."""

    @replace(PAYMENT, body=wallet_serializers.TransferBody)
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        values = self.body() | {"type": Movement.Type.TRANSFER}
        return self.create(wallet_id, values, HTTPStatus.ACCEPTED)


class CashOutView(MovementView):
    """Cash out to a bank account."""

    @replace(PAYMENT, body=wallet_serializers.CashOutBody)
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        values = self.body() | {"type": Movement.Type.CASH_OUT}
        return self.create(wallet_id, values, HTTPStatus.ACCEPTED)


class FavouriteCashOutView(MovementView):
    """Cash out to one of the wallet's external accounts."""

    @replace(PAYMENT, body=wallet_serializers.FavouriteCashOutBody)
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        values = self.body() | {"type": Movement.Type.CASH_OUT}
        return self.create(wallet_id, values, HTTPStatus.ACCEPTED)


class MovementsView(MovementListView):
    """List the movements of a wallet."""

    http_method_names = READ

    @replace(MovementListView.operations["GET"], query=wallet_serializers.PublishedMovementQuery)
    def get(self, request: Request, wallet_id: UUID) -> rendering.Response:
        return super().get(request, wallet_id)


class HoldsView(HoldListView):
    """The holds of a wallet."""

    @replace(HOLDS["GET"], query=wallet_serializers.PublishedHoldQuery)
    def get(self, request: Request, wallet_id: UUID) -> rendering.Response:
        return super().get(request, wallet_id)

    @replace(HOLD_PLACEMENT, body=wallet_serializers.TargetedHoldBody)
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        return super().post(request, wallet_id)

    def handle_exception(self, exc: Exception) -> Response:
        """Name wrong fields as the caller sent them."""
        if isinstance(exc, errors.InvalidFields):
            exc.errors = tuple(map(wallet_serializers.TargetedHoldBody.as_sent, exc.errors))
        return super().handle_exception(exc)


class FinalHoldExecutionView(HoldExecutionView):
    """Pay a hold, in full or in part. The rest becomes available again."""

    @replace(EXECUTION, body=wallet_serializers.ExecuteBody)
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> rendering.Response:
        return self.execute(wallet_id, hold_id, self.body())


class PartialHoldExecutionView(HoldExecutionView):
    """Pay a part of a hold. The rest stays reserved."""

    @replace(EXECUTION, body=wallet_serializers.ExecuteBody)
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> rendering.Response:
        return self.execute(wallet_id, hold_id, self.body() | {"keep_open": True})


class HoldChangeView(HoldView):
    """A change of a hold that is sent by POST; it takes no idempotency key, and has no ETag."""

    versioned = False

    def tag(self, thing: Any) -> dict[str, str]:
        return {}


class HoldReleaseView(HoldChangeView):
    """Release a hold."""

    @replace(HOLD_CHANGE, body=wallet_serializers.ReleaseBody, body_optional=True)
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        return self.change(wallet_id, hold_id)


class HoldRenewalView(HoldChangeView):
    """Change the expiration of a hold."""

    @replace(HOLD_CHANGE, body=wallet_serializers.RenewalBody)
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        return self.change(wallet_id, hold_id)
