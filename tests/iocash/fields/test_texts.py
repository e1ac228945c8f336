"""Text is kept as it is, and so are the caller's own pairs of it."""

from __future__ import annotations

from typing import Any

import pytest

from iocash import fields
from iocash.parsing import Number
from tests.iocash.fields.reading import OTHER_TYPES, read, wrong


def test_text_is_kept_as_it_is() -> None:
    assert read(fields.Text(10), " Ñandú 🙂 ") == " Ñandú 🙂 "


@pytest.mark.parametrize("value", OTHER_TYPES)
def test_text_is_a_string(value: Any) -> None:
    assert wrong(fields.Text(10), value) == "invalid"


@pytest.mark.parametrize("value", ["", " ", "\u2003\u00a0"])
def test_text_is_not_blank(value: str) -> None:
    assert wrong(fields.Text(10), value) == "blank"


def test_text_has_its_length() -> None:
    assert read(fields.Text(3), "🙂🙂🙂") == "🙂🙂🙂"
    assert wrong(fields.Text(3), "abcd") == "max_length"


def test_null_is_refused_unless_the_field_allows_it() -> None:
    assert wrong(fields.Text(3), None) == "null"
    assert read(fields.Text(3, allow_null=True), None) is None


def test_metadata_is_pairs_of_strings() -> None:
    pairs = {f"key{n}": "x" * 500 for n in range(20)}
    assert read(fields.StringMap(), pairs) == pairs
    assert read(fields.StringMap(), {"a": ""}) == {"a": ""}


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
def test_other_metadata_is_refused(value: Any, code: str) -> None:
    assert wrong(fields.StringMap(), value) == code
