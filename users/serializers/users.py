"""Bodies, queries and answers about users. They check shape only; `users.users` has the rules."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import LINKS, location
from iocash.http.serializers import Variant
from users.models import User

DLT_ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
UPDATED_AT = "When what the `ETag` covers last changed."
USER_NAME = "Your name for the user, unique among the users of the client."
EMAIL = "The e-mail address. Null: none."
PHONE = (
    "The mobile phone number in international format, unique among the users of the client. It "
    "gets a one-time password."
)
METADATA = "Your own pairs of strings. Null: none."
PAIRS = (
    "Only what has all of these pairs in its `metadata`, each in a parameter of its own: "
    "`metadata[order]=17`."
)
PERSONAL = ("firstName", "lastName")
NAMES = {
    User.Kind.NATURAL: ("first_name", "last_name"),
    User.Kind.JURIDICAL: ("company_name",),
}


class UserAnswer(fields.Serializer):
    """A person (NATURAL) or company (JURIDICAL) that owns wallets. Names are null once erased."""

    id = fields.Id(read_only=True, help_text="The id of the user.")
    client_id = fields.Id(read_only=True, help_text="The client that created the user.")
    kind = fields.Choice(User.Kind, read_only=True)
    status = fields.Choice(User.Status, read_only=True)
    user_name = fields.Text(
        100,
        read_only=True,
        allow_null=True,
        example="alice",
        help_text="Your name for the user. Null after erasure.",
    )
    first_name = fields.Text(
        100,
        read_only=True,
        allow_null=True,
        example="Alice",
        help_text="The first name of a person. Null for a company, and after erasure.",
    )
    last_name = fields.Text(
        100,
        read_only=True,
        allow_null=True,
        example="Example",
        help_text="The last name of a person. Null for a company, and after erasure.",
    )
    company_name = fields.Text(
        200,
        read_only=True,
        allow_null=True,
        example="Example Ltd",
        help_text="The name of a company. Null for a person, and after erasure.",
    )
    email = fields.Email(
        read_only=True, allow_null=True, help_text="The e-mail address. Null: none is known."
    )
    mobile_phone = fields.Phone(
        read_only=True,
        allow_null=True,
        help_text="The phone number, which one-time passwords are sent to. It is verified, unless "
        "the user's status is CREATED.",
    )
    unverified_phone = fields.Phone(
        read_only=True,
        allow_null=True,
        help_text="A new phone number that replaces `mobilePhone` once it is verified. Null: none.",
    )
    metadata = fields.StringMap(read_only=True, allow_null=True, help_text=METADATA)
    created_at = fields.Moment(read_only=True, help_text="When the user was created.")
    updated_at = fields.Moment(source="changed_at", read_only=True, help_text=UPDATED_AT)
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


class UserBody(fields.Serializer):
    """The data of a user. A person has a first and a last name, a company a company name."""

    told_apart_by = "kind"
    variants = {
        User.Kind.NATURAL: Variant(
            "NaturalUserBody", "The data of a person.", PERSONAL, required=PERSONAL
        ),
        User.Kind.JURIDICAL: Variant(
            "JuridicalUserBody", "The data of a company.", ("companyName",), ("companyName",)
        ),
    }
    kind = fields.Choice(User.Kind)
    user_name = fields.Text(100, example="alice", help_text=USER_NAME)
    first_name = fields.Text(
        100,
        required=False,
        example="Alice",
        help_text="The first name, as in the identity document.",
    )
    last_name = fields.Text(
        100,
        required=False,
        example="Example",
        help_text="The last name, as in the identity document.",
    )
    company_name = fields.Text(
        200,
        required=False,
        example="Example Ltd",
        help_text="The registered name of the company.",
    )
    email = fields.Email(required=False, allow_null=True, help_text=EMAIL)
    mobile_phone = fields.Phone(help_text=PHONE)
    dlt_address = Optional(
        100,
        example=DLT_ADDRESS,
        help_text="The address that the first wallet gets on a distributed ledger. It is stored "
        "and shown; the server does not use it.",
    )
    dlt_network = Optional(
        50, example="ethereum", help_text="The network that `dltAddress` belongs to."
    )
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)

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

    user_name = fields.Text(100, required=False, example="alice", help_text=USER_NAME)
    first_name = fields.Text(
        100,
        required=False,
        example="Alice",
        help_text="The new first name, of a person only. After the identity data were approved, it "
        "waits for review.",
    )
    last_name = fields.Text(
        100,
        required=False,
        example="Example",
        help_text="The new last name, of a person only. After the identity data were approved, it "
        "waits for review.",
    )
    company_name = fields.Text(
        200,
        required=False,
        example="Example Ltd",
        help_text="The new name of a company. After the identity data were approved, it waits for "
        "review.",
    )
    email = fields.Email(required=False, allow_null=True, help_text=EMAIL)
    mobile_phone = fields.Phone(
        required=False,
        help_text="A new phone number. It gets a one-time password, and replaces the present "
        "number once it is verified.",
    )
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)

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
        return {"type": "string", "pattern": "^[0-9]{6}$"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(r"[0-9]{6}", data):
            self.fail("invalid")
        return data


class OtpBody(fields.Serializer):
    """The one-time password that was sent to the phone."""

    otp = Code(help_text="The six digits that the phone got.")


class UserQuery(pages.PageQuery):
    """The filters of the list of users."""

    q = fields.Text(
        100,
        required=False,
        example="ali exam",
        help_text="Only users with these names: each word must begin a word of the user's names. "
        "Case and accents are ignored.",
    )
    kind = fields.Several(
        fields.Choice(User.Kind),
        source="kind__in",
        required=False,
        help_text="Only people (`NATURAL`) or companies (`JURIDICAL`).",
    )
    status = fields.Several(
        fields.Choice(User.Status),
        source="status__in",
        required=False,
        help_text="Only users with one of these statuses.",
    )
    user_name = fields.Text(
        100, required=False, example="alice", help_text="Only the user with this name."
    )
    email = fields.Email(required=False, help_text="Only users with this e-mail address.")
    metadata = fields.Pairs(required=False, help_text=PAIRS)
    mobile_phone = fields.Phone(
        required=False,
        help_text="Only the user with this phone number. Write `+` as `%2B` in a URL.",
    )


def without_nulls(attrs: dict[str, Any], *nullable: str) -> dict[str, Any]:
    """Replace null by the blank text that tables store; metadata and `nullable` can be null."""
    kept = ("metadata", *nullable)
    return {
        name: "" if value is None and name not in kept else value for name, value in attrs.items()
    }
