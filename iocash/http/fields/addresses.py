"""Phone numbers, bank accounts and e-mail addresses."""

from __future__ import annotations

import re
from typing import Any

import phonenumbers
import schwifty
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email

from iocash.http.fields.texts import Text
from iocash.http.serializers import Field

TYPES = phonenumbers.PhoneNumberType
COSTLY = frozenset(
    {
        TYPES.PREMIUM_RATE,
        TYPES.SHARED_COST,
        TYPES.TOLL_FREE,
        TYPES.PERSONAL_NUMBER,
        TYPES.PAGER,
        TYPES.UAN,
        TYPES.VOICEMAIL,
    }
)
"""Types of numbers that are not personal, or that charge for received messages."""

NETWORKS = frozenset({800, 808, 870, 878, 881, 882, 883, 888, 979})
"""Country codes without a country: satellites, global networks, global services."""


class Phone(Field):
    """A phone number in international form with `+`; stored as E.164.

    Numbers of satellite and global networks and of special rates are refused.
    """

    default_error_messages = {
        "invalid": "Must be a phone number in international format, like +34600000000.",
        "not_personal": "Must be a mobile phone number; this kind of number can't receive codes.",
    }
    example = "+34600000000"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\+[0-9 ().-]{6,30}$"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(r"\+[0-9 ().-]{6,30}", data):
            self.fail("invalid")
        try:
            number = phonenumbers.parse(data)
        except phonenumbers.NumberParseException:
            self.fail("invalid")
        if not phonenumbers.is_valid_number(number):
            self.fail("invalid")
        if number.country_code in NETWORKS or phonenumbers.number_type(number) in COSTLY:
            self.fail("not_personal")
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    def to_representation(self, value: str) -> str | None:
        return value or None


class Iban(Field):
    """An IBAN with valid length, form and check digits; stored without spaces."""

    default_error_messages = {"invalid": "Must be a valid IBAN."}
    example = "ES9121000418450200051332"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9 ]{11,40}$"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9 ]{11,40}", data):
            self.fail("invalid")
        try:
            return schwifty.IBAN(data).compact
        except schwifty.exceptions.SchwiftyException:
            self.fail("invalid")


class Email(Text):
    """An e-mail address."""

    default_error_messages = {"invalid": "Must be a valid e-mail address."}
    example = "alice@example.com"

    def __init__(self, max_length: int = 254, **kwargs: Any) -> None:
        super().__init__(max_length, **kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "email", "maxLength": self.max_length}

    def to_internal_value(self, data: Any) -> str:
        address: str = super().to_internal_value(data)
        try:
            validate_email(address)
        except DjangoValidationError:
            self.fail("invalid")
        return address
