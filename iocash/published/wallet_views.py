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
    """Money out of a wallet. It is answered 202, as it was, also when it is done already."""

    collection = ""
    http_method_names = POSTED
    made = HTTPStatus.ACCEPTED
    statuses = {"POST": [HTTPStatus.ACCEPTED]}


class TransferView(PaymentView):
    """Move money to another wallet."""

    fixed = {"type": Movement.Type.TRANSFER}
    body_classes = {"POST": wallet_serializers.TransferBody}


class CashOutView(PaymentView):
    """Move money to a bank account."""

    fixed = {"type": Movement.Type.CASH_OUT}
    body_classes = {"POST": wallet_serializers.CashOutBody}


class FavouriteCashOutView(PaymentView):
    """Move money to one of the wallet's external accounts."""

    fixed = {"type": Movement.Type.CASH_OUT}
    body_classes = {"POST": wallet_serializers.FavouriteCashOutBody}


class MovementsView(MovementList):
    """What happened to a wallet."""

    http_method_names = READ
    query_class = wallet_serializers.PublishedMovementQuery


class HoldsView(HoldList):
    """Promise money to another wallet, or list the promises."""

    query_class = wallet_serializers.PublishedHoldQuery
    body_classes = {"POST": wallet_serializers.TargetedHoldBody}

    def handle_exception(self, exc: Exception) -> Response:
        """Refuse what was sent by the name that it was sent by."""
        if isinstance(exc, errors.InvalidFields):
            exc.errors = tuple(map(wallet_serializers.TargetedHoldBody.as_sent, exc.errors))
        return super().handle_exception(exc)


class ExecuteHoldView(Executions):
    """Pay a hold, or a part of it; the rest is available again."""

    body_classes = {"POST": wallet_serializers.ExecuteBody}


class ExecuteHoldAndKeepOpenView(ExecuteHoldView):
    """Pay a part of a hold, and keep the rest set aside."""

    fixed = {"keep_open": True}


class ChangeHoldView(HoldDetail):
    """What was posted to a hold, and is a change of it here: so it takes no key."""

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
    """Let go of a hold."""

    body_optional = True
    body_classes = {"POST": wallet_serializers.ReleaseBody}


class RenewHoldView(ChangeHoldView):
    """Let a hold expire at another time."""

    body_classes = {"POST": wallet_serializers.RenewalBody}


class MobilePhoneView(UserDetailWithEnd):
    """Change the phone number; until it is verified the old one holds."""

    http_method_names = ["patch", *ANSWERS]
    body_classes = {"PATCH": PhoneChange}
