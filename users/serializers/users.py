"""Bodies, queries and answers about users. They check shape only; `users.users` has the rules."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import location
from users.models import User

LINKS = {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Link"}}

NAMES = {
    User.Kind.NATURAL: ("first_name", "last_name"),
    User.Kind.JURIDICAL: ("company_name",),
}


class UserAnswer(fields.Serializer):
    """A person (NATURAL) or company (JURIDICAL) that owns wallets. Names are null once erased."""

    id = fields.Id(read_only=True)
    client_id = fields.Id(read_only=True)
    kind = fields.Choice(User.Kind, read_only=True)
    status = fields.Choice(User.Status, read_only=True)
    user_name = fields.Text(100, read_only=True, allow_null=True)
    first_name = fields.Text(100, read_only=True, allow_null=True)
    last_name = fields.Text(100, read_only=True, allow_null=True)
    company_name = fields.Text(200, read_only=True, allow_null=True)
    email = fields.Email(read_only=True, allow_null=True)
    mobile_phone = fields.Phone(read_only=True, allow_null=True)
    unverified_phone = fields.Phone(read_only=True, allow_null=True)
    metadata = fields.StringMap(read_only=True, allow_null=True)
    created_at = fields.Moment(read_only=True)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, user: User) -> dict[str, Any]:
        request = self.context["request"]
        here = location(request, "user", user_id=user.id)
        return {
            "self": {"href": here},
            "wallets": {"href": f"{here}/wallets"},
            "documents": {"href": f"{here}/documents"},
            "compliance": {"href": f"{here}/compliance"},
        }


class Optional(fields.Text):
    """Optional text; null is the same as none."""

    def __init__(self, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length, required=False, allow_null=True, **kwargs)


class Pairs(fields.StringMap):
    """The caller's own pairs of strings; an empty object is the same as null."""

    def to_internal_value(self, data: Any) -> dict[str, str] | None:  # type: ignore[override]
        return super().to_internal_value(data) or None


class UserBody(fields.Serializer):
    """The data of a user. A person has a first and a last name, a company a company name."""

    together = {
        "oneOf": [
            {
                "properties": {"kind": {"const": "NATURAL"}, "companyName": False},
                "required": ["firstName", "lastName"],
            },
            {
                "properties": {
                    "kind": {"const": "JURIDICAL"},
                    "firstName": False,
                    "lastName": False,
                },
                "required": ["companyName"],
            },
        ]
    }
    kind = fields.Choice(User.Kind)
    user_name = fields.Text(100)
    first_name = fields.Text(100, required=False)
    last_name = fields.Text(100, required=False)
    company_name = fields.Text(200, required=False)
    email = fields.Email(required=False, allow_null=True)
    mobile_phone = fields.Phone()
    dlt_address = Optional(100)
    dlt_network = Optional(50)
    metadata = Pairs(required=False, allow_null=True)

    def get_initial(self) -> dict[str, Any]:
        """An example of a person; a company has `companyName` instead of the two names."""
        return super().get_initial() | {"firstName": "Alice", "lastName": "Example"}

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if "kind" not in values:
            return {}
        own = NAMES[values["kind"]]
        missing = {name: "required" for name in own if name not in values}
        foreign = {
            name: "unknown_field"
            for names in NAMES.values()
            for name in names
            if name in values and name not in own
        }
        return missing | foreign

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class UserChange(fields.Serializer):
    """The fields of a user that a client may change; all are optional."""

    user_name = fields.Text(100, required=False)
    first_name = fields.Text(100, required=False)
    last_name = fields.Text(100, required=False)
    company_name = fields.Text(200, required=False)
    email = fields.Email(required=False, allow_null=True)
    mobile_phone = fields.Phone(required=False)
    metadata = Pairs(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class Nothing(fields.Serializer):
    """An empty object, or no body."""


class Code(fields.Text):
    """Six digits, as text."""

    default_error_messages = {"invalid": "Must be six digits."}
    example = "123456"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(6, **kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{6}$", "example": self.example}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(r"[0-9]{6}", data):
            self.fail("invalid")
        return data


class OtpBody(fields.Serializer):
    """The one-time password that was sent to the phone."""

    otp = Code()


class UserQuery(pages.PageQuery):
    """The filters of the list of users."""

    q = fields.Text(
        100,
        required=False,
        help_text="Names: each word must begin a word of the user's names. Case and accents are "
        "ignored.",
    )
    kind = fields.Several(fields.Choice(User.Kind), source="kind__in", required=False)
    status = fields.Several(fields.Choice(User.Status), source="status__in", required=False)
    user_name = fields.Text(100, required=False)
    email = fields.Email(required=False)
    mobile_phone = fields.Phone(required=False)


def without_nulls(attrs: dict[str, Any]) -> dict[str, Any]:
    """Replace null by the blank text that tables store; metadata can be null."""
    return {
        name: "" if value is None and name != "metadata" else value for name, value in attrs.items()
    }
