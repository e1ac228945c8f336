"""What a field of a request or an answer may be: each takes exactly its own JSON type.

No rules of the house here, only shape: types, ranges, formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import phonenumbers
import schwifty
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from django.db.models import Choices
from rest_framework.exceptions import ErrorDetail, ValidationError

from iocash import money
from iocash.parsing import Number
from iocash.rendering import moment
from iocash.shapes import Field, Getter, Serializer, picker

__all__ = [
    "Amount",
    "Choice",
    "Currency",
    "Day",
    "Email",
    "Field",
    "Flag",
    "Id",
    "Moment",
    "Money",
    "Phone",
    "Serializer",
    "StringMap",
    "Text",
    "Whole",
]


class Text(Field):
    """Text, kept as it is, in which something can be seen."""

    default_error_messages = {
        "invalid": "This is not a string.",
        "blank": "This is blank.",
        "max_length": "This has more than {max_length} characters.",
    }
    example = "Text"

    def __init__(self, max_length: int, **kwargs: Any) -> None:
        self.max_length = max_length
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.max_length}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        if not data.strip():
            self.fail("blank")
        if len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return data

    def to_representation(self, value: str) -> str | None:
        """Blank text is never taken, so what is stored blank is shown as null."""
        return value or None


class Amount(Field):
    """An amount of an order, as a string or a JSON number; read exactly, into a Decimal.

    How many decimals the currency has is for the ledger to check: it knows the wallet.
    """

    default_error_messages = {
        "invalid": "This is not an amount: digits, with a point if you like, and nothing else.",
        "min_value": "An amount is greater than zero.",
        "max_digits": "An amount has at most {max_digits} digits.",
        "max_decimal_places": "An amount has at most {max_decimal_places} decimals.",
    }
    MOST_DECIMALS = 4
    PATTERN = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?")
    example = "10.00"

    def schema(self) -> dict[str, Any]:
        pattern = r"^(0|[1-9][0-9]*)(\.[0-9]{1,4})?$"
        return {"type": "string", "pattern": pattern, "example": self.example}

    def to_internal_value(self, data: Any) -> Decimal:
        literal = data.literal if isinstance(data, Number) else data
        found = self.PATTERN.fullmatch(literal) if isinstance(literal, str) else None
        if not found:
            self.fail("invalid")
        whole, decimals = found[1], found[2] or ""
        if len(decimals) > self.MOST_DECIMALS:
            self.fail("max_decimal_places", max_decimal_places=self.MOST_DECIMALS)
        if len(whole) + len(decimals) > money.MAX_DIGITS:
            self.fail("max_digits", max_digits=money.MAX_DIGITS)
        amount = Decimal(literal)
        if not amount:
            self.fail("min_value")
        return amount


class Money(Field):
    """Minor units in an answer, as a decimal string with exactly the currency's decimals."""

    example = "10.50"

    def __init__(self, currency: str = "currency", **kwargs: Any) -> None:
        self.currency = currency
        kwargs["read_only"] = True
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "example": self.example}

    def getter(self) -> Getter:
        pick, pick_currency = picker(self.source or ""), picker(self.currency)

        def get(thing: Any) -> str | None:
            minor = pick(thing)
            return None if minor is None else money.to_text(minor, pick_currency(thing))

        return get


class Moment(Field):
    """An instant: RFC 3339 with any offset in, UTC with milliseconds out."""

    default_error_messages = {
        "invalid": "This is not an instant of RFC 3339 with an offset: 2026-01-31T12:00:00Z.",
    }
    PATTERN = re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
        r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
    )
    example = "2026-01-31T12:00:00.000Z"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time", "example": self.example}

    def read(self, text: str) -> datetime:
        """Read an instant. Subclasses read other spellings first.

        Raises:
            ValueError, OverflowError: there is no such instant.
        """
        if not self.PATTERN.fullmatch(text):
            raise ValueError(text)
        return datetime.fromisoformat(text.upper()).astimezone(UTC)

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            return self.read(data)
        except (ValueError, OverflowError):
            self.fail("invalid")

    def to_representation(self, value: datetime) -> str:
        return moment(value)


class Day(Field):
    """A date without a time: `2026-01-31`."""

    default_error_messages = {"invalid": "This is not a date: 2026-01-31."}
    example = "2026-01-31"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date", "example": self.example}

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", data):
            self.fail("invalid")
        try:
            return date.fromisoformat(data)
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: date) -> str:
        return value.isoformat()


class Id(Field):
    """A lower-case UUID."""

    default_error_messages = {"invalid": "This is not a lower-case UUID."}
    PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
    example = "01980000-0000-7000-8000-000000000001"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid", "example": self.example}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not self.PATTERN.fullmatch(data):
            self.fail("invalid")
        return UUID(data)

    def to_representation(self, value: Any) -> str:
        return str(value)


class Choice(Field):
    """One of a few words, spelled exactly; becomes the member when `choices` is an enum."""

    default_error_messages = {"invalid_choice": "This is none of {choices}."}

    def __init__(self, choices: type[Choices] | Iterable[str], **kwargs: Any) -> None:
        self.members = {str(getattr(item, "value", item)): item for item in choices}
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.members)}

    def get_initial(self) -> str:
        return next(iter(self.members))

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.members:
            self.fail("invalid_choice", choices=", ".join(self.members))
        return self.members[data]

    def to_representation(self, value: Any) -> str:
        return str(value)


class Flag(Field):
    """`true` or `false`."""

    default_error_messages = {"invalid": "This is neither true nor false."}
    example = False

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Whole(Field):
    """A whole number in a range, without a point or an exponent."""

    default_error_messages = {
        "invalid": "This is not a whole number.",
        "min_value": "This is less than {min_value}.",
        "max_value": "This is more than {max_value}.",
    }

    def __init__(self, min_value: int, max_value: int, **kwargs: Any) -> None:
        self.min_value, self.max_value = min_value, max_value
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.min_value, "maximum": self.max_value}

    def get_initial(self) -> int:
        return self.min_value

    def literal(self, data: Any) -> str:
        return data.literal if isinstance(data, Number) else ""

    def to_internal_value(self, data: Any) -> int:
        literal = self.literal(data)
        if not re.fullmatch(r"-?[0-9]{1,18}", literal):
            self.fail("invalid")
        if int(literal) < self.min_value:
            self.fail("min_value", min_value=self.min_value)
        if int(literal) > self.max_value:
            self.fail("max_value", max_value=self.max_value)
        return int(literal)


class Currency(Field):
    """A currency of ISO 4217 that money can be held in."""

    default_error_messages = {"invalid_choice": "This is no currency of ISO 4217."}
    example = "EUR"

    def schema(self) -> dict[str, Any]:
        # 160 codes would drown the document.
        return {"type": "string", "pattern": "^[A-Z]{3}$", "example": self.example}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in money.currencies():
            self.fail("invalid_choice")
        return data


class Phone(Field):
    """A phone number in the international form, which begins with `+`; kept as E.164."""

    default_error_messages = {
        "invalid": "This is not a phone number in the international form: +34600000000.",
    }
    example = "+34600000000"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\+[0-9 ().-]{6,30}$", "example": self.example}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(r"\+[0-9 ().-]{6,30}", data):
            self.fail("invalid")
        try:
            number = phonenumbers.parse(data)
        except phonenumbers.NumberParseException:
            self.fail("invalid")
        if not phonenumbers.is_valid_number(number):
            self.fail("invalid")
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    def to_representation(self, value: str) -> str | None:
        return value or None


class Iban(Field):
    """A bank account: an IBAN whose length, form and check digits are right; kept compact."""

    default_error_messages = {"invalid": "This is not an IBAN."}
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

    default_error_messages = {"invalid": "This is not an e-mail address."}
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


class StringMap(Field):
    """The caller's own pairs of strings, which mean nothing here."""

    default_error_messages = {
        "invalid": "This is not an object of strings.",
        "max_pairs": "There are more than {max_pairs} pairs.",
        "key": "A key has 1 to {max_key} characters.",
        "not_a_string": "This is not a string.",
        "max_length": "This has more than {max_length} characters.",
    }
    MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 20, 40, 500
    example: Any = {}

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "maxProperties": self.MOST_PAIRS,
            "propertyNames": {"minLength": 1, "maxLength": self.LONGEST_KEY},
            "additionalProperties": {"type": "string", "maxLength": self.LONGEST_VALUE},
            "example": {"orderNumber": "1234"},
        }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(data) > self.MOST_PAIRS:
            self.fail("max_pairs", max_pairs=self.MOST_PAIRS)
        if any(not 1 <= len(key) <= self.LONGEST_KEY for key in data):
            self.fail("key", max_key=self.LONGEST_KEY)
        wrong = {key: found for key, value in data.items() if (found := self._wrong(value))}
        if wrong:
            raise ValidationError({key: self._said(code) for key, code in wrong.items()})
        return data

    def _wrong(self, value: Any) -> str:
        if not isinstance(value, str):
            return "not_a_string"
        return "max_length" if len(value) > self.LONGEST_VALUE else ""

    def _said(self, code: str) -> list[ErrorDetail]:
        words = str(self.error_messages[code]).format(max_length=self.LONGEST_VALUE)
        return [ErrorDetail(words, code=code)]
