"""The shapes of the terms and their signatures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import LINKS, location
from users import documents
from users.kyc.terms import SignedTerms
from users.serializers.kyc import Content, Pattern
from users.serializers.users import Code


class SignTermsBody(fields.Serializer):
    """The one-time password that was sent to sign the terms."""

    otp = Code(help_text="The six digits that the phone got.")


def terms_values(signed: SignedTerms, user_id: UUID) -> dict[str, Any]:
    """All that answers contain of the terms for a user, by name."""
    terms, signature = signed.terms, signed.signature
    return {
        "user_id": user_id,
        "version": terms.version,
        "media_type": documents.PDF,
        "size": terms.size,
        "sha256": terms.digest,
        "published_at": terms.created_at,
        "is_signed": signature is not None,
        "signed_at": signature and signature.signed_at,
    }


class TermsAnswer(fields.Serializer):
    """A version of the institution's terms, and whether the user has signed it."""

    user_id = fields.Id(read_only=True, help_text="The user.")
    version = fields.Whole(
        1,
        2**31 - 1,
        read_only=True,
        example=2,
        help_text="The number of the version; the first is 1.",
    )
    media_type = fields.Choice((documents.PDF,), read_only=True, help_text="Always a PDF.")
    size = fields.Whole(
        1,
        documents.MOST_BYTES,
        read_only=True,
        example=204_800,
        help_text="The size of the PDF in bytes.",
    )
    sha256 = Pattern(
        "[0-9a-f]{64}",
        "e3b0c442" * 8,
        read_only=True,
        help_text="The SHA-256 of the PDF, in hexadecimal. The signature contains it too.",
    )
    published_at = fields.Moment(
        read_only=True, help_text="When the institution published this version."
    )
    is_signed = fields.Flag(read_only=True, help_text="Whether the user has signed this version.")
    signed_at = fields.Moment(
        read_only=True,
        allow_null=True,
        help_text="When the user signed this version. Null: not yet.",
    )
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, terms: dict[str, Any]) -> dict[str, Any]:
        user = location(self.context["request"], "user", user_id=terms["user_id"])
        return {
            "self": {"href": f"{user}/kyc-terms"},
            "user": {"href": user},
            "compliance": {"href": f"{user}/compliance"},
        }


class TermsContent(TermsAnswer):
    """The terms with their content as base64."""

    content = Content(read_only=True, help_text="The PDF as base64.")
