"""Text, and the caller's own pairs of it."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from iocash.shapes import Field

CONTROLS = r"\x00-\x1f\x7f-\x9f"
SEEN = rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"
"""Text without control characters, in which something can be seen."""

PLAIN = rf"^[^{CONTROLS}]*$"
"""Text without control characters; `parsing` refuses them anywhere."""


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
        return {"type": "string", "pattern": SEEN, "minLength": 1, "maxLength": self.max_length}

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
            "propertyNames": {"pattern": PLAIN, "minLength": 1, "maxLength": self.LONGEST_KEY},
            "additionalProperties": {
                "type": "string",
                "pattern": PLAIN,
                "maxLength": self.LONGEST_VALUE,
            },
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
