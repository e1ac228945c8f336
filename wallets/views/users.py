"""The endpoints of one user, which may open or close wallets."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http.operations import operation
from users import otp, users
from users.serializers.users import OtpBody, UserBody
from users.views.users import UserView
from wallets import posting
from wallets.orders.users import ActivateUser, UnsubscribeUser
from wallets.serializers.wallets import UserChangeOrEnd
from wallets.users import change_or_close


class UserDetailView(UserView):
    """One user."""

    title = "User"

    @operation(name="get_user")
    def get(self, request: Request, user_id: UUID) -> Response:
        """Get a user.

        With the contact data that are verified, and a new phone number that is not. The names are
        null once personal data were erased.
        """
        return self.shown(self.user(user_id))

    @operation(
        name="put_user",
        body=UserBody,
        statuses=(HTTPStatus.OK, HTTPStatus.ACCEPTED),
        refuses=(
            errors.AlreadyExists,
            errors.Immutable,
            errors.UserNotActive,
            errors.OtpTooSoon,
        ),
    )
    def put(self, request: Request, user_id: UUID) -> Response:
        """Create or replace a user.

        With an id that you choose. A new user (202) gets a one-time password, as by POST. The
        `kind` of an existing user can't change; optional fields that you leave out are removed.
        """
        client_id = self.caller.client_id or self.user(user_id).client_id
        made = self.do(
            users.replace,
            client_id=client_id,
            user_id=user_id,
            values=self.body(),
            by=self.by,
            if_match=self.if_match,
            **self.existence._asdict(),
        )
        return self.accepted(made.user) if made.created else self.shown(made.user)

    @operation(
        name="update_user",
        body=UserChangeOrEnd,
        refuses=(
            *UnsubscribeUser.refuses,
            errors.AlreadyExists,
            errors.UserNotActive,
            errors.OtpTooSoon,
        ),
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        """Change or close a user.

        Only the fields that you send change. A new name of a user with approved identity data waits
        for review. A new phone number must be verified. `{"status": "UNSUBSCRIBED"}` closes the
        user and all wallets, which must be empty.
        """
        values = self.body(partial=True)
        closes = values.pop("status", None) is not None
        self.do(
            change_or_close,
            client_id=self.user(user_id).client_id,
            user_id=user_id,
            values=values,
            closes=closes,
            by=self.by,
            if_match=self.if_match,
        )
        return self.shown(read_back(partial(self.user, user_id)))


class OtpValidationView(UserView):
    """Verify the phone number. A new user is activated and gets a first wallet."""

    title = "Verification of a phone number"

    @operation(
        name="validate_otp",
        body=OtpBody,
        statuses=(HTTPStatus.OK,),
        refuses=(*ActivateUser.refuses, errors.InvalidOtp, errors.OtpTriedOut),
    )
    def post(self, request: Request, user_id: UUID) -> Response:
        """Verify the phone number.

        Send the one-time password that the phone got. A new user is activated and gets a first
        wallet in EUR. Five wrong attempts use up a password: request another.
        """
        user = self.user(user_id)
        phone = otp.check_code(user, self.body()["otp"])
        order = ActivateUser(client_id=user.client_id, by=self.by, user_id=user_id, phone=phone)
        self.do(posting.submit, order)
        return self.shown(read_back(partial(self.user, user_id)))
