"""Amounts as people type them, and amounts in words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from iocash import money
from wallets.admin.amounts import AmountField
from wallets.admin.spelling import LARGEST, english, spanish, spelled

FIELD = AmountField()


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1,50", "1.50"),
        ("1.50", "1.50"),
        ("1234.5", "1234.5"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234,50", "1234.50"),
        ("1\u202f234", "1234"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234.567", "1234567"),
        ("1,234,567.8", "1234567.8"),
        ("0,125", "0.125"),
        ("01,234", "1.234"),
        (" 5 ", "5"),
        ("1234,567", "1234.567"),
    ],
)
def test_amount_is_read_as_people_type_it(typed, amount):
    assert FIELD.clean(typed) == Decimal(amount)


@pytest.mark.parametrize(
    ("typed", "whole", "grouped", "decimals"),
    [
        ("1,250", "1250", "1,250.00", "1,25"),
        ("1.250", "1250", "1.250,00", "1.25"),
        ("1,000", "1000", "1,000.00", "1"),
        ("20.300", "20300", "20.300,00", "20.3"),
        ("1,234", "1234", "1,234.00", "01,234"),
        ("12.345", "12345", "12.345,00", "012.345"),
    ],
)
def test_amount_with_two_readings_is_refused_with_ways_to_write_it(typed, whole, grouped, decimals):
    with pytest.raises(ValidationError) as refused:
        FIELD.clean(typed)
    (text,) = refused.value.messages
    assert f"Write {whole} or {grouped} for thousands, or {decimals} for decimals." in text
    assert FIELD.clean(whole) == FIELD.clean(grouped) == Decimal(whole)
    assert FIELD.clean(decimals) == Decimal(typed.replace(",", "."))


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-1",
        "+1",
        "1e2",
        "x",
        "0",
        "0,00",
        "1,23.4",
        "1.2.3",
        "1 23",
        "1,234,5",
        "12,34.567",
        "1.234 567",
        "٣",
        "1,",
        ",5",
        "€5",
        "1 EUR",
        "1.23456",
        "1" * 16,
    ],
)
def test_other_text_is_refused(typed):
    with pytest.raises(ValidationError):
        FIELD.clean(typed)


@given(st.integers(1, 10**14), st.sampled_from([(",", "."), (".", ","), (" ", ","), (" ", ".")]))
def test_grouped_amounts_are_read_back(minor, marks):
    group, point = marks
    english_form = f"{minor // 100:,}.{minor % 100:02d}"
    typed = english_form.replace(",", "G").replace(".", point).replace("G", group)
    assert FIELD.clean(typed) == Decimal(money.to_text(minor, "EUR"))


# --- In words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "currency", "in_english", "in_spanish"),
    [
        (500_000_000, "EUR", "five million euros", "cinco millones de euros"),
        (100_000_000, "EUR", "one million euros", "un millón de euros"),
        (1_00, "EUR", "one euro", "un euro"),
        (1, "EUR", "one cent", "un céntimo"),
        (0, "EUR", "zero euros", "cero euros"),
        (-30_00, "EUR", "thirty euros", "treinta euros"),
        (
            1_234_56,
            "EUR",
            "one thousand two hundred and thirty-four euros and fifty-six cents",
            "mil doscientos treinta y cuatro euros con cincuenta y seis céntimos",
        ),
        (1_005_00, "EUR", "one thousand and five euros", "mil cinco euros"),
        (21_000_00, "USD", "twenty-one thousand US dollars",
         "veintiún mil dólares estadounidenses"),
        (100_101_00, "EUR", "one hundred thousand one hundred and one euros",
         "cien mil ciento un euros"),
        (120_000_001_00, "EUR", "one hundred and twenty million and one euros",
         "ciento veinte millones un euros"),
        (10**11, "EUR", "one billion euros", "mil millones de euros"),
        (5, "JPY", "five JPY", "cinco JPY"),
        (1_250, "KWD", "one KWD and 250/1000", "un KWD con 250/1000"),
    ],
)  # fmt: skip
def test_amount_is_written_in_words(minor, currency, in_english, in_spanish):
    assert spelled(minor, currency) == in_english
    assert spelled(minor, currency, "es") == in_spanish


def test_largest_amounts_have_no_words():
    assert spelled(LARGEST, "JPY")
    assert spelled(LARGEST + 1, "JPY") == ""


def test_other_language_is_english():
    assert spelled(2_00, "EUR", "fr") == "two euros"


@pytest.mark.parametrize("number_words", [english, spanish])
def test_different_numbers_have_different_words(number_words):
    some = [*range(3_000), *range(0, 10**7, 3_333), *(10**power for power in range(15))]
    assert len({number_words(number) for number in some}) == len(set(some))
