"""Identity verifications: begun by clients, decided by the provider."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from iocash import errors
from iocash.db import clock
from iocash.http import problems
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.parsing import content_length
from iocash.http.rendering import Response
from iocash.http.views import Accepted, View
from users import signatures, unauthenticated
from users.kyc import identity
from users.kyc.providers import HttpProvider
from users.models import IdentityVerification
from users.serializers.identity import (
    IdentityCallbackAnswer,
    IdentityCallbackBody,
    IdentityVerificationAnswer,
    VerifyIdentityBody,
    verification_values,
)
from users.views.users import REPLAYED, UsersView


class VerifyIdentityView(UsersView):
    """The last identity verification of the user."""

    title = "Identity verification of a user"
    model = IdentityVerification
    serializer_class = IdentityVerificationAnswer

    @operation(name="get_identity_verification")
    def get(self, request: Request, user_id: UUID) -> Response:
        """Get the last identity verification.

        With the decision of the provider, once there is one. If none was begun, the response is
        404.
        """
        found = identity.latest(self.user(user_id))
        if found is None:
            raise errors.NotFound()
        return Response(self.show(verification_values(found, clock.now())))

    @operation(
        name="verify_identity",
        body=VerifyIdentityBody,
        keyed=True,
        statuses=(HTTPStatus.ACCEPTED,),
        refuses=(
            errors.NoIdentityProvider,
            errors.NotAPerson,
            errors.UserNotActive,
            errors.IdentityProviderUnavailable,
            errors.Overloaded,
        ),
    )
    def post(self, request: Request, user_id: UUID) -> Response:
        """Begin an identity verification.

        Send the user to `url`, the page of the identity provider, within 24 hours. Afterwards the
        provider sends the user to `successUrl` or `failureUrl`. An approval approves the identity
        data and documents that were pending when the verification began. Begin another one after a
        rejection; an earlier one that is pending expires.
        """
        body = self.body()
        begun = self.do(
            identity.begin,
            client_id=self.user(user_id).client_id,
            user_id=user_id,
            addresses=identity.Addresses(**body, origin=problems.origin(request)),
            by=self.by,
            key=self.key,
        )
        data = self.show(verification_values(begun.verification, clock.now()))
        where = f"{location(request, 'user', user_id=user_id)}/verify-identity"
        return Accepted(data, where, headers=REPLAYED if begun.replayed else {})


class ProviderAuthentication(BaseAuthentication):
    """The signature of the identity provider, over the raw body."""

    MOST_BYTES = 10_000
    """The size limit of a callback. A larger one is refused before it is read."""

    def authenticate(self, request: Any) -> tuple[None, str]:
        """Let signed requests pass, also if others of the same address were refused.

        Raises:
            InvalidSignature: it has no valid signature.
            RateLimited: too many requests of this address were refused.
        """
        is_small = content_length(request._request) <= self.MOST_BYTES
        is_due = HttpProvider.name == settings.IDENTITY_PROVIDER
        secrets = settings.IDENTITY_SECRET if is_due and is_small else []
        if not signatures.is_signed(secrets, request.headers, request.body if secrets else b""):
            unauthenticated.count_refusal(request)
            raise errors.InvalidSignature()
        return None, HttpProvider.name

    def authenticate_header(self, request: Request) -> str:
        return "Signature"


class IdentityCallbackView(View):
    """The decisions of the identity provider. It is no part of the API of clients.

    `docs/operations/identity-provider.md` describes it to providers.
    """

    title = "Callbacks of the identity provider"
    authentication_classes = (ProviderAuthentication,)
    permission_classes = (AllowAny,)
    serializer_class = IdentityCallbackAnswer
    schema = None

    @operation(
        body=IdentityCallbackBody,
        statuses=(HTTPStatus.OK,),
        max_body_bytes=ProviderAuthentication.MOST_BYTES,
        refuses=(errors.InvalidSignature, errors.NotFound, errors.InvalidTransition),
    )
    def post(self, request: Request) -> Response:
        """Record the decision of the provider; the same one again changes nothing."""
        body = self.body()
        if identity.find_verification(HttpProvider.name, body["verification_id"]) is None:
            raise errors.NotFound()
        status = identity.decide(provider=HttpProvider.name, **body)
        return Response(self.show({"verification_id": body["verification_id"], "status": status}))
