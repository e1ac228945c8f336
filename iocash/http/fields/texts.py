"""Texts, and the caller's own pairs of texts."""

from __future__ import annotations

import json
import re
from typing import Any
from unicodedata import category, name

from rest_framework.exceptions import ValidationError

from iocash.http.serializers import Field, text_of

CONTROLS = r"\x00-\x1f\x7f-\x9f"
SEEN = rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"
"""Text without control characters and with a visible character."""

PLAIN = rf"^[^{CONTROLS}]*$"
"""Text without control characters; `parsing` refuses them anywhere."""


FILLERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]")
"""Letters, signs and marks that are invisible."""

JOINERS = "\u200c\u200d"
JOINED = frozenset(
    {
        *("ARABIC", "SYRIAC", "MONGOLIAN", "NKO", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI"),
        *("ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "MYANMAR", "KHMER"),
    }
)
"""The scripts in which a joiner changes the form of letters."""


def hides_something(text: str) -> bool:
    """Whether the text has invisible characters or characters that change its direction.

    These are control and format characters, line separators, surrogates and unassigned code
    points. Joiners are allowed where scripts need them: between letters of one, or between emoji.
    """
    if FILLERS.search(text):
        return True
    if text.isprintable():
        return False
    return any(
        category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and not joins(text, place)
        for place, char in enumerate(text)
    )


def joins(text: str, place: int) -> bool:
    """Whether the character is a joiner between two characters that it can join."""
    before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
    if text[place] not in JOINERS or not before or not after:
        return False
    if is_emoji(before) and is_emoji(after):
        return text[place] == "\u200d"
    return script(before) in JOINED and script(before) == script(after)


def is_emoji(char: str) -> bool:
    return category(char) in {"So", "Sk"} or char == "\ufe0f"


def script(char: str) -> str:
    """The script of a letter or mark: the first word of its Unicode name."""
    return name(char, "").split(" ")[0] if category(char)[0] in "LM" else ""


def is_seen(text: str) -> bool:
    """Whether the text has a visible character: a letter, a number or a sign."""
    return any(category(char)[0] in "LNPS" for char in text)


class Text(Field):
    """Text with a visible character, stored unchanged."""

    default_error_messages = {
        "invalid": "Must be a string.",
        "blank": "Must not be blank.",
        "max_length": "Must have at most {max_length} characters.",
        "invisible": "Must not have invisible or text-direction characters.",
    }
    example = "Text"

    def __init__(self, max_length: int, **kwargs: Any) -> None:
        self.max_length = max_length
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        known = {"type": "string", "minLength": 1, "maxLength": self.max_length}
        return known if self.read_only else {"pattern": SEEN, **known}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        if not data.strip():
            self.fail("blank")
        if len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        if not data.isascii() and hides_something(data):
            self.fail("invisible")
        if not is_seen(data):
            self.fail("blank")
        return data

    def to_representation(self, value: str) -> str | None:
        """Blank texts are never accepted, so a stored blank is rendered as null."""
        return value or None


class StringMap(Field):
    """Your own pairs of strings: at most 20, keys of up to 40 and values of up to 500 characters.

    The server stores them and does not use them.
    """

    default_error_messages = {
        "invalid": "Must be an object of strings.",
        "max_pairs": "Must have at most {max_pairs} pairs.",
        "key": "Keys must have 1 to {max_key} characters.",
        "not_a_string": "Must be a string.",
        "max_length": "Must have at most {max_length} characters.",
    }
    MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 20, 40, 500
    example: Any = {"orderNumber": "1234"}
    component = "Metadata"

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "description": text_of(StringMap),
            "maxProperties": self.MOST_PAIRS,
            "propertyNames": {"pattern": PLAIN, "minLength": 1, "maxLength": self.LONGEST_KEY},
            "additionalProperties": {
                "type": "string",
                "pattern": PLAIN,
                "maxLength": self.LONGEST_VALUE,
            },
        }

    def to_internal_value(self, data: Any) -> dict[str, str] | None:
        """Return the pairs; an empty object is the same as null."""
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(data) > self.MOST_PAIRS:
            self.fail("max_pairs", max_pairs=self.MOST_PAIRS)
        if any(not 1 <= len(key) <= self.LONGEST_KEY for key in data):
            self.fail("key", max_key=self.LONGEST_KEY)
        limits = {"max_length": self.LONGEST_VALUE}
        wrong = {key: found for key, value in data.items() if (found := self._wrong(value))}
        if wrong:
            raise ValidationError(
                {key: [self.explain(code, **limits)] for key, code in wrong.items()}
            )
        return data or None

    def _wrong(self, value: Any) -> str:
        if not isinstance(value, str):
            return "not_a_string"
        return "max_length" if len(value) > self.LONGEST_VALUE else ""


class Pairs(StringMap):
    """Pairs to search by, each in a parameter of its own: `metadata[order]=17`. At most 5.

    They are read as a JSON text, so that a list has one shape for all pairs.
    """

    MOST_PAIRS = 5
    component = ""

    def schema(self) -> dict[str, Any]:
        known = super().schema()
        keys = {**known["propertyNames"], "pattern": rf"^[^\[\]{CONTROLS}]*$"}
        values = {**known["additionalProperties"], "pattern": SEEN, "minLength": 1}
        return {**known, "minProperties": 1, "propertyNames": keys, "additionalProperties": values}

    def to_internal_value(self, data: Any) -> Any:
        return json.dumps(super().to_internal_value(data), ensure_ascii=False)
