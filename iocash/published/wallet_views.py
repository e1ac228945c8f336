"""ioCash's published calls that differ from our own.

Each view renames or fixes fields, or changes the status; none adds a rule.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.http import rendering
from iocash.published import wallet_serializers
from iocash.published.user_serializers import PhoneChange
from wallets.models import Movement
from wallets.views.holds import Executions, HoldDetail, HoldList
from wallets.views.movements import MovementList
from wallets.views.users import UserDetailWithEnd

ANSWERS = ["options", "head"]
POSTED = ["post", *ANSWERS]
READ = ["get", *ANSWERS]


class PaymentView(MovementList):
    """A payment out of a wallet. The response is 202, even if it is already settled."""

    collection = ""
    http_method_names = POSTED
    made = HTTPStatus.ACCEPTED
    statuses = {"POST": [HTTPStatus.ACCEPTED]}


class TransferView(PaymentView):
    """Transfer money to another wallet."""

    fixed = {"type": Movement.Type.TRANSFER}
    body_classes = {"POST": wallet_serializers.TransferBody}

    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        """Transfer money to another wallet."""
        return super().post(request, wallet_id)


class CashOutView(PaymentView):
    """Cash out to a bank account."""

    fixed = {"type": Movement.Type.CASH_OUT}
    body_classes = {"POST": wallet_serializers.CashOutBody}

    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        """Cash out to a bank account."""
        return super().post(request, wallet_id)


class FavouriteCashOutView(PaymentView):
    """Cash out to one of the wallet's external accounts."""

    fixed = {"type": Movement.Type.CASH_OUT}
    body_classes = {"POST": wallet_serializers.FavouriteCashOutBody}

    def post(self, request: Request, wallet_id: UUID) -> rendering.Response:
        """Cash out to one of the wallet's external accounts."""
        return super().post(request, wallet_id)


class MovementsView(MovementList):
    """List the movements of a wallet."""

    http_method_names = READ
    query_class = wallet_serializers.PublishedMovementQuery


class HoldsView(HoldList):
    """The holds of a wallet."""

    query_class = wallet_serializers.PublishedHoldQuery
    body_classes = {"POST": wallet_serializers.TargetedHoldBody}

    def handle_exception(self, exc: Exception) -> Response:
        """Name wrong fields as the caller sent them."""
        if isinstance(exc, errors.InvalidFields):
            exc.errors = tuple(map(wallet_serializers.TargetedHoldBody.as_sent, exc.errors))
        return super().handle_exception(exc)


class ExecuteHoldView(Executions):
    """Pay a hold, in full or in part. The rest becomes available again."""

    body_classes = {"POST": wallet_serializers.ExecuteBody}


class ExecuteHoldAndKeepOpenView(ExecuteHoldView):
    """Pay a part of a hold. The rest stays reserved."""

    fixed = {"keep_open": True}


class ChangeHoldView(HoldDetail):
    """A change of a hold with POST and without an idempotency key."""

    http_method_names = POSTED
    keyed = False
    versioned = False
    staff_permissions = {"POST": HoldDetail.staff_permissions["PATCH"]}
    statuses = {"POST": [HTTPStatus.OK]}
    refusals = {"POST": [errors.HoldNotOpen]}

    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        return self.patch(request, wallet_id, hold_id)

    def tag(self, thing: Any) -> dict[str, str]:
        return {}


class ReleaseHoldView(ChangeHoldView):
    """Release a hold."""

    body_optional = True
    body_classes = {"POST": wallet_serializers.ReleaseBody}


class RenewHoldView(ChangeHoldView):
    """Change the expiration of a hold."""

    body_classes = {"POST": wallet_serializers.RenewalBody}


class MobilePhoneView(UserDetailWithEnd):
    """Change the phone number. The old one stays valid until the new one is verified."""

    http_method_names = ["patch", *ANSWERS]
    body_classes = {"PATCH": PhoneChange}

    def patch(self, request: Request, user_id: UUID) -> Response:
        """Change the phone number. The old one stays valid until the new one is verified."""
        return super().patch(request, user_id)
