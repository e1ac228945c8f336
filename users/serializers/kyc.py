"""The shapes of what users show of who they are: five blocks, and documents."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Set
from datetime import date
from typing import Any

import pycountry
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import SerializerMethodField
from stdnum.es import dni, nie

from iocash.db import clock
from iocash.http import fields
from iocash.http.links import LINKS, location
from iocash.http.serializers import Field, error_detail, text_of
from users import documents
from users.kyc import File
from users.models import KycDocument

ADULT = 18
"""Years."""

PASSPORT = re.compile(r"[A-Z0-9]{5,9}")
"""The number of a passport, as its machine-readable zone has room for it (ICAO 9303)."""

NUMBERS: dict[str, Callable[[str], bool]] = {
    "DNI": lambda number: bool(re.fullmatch(r"[0-9]{8}[A-Z]", number)) and dni.is_valid(number),
    "NIE": lambda number: (
        bool(re.fullmatch(r"[XYZ][0-9]{7}[A-Z]", number)) and nie.is_valid(number)
    ),
    "PASSPORT": lambda number: bool(PASSPORT.fullmatch(number)),
}
"""Which numbers each type of identity document has; a DNI and an NIE end in a letter of control."""


class Country(Field):
    """A country, by its two letters of ISO 3166-1."""

    default_error_messages = {"invalid_choice": "Must be a two-letter country code of ISO 3166-1."}
    example = "ES"
    component = "Country"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[A-Z]{2}$", "description": text_of(Country)}

    def to_internal_value(self, data: Any) -> str:
        known = isinstance(data, str) and re.fullmatch(r"[A-Z]{2}", data)
        if not known or pycountry.countries.get(alpha_2=data) is None:
            self.fail("invalid_choice")
        return str(data)


class Pattern(fields.Text):
    """Text of exactly one form, which has no example but itself."""

    default_error_messages = {"invalid": "Must match {form}."}

    def __init__(self, form: str, example: str, **kwargs: Any) -> None:
        self.form = form
        super().__init__(len(example), example=example, **kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{self.form}$"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(self.form, data):
            self.fail("invalid", form=self.form)
        return data


class IdentityType(fields.Choice):
    """The type of an identity document. DNI: of Spanish nationals. NIE: of foreigners in Spain."""

    words = ("DNI", "NIE", "PASSPORT")


class MediaType(fields.Choice):
    """The type of a file."""

    words = (documents.PDF, documents.PNG, documents.JPEG)


# --- Blocks ------------------------------------------------------------------------------------


class IdentityBody(fields.Serializer):
    """The data of an identity document."""

    default_error_messages = {
        "invalid_number": "Invalid document number.",
        "not_a_national": "A DNI requires nationality ES.",
        "in_the_future": "The date is in the future.",
        "not_after": "Must be after the issue date.",
        "before_birth": "Must not be before the birth date.",
        "too_young": "Users must be 18 or older.",
    }
    identity_type = IdentityType()
    identity_number = fields.Text(
        20,
        example="12345678Z",
        help_text="The number of the document, with its letter of control, without spaces.",
    )
    nationality = Country()
    issue_date = fields.Day(example="2024-03-01", help_text="The day of issue; not in the future.")
    expiry_date = fields.Day(
        example="2034-03-01", help_text="The last day on which the document is valid."
    )
    birth_date = fields.Day(
        example="1990-05-17", help_text="The day of birth. Users must be 18 or older."
    )

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        return dates_wrong(values, clock.today()) | number_wrong(values)


def number_wrong(values: dict[str, Any]) -> dict[str, str]:
    kind, number = values.get("identity_type"), values.get("identity_number")
    if not kind:
        return {}
    wrong = {}
    if number and not NUMBERS[kind](number):
        wrong["identity_number"] = "invalid_number"
    if kind == "DNI" and values.get("nationality", "ES") != "ES":
        wrong["nationality"] = "not_a_national"
    return wrong


def dates_wrong(values: dict[str, Any], today: date) -> dict[str, str]:
    """Born, then issued, then expiring; issued by now, to somebody of age.

    What was right once stays right: only expiry comes with time, so that is no matter of shape.
    """
    born, issued, expires = (
        values.get(name) for name in ("birth_date", "issue_date", "expiry_date")
    )
    wrong = {}
    if born and years(born, today) < ADULT:
        wrong["birth_date"] = "too_young" if born <= today else "in_the_future"
    if issued and issued > today:
        wrong["issue_date"] = "in_the_future"
    elif issued and born and issued < born:
        wrong["issue_date"] = "before_birth"
    if expires and issued and expires <= issued:
        wrong["expiry_date"] = "not_after"
    return wrong


def years(born: date, today: date) -> int:
    """Whole years: who was born on 29 February is a year older on 1 March."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


class HomeAddressBody(fields.Serializer):
    """The address of a person, or the registered office of a company."""

    address = fields.Text(
        200, example="Calle Mayor 1, 2.º A", help_text="Street, number, floor and door."
    )
    city = fields.Text(100, example="Madrid", help_text="The town or city.")
    country_code = Country()
    postal_code = fields.Text(20, example="28013", help_text="The postal code.")
    province = fields.Text(100, example="Madrid", help_text="The province, state or region.")


class ExternalIbanBody(fields.Serializer):
    """A bank account of the user at another institution."""

    external_iban = fields.Iban(help_text="The IBAN of the user's account at another institution.")


class FinancialInformationBody(fields.Serializer):
    """The income bracket of the user: one letter, which the client defines."""

    income_level = Pattern(
        "[A-Z]",
        "A",
        help_text="The bracket: a letter from A to Z that you and your institution define.",
    )


class OccupationBody(fields.Serializer):
    """The occupation of the user: a code of four digits (ISCO-08, CNO-11)."""

    occupation_code = Pattern(
        "[0-9]{4}", "2511", help_text="The code of ISCO-08 or CNO-11; 2511: systems analysts."
    )


BLOCKS: dict[str, type[fields.Serializer]] = {
    KycDocument.Kind.IDENTITY: IdentityBody,
    KycDocument.Kind.HOME_ADDRESS: HomeAddressBody,
    KycDocument.Kind.EXTERNAL_IBAN: ExternalIbanBody,
    KycDocument.Kind.FINANCIAL_INFORMATION: FinancialInformationBody,
    KycDocument.Kind.OCCUPATION: OccupationBody,
}


class Reviewed(fields.Serializer):
    """The review of a KYC document. Only a replayed response shows a replaced one."""

    status = fields.Choice(KycDocument.Status, read_only=True)
    reason = fields.Text(
        200,
        read_only=True,
        allow_null=True,
        example="The photo is blurred",
        help_text="Why staff rejected it. Null: they did not.",
    )
    created_at = fields.Moment(read_only=True, help_text="When it was submitted.")
    reviewed_at = fields.Moment(
        read_only=True, allow_null=True, help_text="When staff decided. Null: not yet."
    )
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, document: dict[str, Any]) -> dict[str, Any]:
        user = location(self.context["request"], "user", user_id=document["user_id"])
        return {
            "self": {"href": f"{user}/{document['path']}"},
            "user": {"href": user},
            "compliance": {"href": f"{user}/compliance"},
        }


def document_values(document: KycDocument) -> dict[str, Any]:
    """All that answers contain of a KYC document, by name."""
    about = ("user_id", "path", "status", "reason", "created_at", "reviewed_at")
    values = {name: getattr(document, name) for name in about} | document.values
    if document.is_file:
        values |= {
            "kind": document.path.removeprefix("documents/"),
            "media_type": document.media_type,
            "size": document.size,
            "sha256": bytes(document.sha256 or b"").hex(),
        }
    return values


class IdentityAnswer(IdentityBody, Reviewed):
    """The identity data and their review."""


class HomeAddressAnswer(HomeAddressBody, Reviewed):
    """The home address and its review."""


class ExternalIbanAnswer(ExternalIbanBody, Reviewed):
    """The bank account and its review."""


class FinancialInformationAnswer(FinancialInformationBody, Reviewed):
    """The income bracket and its review."""


class OccupationAnswer(OccupationBody, Reviewed):
    """The occupation and its review."""


# --- Documents ---------------------------------------------------------------------------------


class Content(Field):
    """A PDF, a PNG or a JPEG of at most 5 MB, as base64 (RFC 4648, section 4)."""

    default_error_messages = {"invalid": "Must be base64."}
    LONGEST = -(-documents.MOST_BYTES // 3) * 4
    WRITTEN = (
        "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}"
        "|[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)$"
    )
    example = (  # a picture of one white pixel
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAA"
        "AABJRU5ErkJggg=="
    )

    def schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": self.WRITTEN,
            "maxLength": self.LONGEST,
        }

    def to_internal_value(self, data: Any) -> File:
        if not isinstance(data, str) or not data:
            self.fail("invalid")
        try:
            content = binascii.a2b_base64(data, strict_mode=True)
        except ValueError:
            self.fail("invalid")
        if not is_canonical(content, data):
            self.fail("invalid")
        try:
            return File(content, documents.media_type_of(content))
        except documents.WrongDocument as wrong:
            raise ValidationError([error_detail(wrong.code, wrong.words)]) from None


def is_canonical(content: bytes, data: str) -> bool:
    """Tell whether `data`, which is `content`, is all of it and has no bits that no byte has."""
    last = content[(len(content) - 1) // 3 * 3 :]
    return len(data) == -(-len(content) // 3) * 4 and data.endswith(base64.b64encode(last).decode())


class DocumentBody(fields.Serializer):
    """A document. The file type is detected from its bytes; `mediaType`, if sent, must match."""

    default_error_messages = {"other_type": "The file is not of the declared type."}
    content = Content(
        help_text="The file as base64, with padding and without line breaks; at most 5 MB decoded."
    )
    media_type = MediaType(required=False)

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        file, named = values.get("content"), values.get("media_type")
        return {"media_type": "other_type"} if file and named not in {None, file.media_type} else {}


class DocumentAnswer(Reviewed):
    """The metadata of a document and its review."""

    kind = fields.Text(
        30,
        read_only=True,
        example="identity-front",
        help_text="Which document of the user, as in the path.",
    )
    media_type = MediaType(read_only=True)
    size = fields.Whole(
        1,
        documents.MOST_BYTES,
        read_only=True,
        example=204_800,
        help_text="The size of the file in bytes.",
    )
    sha256 = Pattern(
        "[0-9a-f]{64}",
        "e3b0c442" * 8,
        read_only=True,
        help_text="The SHA-256 of the file, in hexadecimal.",
    )


class DocumentContent(DocumentAnswer):
    """A document with its content as base64."""

    content = Content(read_only=True, help_text="The file as base64.")
