"""An amount is read exactly, and money is written with its currency's decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rest_framework.exceptions import ValidationError

from iocash import money
from iocash.http import fields
from iocash.http.parsing import Number
from tests.support.fields import OTHER_TYPES, read, wrong


@pytest.mark.parametrize("literal", ["1", "0.1", "10.50", "0.0001", "123456789012345", "10.00"])
def test_amount_may_be_a_string_or_a_number(literal: str) -> None:
    assert read(fields.Amount(), literal) == Decimal(literal)
    assert read(fields.Amount(), Number(literal)) == Decimal(literal)


SPELLINGS = "-1 -0 +1 --1 1e2 1E2 1.5e1 01 00.5 .5 5. 1.5.0 1,5 1_0 0x1 NaN Infinity"
AMOUNTS = {
    "invalid": [*SPELLINGS.split(), "", " ", " 5", "5 ", "1 0", "1.0\n", "1\xa0", "\u0661", "\xb9"],
    "min_value": ["0", "0.0", "0.0000"],
    "max_digits": ["1234567890123456", "12345678901234.50", "9" * 300],
    "max_decimal_places": ["0.00001", "1.00000", "1." + "0" * 300],
}


@pytest.mark.parametrize(
    ("code", "literal"), [(code, text) for code, texts in AMOUNTS.items() for text in texts]
)
def test_wrong_amount_gets_its_code(code: str, literal: str) -> None:
    assert wrong(fields.Amount(), literal) == code
    assert wrong(fields.Amount(), Number(literal)) == code


@pytest.mark.parametrize("value", [True, False, [], {}, ["1"]])
def test_amount_of_another_type_is_refused(value: Any) -> None:
    assert wrong(fields.Amount(), value) == "invalid"


@given(some.integers(1, 10**15 - 1), some.integers(0, 4))
def test_amount_of_any_minor_units_is_read_exactly(minor: int, places: int) -> None:
    amount = Decimal(minor).scaleb(-places)
    literal = format(amount, "f")
    if len(literal.replace(".", "")) <= 15:
        assert read(fields.Amount(), literal).scaleb(places) == minor


@given(some.text(max_size=20))
def test_accepted_amount_equals_its_text(text: str) -> None:
    try:
        amount = read(fields.Amount(), text)
    except ValidationError:
        return
    assert format(amount, "f") == text
    assert text.isascii()


@given(some.integers(-(10**17), 10**17), some.sampled_from(["EUR", "JPY", "KWD"]))
def test_written_money_has_the_decimals_of_its_currency(minor: int, currency: str) -> None:
    text = Purse({"balance": minor, "currency": currency}).data["balance"]
    assert Decimal(text).scaleb(money.decimals(currency)) == minor
    assert len(text.partition(".")[2]) == money.decimals(currency)


class Purse(fields.Serializer):
    balance = fields.Money()


def test_supported_currency_is_accepted() -> None:
    assert read(fields.Currency(), "EUR") == "EUR"


@pytest.mark.parametrize("value", [*OTHER_TYPES, "", "eur", "XAU", "XXX", "EURO", "978"])
def test_unsupported_currency_is_refused(value: Any) -> None:
    assert wrong(fields.Currency(), value) == "invalid_choice"
