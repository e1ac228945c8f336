"""Text is kept as it is, and so are the caller's own pairs of it."""

from __future__ import annotations

from typing import Any

import pytest

from iocash.http import fields
from iocash.http.parsing import Number
from tests.support.fields import OTHER_TYPES, read, wrong


def test_text_is_read_unchanged() -> None:
    assert read(fields.Text(10), " Ñandú 🙂 ") == " Ñandú 🙂 "


@pytest.mark.parametrize("value", OTHER_TYPES)
def test_non_string_text_is_refused(value: Any) -> None:
    assert wrong(fields.Text(10), value) == "invalid"


@pytest.mark.parametrize("value", ["", " ", "\u2003\u00a0"])
def test_blank_text_is_refused(value: str) -> None:
    assert wrong(fields.Text(10), value) == "blank"


@pytest.mark.parametrize(
    "value", ["\u200d", "\u0301", "\u3164", "\u2800\u2800", " \u200b ", "\ufe0f"]
)
def test_invisible_text_is_refused(value: str) -> None:
    assert wrong(fields.Text(10), value) in {"blank", "invisible"}


@pytest.mark.parametrize(
    "char",
    [
        *("\u200b", "\u2060", "\ufeff", "\u00ad", "\u061c", "\u180e"),  # nothing is seen
        *("\u200e", "\u202a", "\u202e", "\u2066", "\u2069"),  # the direction turns
        *("\u2028", "\u2029"),  # lines end
        *("\ue000", "\U000f0000", "\ud800"),  # nobody knows what they are
        *("\uffff", "\U000e0041", "\u0378"),  # nothing has this number, and tags
        *("\u3164", "\u115f", "\u2800", "\u034f"),  # fillers
    ],
)
def test_text_with_an_invisible_character_is_refused(char: str) -> None:
    for value in (f"Ali{char}ce", f"{char}Alice", f"Alice{char}", f"می{char}خواهم"):
        assert wrong(fields.Text(20), value) == "invisible"


@pytest.mark.parametrize(
    "value",
    [
        "می‌خواهم",  # Persian
        "क्‍ष",  # Devanagari
        "ශ්‍රී",  # Sinhala
        "👩‍🍳 👨‍👩‍👧",
        "Dinner\u00a0: 20\u202f€",
        "José Ñandú 王小明 Иван",
        "José",  # a mark of its own on the letter
        "O'Neill & Söhne, n.º 1",
    ],
)
def test_ordinary_text_is_accepted(value: str) -> None:
    assert read(fields.Text(40), value) == value


@pytest.mark.parametrize("value", ["Ali\u200dce", "\u200cمی", "می\u200c", "م\u200ca", "م\u200c ی"])
def test_joiner_outside_joining_letters_is_refused(value: str) -> None:
    assert wrong(fields.Text(20), value) == "invisible"


def test_text_has_a_maximum_length() -> None:
    assert read(fields.Text(3), "🙂🙂🙂") == "🙂🙂🙂"
    assert wrong(fields.Text(3), "abcd") == "max_length"


def test_null_is_refused_unless_the_field_allows_it() -> None:
    assert wrong(fields.Text(3), None) == "null"
    assert read(fields.Text(3, allow_null=True), None) is None


def test_metadata_accepts_pairs_of_strings() -> None:
    pairs = {f"key{n}": "x" * 500 for n in range(20)}
    assert read(fields.StringMap(), pairs) == pairs
    assert read(fields.StringMap(), {"a": ""}) == {"a": ""}
    assert read(fields.StringMap(), {}) is None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "invalid"),
        ("a", "invalid"),
        ({f"key{n}": "" for n in range(21)}, "max_pairs"),
        ({"k" * 41: ""}, "key"),
        ({"": ""}, "key"),
        ({"a": "x" * 501}, "max_length"),
        ({"a": Number("1")}, "not_a_string"),
        ({"a": None}, "not_a_string"),
        ({"a": {"b": "c"}}, "not_a_string"),
    ],
)
def test_invalid_metadata_is_refused(value: Any, code: str) -> None:
    assert wrong(fields.StringMap(), value) == code
