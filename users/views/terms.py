"""The terms of the institution, which users read and sign."""

from __future__ import annotations

import io
from http import HTTPStatus
from uuid import UUID

from rest_framework.request import Request

from iocash import errors
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.rendering import Response
from iocash.http.views import Accepted, Created
from users.kyc import terms
from users.models import Terms, TermsSignature
from users.serializers.terms import SignTermsBody, TermsAnswer, TermsContent, terms_values
from users.serializers.users import Nothing
from users.views.kyc import LEFT_OUT, answers_json, with_content
from users.views.users import REPLAYED, UsersView

REFUSES: errors.Refusals = (errors.NoTerms, errors.TermsAlreadySigned, errors.UserNotActive)


class TermsView(UsersView):
    """The terms, and whether the user has signed them."""

    model = TermsSignature
    serializer_class = TermsAnswer

    def where(self, user_id: UUID) -> str:
        return f"{location(self.request, 'user', user_id=user_id)}/kyc-terms"


class TermsDetailView(TermsView):
    """The current terms."""

    title = "Terms for a user"

    @operation(name="get_kyc_terms", answers=TermsContent)
    def get(self, request: Request, user_id: UUID) -> Response:
        """Get the terms with their content.

        The current version as base64, and whether and when the user signed it. If the institution
        has published no terms, the response is 404.
        """
        signed = terms.for_user(self.user(user_id))
        is_json = answers_json(request)
        values = terms_values(signed, user_id) | {"content": "" if is_json else LEFT_OUT}
        answer = TermsContent(values, context=self.get_serializer_context())
        if not is_json:
            return Response(answer.data)
        content = Terms.objects.values_list("content", flat=True).get(id=signed.terms.id)
        return Response(with_content(answer.data, io.BytesIO(content)))


class TermsRequestView(TermsView):
    """Send the one-time password that signs the terms."""

    title = "One-time password for the terms"

    @operation(
        name="request_kyc_terms_signature",
        body=Nothing,
        body_optional=True,
        statuses=(HTTPStatus.ACCEPTED,),
        refuses=(*REFUSES, errors.OtpTooSoon, errors.Overloaded),
    )
    def post(self, request: Request, user_id: UUID) -> Response:
        """Send a one-time password to sign the terms.

        To the verified phone number of an activated user. Show the terms to the user first. One
        per minute and ten per day, together with those that verify the number; the response to more
        is 409 `otp_too_soon` with `retryAt`.
        """
        self.body()
        client_id = self.user(user_id).client_id
        signed = self.do(terms.request_signature, client_id=client_id, user_id=user_id, by=self.by)
        return Accepted(self.show(terms_values(signed, user_id)), self.where(user_id))


class TermsSignatureView(TermsView):
    """Sign the terms."""

    title = "Signature of the terms"

    @operation(
        name="sign_kyc_terms",
        body=SignTermsBody,
        keyed=True,
        refuses=(*REFUSES, errors.InvalidOtp, errors.OtpExpired, errors.OtpTriedOut),
    )
    def post(self, request: Request, user_id: UUID) -> Response:
        """Sign the terms.

        Send the one-time password that the phone got. The signature is stored for ever, with its
        time and the SHA-256 of the terms. Five wrong attempts use up a password: request another.
        If newer terms were published since you requested it, the response is 409 `otp_expired`:
        show the new terms, and request another.
        """
        signed = self.do(
            terms.sign_terms,
            client_id=self.user(user_id).client_id,
            user_id=user_id,
            code=self.body()["otp"],
            by=self.by,
            key=self.key,
        )
        headers = REPLAYED if signed.replayed else {}
        data = self.show(terms_values(signed, user_id))
        return Created(data, self.where(user_id), headers=headers)
