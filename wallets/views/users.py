"""The endpoints of users that change wallets too."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.db.transactions import read_back, single_transaction
from users import otp, users
from users.serializers import OtpBody
from users.views import UserDetail, UserView
from wallets import posting, serializers
from wallets.orders import ActivateUser, UnsubscribeUser


class UserDetailWithEnd(UserDetail):
    """One user."""

    body_classes = UserDetail.body_classes | {"PATCH": serializers.UserChangeOrEnd}
    refusals = UserDetail.refusals | {
        "PATCH": [*UserDetail.refusals["PATCH"], errors.WalletNotEmpty, errors.InvalidTransition]
    }

    def patch(self, request: Request, user_id: UUID) -> Response:
        """Change some fields of a user, or close the user's account."""
        values = self.body(partial=True)
        is_ending = values.pop("status", None) is not None
        user = self.user(user_id)
        with single_transaction():
            users.change(
                client_id=user.client_id,
                user_id=user_id,
                values=values,
                by=self.by,
                if_match=self.if_match,
            )
            if is_ending:
                posting.submit(
                    UnsubscribeUser(client_id=user.client_id, by=self.by, user_id=user_id)
                )
        self.is_done = True
        return self.shown(read_back(partial(self.user, user_id)))


class ValidateOtp(UserView):
    """Verify the phone number. A new user is activated and gets a first wallet."""

    keyed = False
    body_classes = {"POST": OtpBody}
    statuses = {"POST": [HTTPStatus.OK]}
    refusals = {
        "POST": [
            errors.InvalidOtp,
            errors.AlreadyVerified,
            errors.OtpExpired,
            errors.OtpTriedOut,
            errors.AlreadyExists,
        ]
    }

    def post(self, request: Request, user_id: UUID) -> Response:
        user = self.user(user_id)
        phone = otp.check(user, self.body()["otp"])
        order = ActivateUser(client_id=user.client_id, by=self.by, user_id=user_id, phone=phone)
        self.do(posting.submit, order)
        return self.shown(read_back(partial(self.user, user_id)))
