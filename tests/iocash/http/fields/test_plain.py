"""Ids, words, flags and whole numbers are spelled one way."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from iocash.http import fields
from iocash.http.parsing import Number
from iocash.http.rendering import dump
from tests.support.fields import ID, OTHER_TYPES, Kind, read, wrong


def test_id_is_a_uuid() -> None:
    assert read(fields.Id(), ID) == UUID(ID)
    assert dump(fields.Id().to_representation(UUID(ID))) == f'"{ID}"'.encode()


@pytest.mark.parametrize(
    "value",
    [*OTHER_TYPES, "", ID.upper().replace("0", "A"), ID.replace("-", ""), f"{{{ID}}}", f"{ID}\n"],
)
def test_id_in_another_spelling_is_refused(value: Any) -> None:
    assert wrong(fields.Id(), value) == "invalid"


def test_choice_is_matched_exactly() -> None:
    assert read(fields.Choice(Kind), "NATURAL") is Kind.NATURAL
    assert read(fields.Choice(("a", "b")), "b") == "b"
    assert dump(fields.Choice(Kind).to_representation(Kind.NATURAL)) == b'"NATURAL"'


@pytest.mark.parametrize("value", [*OTHER_TYPES, "", "natural", "NATURAL ", "0"])
def test_unknown_choice_is_refused(value: Any) -> None:
    assert wrong(fields.Choice(Kind), value) == "invalid_choice"


def test_flag_reads_true_and_false() -> None:
    assert read(fields.Flag(), True) is True
    assert read(fields.Flag(), False) is False


@pytest.mark.parametrize("value", [Number("1"), Number("0"), "true", "", [], {}])
def test_non_boolean_flag_is_refused(value: Any) -> None:
    assert wrong(fields.Flag(), value) == "invalid"


def test_whole_number_is_limited_to_its_range() -> None:
    assert read(fields.Whole(1, 100), Number("100")) == 100
    assert wrong(fields.Whole(1, 100), Number("0")) == "min_value"
    assert wrong(fields.Whole(1, 100), Number("101")) == "max_value"


@pytest.mark.parametrize(
    "value", ["5", True, None, [], Number("5.0"), Number("5e0"), Number("9" * 30)]
)
def test_invalid_whole_number_is_refused(value: Any) -> None:
    assert wrong(fields.Whole(1, 100), value) in {"invalid", "null"}
