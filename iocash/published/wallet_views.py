"""ioCash's published calls that differ from our own.

Each view renames or fixes fields, or changes the status; none adds a rule.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.http import fields, rendering
from iocash.http.operations import Operation
from iocash.published import wallet_serializers
from wallets.models import Movement
from wallets.orders.cash_outs import CashOut
from wallets.orders.holds import ExecuteHold, ReleaseHold, RenewHold
from wallets.orders.payments import Transfer
from wallets.serializers.accounts import PublishedAccountAnswer, PublishedAccountBody
from wallets.views.accounts import ExternalAccountDetailView, ExternalAccountListView
from wallets.views.holds import HoldDetailView, HoldExecutionView, HoldListView, HoldView
from wallets.views.movements import MovementListView, MovementView
from wallets.views.schedules import ScheduledOperationListView

READ = ["get", "options", "head"]


def less(refuses: errors.Refusals, *others: type[errors.Refused]) -> errors.Refusals:
    """What can be refused of a published body, which names no currency; without `others`."""
    return tuple(kind for kind in refuses if kind not in {errors.CurrencyMismatch, *others})


PAYMENT = replace(
    MovementListView.operations["POST"], statuses=(HTTPStatus.ACCEPTED,), dry_run=None
)
"""A payment out of a wallet. The response is 202, even if it is already settled."""
HOLDS = HoldListView.operations
HOLD_PLACEMENT = replace(HOLDS["POST"], dry_run=None)
ACCOUNTS = ExternalAccountListView.operations
SCHEDULED = ScheduledOperationListView.operations
EXECUTION = replace(
    HoldExecutionView.operations["POST"],
    refuses=(*less(ExecuteHold.refuses), errors.Overloaded),
    dry_run=None,
)
HOLD_CHANGE = replace(
    HoldDetailView.operations["PATCH"],
    statuses=(HTTPStatus.OK,),
    conditional=True,
)
"""A change of a hold that is sent by POST; it takes no idempotency key."""


TO_IBAN = less(CashOut.refuses, errors.ExternalAccountNotFound, errors.ExternalAccountRemoved)
"""What a cash-out refuses that names no external account."""


def payment(body: type[fields.Serializer], refuses: errors.Refusals) -> Operation:
    """The declaration of a payment of one kind."""
    return replace(PAYMENT, body=body, refuses=(*refuses, errors.Overloaded))


class TransferView(MovementView):
    """Transfer money to another wallet."""

    title = "Transfer"

    @payment(wallet_serializers.TransferBody, Transfer.refuses)
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        values = self.body() | {"type": Movement.Type.TRANSFER}
        return self.create(wallet_id, values, HTTPStatus.ACCEPTED)


class CashOutView(MovementView):
    """Cash out to a bank account."""

    title = "Cash-out"

    @payment(wallet_serializers.CashOutBody, TO_IBAN)
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        values = self.body() | {"type": Movement.Type.CASH_OUT}
        return self.create(wallet_id, values, HTTPStatus.ACCEPTED)


class FavouriteCashOutView(MovementView):
    """Cash out to one of the wallet's external accounts."""

    title = "Cash-out to an external account"

    @payment(wallet_serializers.FavouriteCashOutBody, less(CashOut.refuses))
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        values = self.body() | {"type": Movement.Type.CASH_OUT}
        return self.create(wallet_id, values, HTTPStatus.ACCEPTED)


class AccountListView(ExternalAccountListView):
    """The external bank accounts of a wallet."""

    serializer_class = PublishedAccountAnswer

    @ACCOUNTS["GET"]
    def get(self, request: Request, wallet_id: UUID) -> rendering.Response:
        """List the external accounts of a wallet."""
        return super().get(request, wallet_id)

    @replace(ACCOUNTS["POST"], body=PublishedAccountBody)
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        """Store a bank account for cash-outs."""
        return super().post(request, wallet_id)


class AccountDetailView(ExternalAccountDetailView):
    """One external bank account."""

    serializer_class = PublishedAccountAnswer
    http_method_names = READ


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


class ScheduledOperationsView(ScheduledOperationListView):
    """The scheduled operations of a wallet."""

    @SCHEDULED["GET"]
    def get(self, request: Request, wallet_id: UUID) -> rendering.Response:
        """List the scheduled operations of a wallet."""
        return super().get(request, wallet_id)

    @replace(SCHEDULED["POST"], body=wallet_serializers.PublishedScheduledBody)
    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        """Schedule a payment."""
        return super().post(request, wallet_id)


class FinalHoldExecutionView(HoldExecutionView):
    """Pay a hold, in full or in part. The rest becomes available again."""

    title = "Execution of a hold"

    @replace(EXECUTION, body=wallet_serializers.ExecuteBody)
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> rendering.Response:
        return self.execute(wallet_id, hold_id, self.body())


class PartialHoldExecutionView(HoldExecutionView):
    """Pay a part of a hold. The rest stays reserved."""

    title = "Partial execution of a hold"

    @replace(EXECUTION, body=wallet_serializers.ExecuteBody)
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> rendering.Response:
        return self.execute(wallet_id, hold_id, self.body() | {"keep_open": True})


class HoldReleaseView(HoldView):
    """Release a hold."""

    title = "Release of a hold"

    @replace(
        HOLD_CHANGE,
        body=wallet_serializers.ReleaseBody,
        body_optional=True,
        refuses=(*ReleaseHold.refuses, errors.Overloaded),
    )
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        return self.change(wallet_id, hold_id)


class HoldRenewalView(HoldView):
    """Change the expiration of a hold."""

    title = "Renewal of a hold"

    @replace(
        HOLD_CHANGE,
        body=wallet_serializers.RenewalBody,
        refuses=(*RenewHold.refuses, errors.Overloaded),
    )
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        return self.change(wallet_id, hold_id)
