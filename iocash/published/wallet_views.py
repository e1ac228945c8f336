"""ioCash's published calls that our own views do not answer as they are.

Each renames, fixes or accepts what was published, and adds no rule of its own.
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
from wallets.views.holds import HoldDetailView, HoldExecutionView, HoldListView
from wallets.views.movements import MovementListView
from wallets.views.users import UserDetailView

ANSWERS = ["options", "head"]
POSTED = ["post", *ANSWERS]
READ = ["get", *ANSWERS]


class PaymentView(MovementListView):
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


class MovementsView(MovementListView):
    """List the movements of a wallet."""

    http_method_names = READ
    query_class = wallet_serializers.PublishedMovementQuery


class HoldsView(HoldListView):
    """The holds of a wallet."""

    query_class = wallet_serializers.PublishedHoldQuery
    body_classes = {"POST": wallet_serializers.TargetedHoldBody}

    def handle_exception(self, exc: Exception) -> Response:
        """Refuse what was sent by the name that it was sent by."""
        if isinstance(exc, errors.InvalidFields):
            exc.errors = tuple(map(wallet_serializers.TargetedHoldBody.as_sent, exc.errors))
        return super().handle_exception(exc)


class FinalHoldExecutionView(HoldExecutionView):
    """Pay a hold, in full or in part. The rest becomes available again."""

    body_classes = {"POST": wallet_serializers.ExecuteBody}


class PartialHoldExecutionView(FinalHoldExecutionView):
    """Pay a part of a hold. The rest stays reserved."""

    fixed = {"keep_open": True}


class HoldChangeView(HoldDetailView):
    """A change of a hold that is sent by POST; it takes no idempotency key."""

    http_method_names = POSTED
    keyed = False
    versioned = False
    staff_permissions = {"POST": HoldDetailView.staff_permissions["PATCH"]}
    statuses = {"POST": [HTTPStatus.OK]}
    refusals = {"POST": [errors.HoldNotOpen]}

    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        return self.patch(request, wallet_id, hold_id)

    def tag(self, thing: Any) -> dict[str, str]:
        return {}


class HoldReleaseView(HoldChangeView):
    """Release a hold."""

    body_optional = True
    body_classes = {"POST": wallet_serializers.ReleaseBody}


class HoldRenewalView(HoldChangeView):
    """Change the expiration of a hold."""

    body_classes = {"POST": wallet_serializers.RenewalBody}


class MobilePhoneView(UserDetailView):
    """Change the phone number. The old one stays valid until the new one is verified."""

    http_method_names = ["patch", *ANSWERS]
    body_classes = {"PATCH": PhoneChange}

    def patch(self, request: Request, user_id: UUID) -> Response:
        """Change the phone number. The old one stays valid until the new one is verified."""
        return super().patch(request, user_id)
