"""The shapes of identity verifications: bodies of clients and of the provider, and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import LINKS, location
from users.kyc import identity
from users.kyc.providers import LONGEST_URL, is_safe_url
from users.models import IdentityVerification
from users.serializers.kyc import Pattern


class ReturnUrl(fields.Text):
    """A URL to send the user to."""

    default_error_messages = {
        "invalid": "Must be an https URL without credentials, of at most 2,000 characters."
    }
    HOST = r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?){0,4}"
    REST = r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]{0,100}){0,5}(\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,100})?"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(LONGEST_URL, **kwargs)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "format": "uri",
            "pattern": f"^https://{self.HOST}(:[1-9][0-9]{{0,3}})?{self.REST}$",
            "maxLength": LONGEST_URL,
        }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not is_safe_url(data, http_on_loopback=True):
            self.fail("invalid")
        return data


class VerifyIdentityBody(fields.Serializer):
    """Where the provider sends the user afterwards."""

    success_url = ReturnUrl(
        example="https://app.example/verified",
        help_text="Where the user goes after an approval. https; in a sandbox also http to this "
        "machine (`localhost`, `127.0.0.1`, `[::1]`). Don't take the visit as a proof.",
    )
    failure_url = ReturnUrl(
        example="https://app.example/not-verified",
        help_text="Where the user goes after a rejection; the same rules.",
    )


class Decision(fields.Choice):
    """APPROVED: the person is who they say. REJECTED: not proved. EXPIRED: it was not finished."""

    words = tuple(map(str, identity.DECISIONS))
    is_open = False


class IdentityCallbackBody(fields.Serializer):
    """What the provider decided about a verification."""

    verification_id = fields.Id(help_text="The id that the server sent to the provider.")
    status = Decision()
    reason = Pattern(
        "[A-Z0-9_]{1,40}",
        "DOCUMENT_UNREADABLE",
        required=False,
        help_text="A code of the provider: capital letters, digits and underscores.",
    )


class IdentityCallbackAnswer(fields.Serializer):
    """The status of the verification, as decided."""

    verification_id = fields.Id(read_only=True, help_text="The verification.")
    status = fields.Choice(IdentityVerification.Status, read_only=True)


def verification_values(verification: IdentityVerification, now: datetime) -> dict[str, Any]:
    """All that answers contain of a verification at an instant, by name."""
    about = ("id", "user_id", "reason", "created_at", "expires_at", "decided_at")
    status = verification.status_at(now)
    is_pending = status == IdentityVerification.Status.PENDING
    values = {name: getattr(verification, name) for name in about}
    return values | {"status": status, "url": verification.url if is_pending else ""}


class IdentityVerificationAnswer(fields.Serializer):
    """A verification of a person's identity by a provider."""

    id = fields.Id(read_only=True, help_text="The id of the verification.")
    user_id = fields.Id(read_only=True, help_text="The user.")
    status = fields.Choice(IdentityVerification.Status, read_only=True)
    url = fields.Text(
        LONGEST_URL,
        read_only=True,
        allow_null=True,
        example="https://provider.example/verify/0198",
        help_text="Where to send the user to be verified. Null: the verification has ended.",
    )
    reason = fields.Text(
        40,
        read_only=True,
        allow_null=True,
        example="DOCUMENT_UNREADABLE",
        help_text="The provider's code for a rejection. Null: it gave none.",
    )
    created_at = fields.Moment(read_only=True, help_text="When the verification began.")
    expires_at = fields.Moment(
        read_only=True, help_text="When it expires if the provider has not decided."
    )
    decided_at = fields.Moment(
        read_only=True, allow_null=True, help_text="When the provider decided. Null: it did not."
    )
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, verification: dict[str, Any]) -> dict[str, Any]:
        user = location(self.context["request"], "user", user_id=verification["user_id"])
        return {
            "self": {"href": f"{user}/verify-identity"},
            "user": {"href": user},
            "compliance": {"href": f"{user}/compliance"},
        }
