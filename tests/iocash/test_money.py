"""Money as text and as integers of minor units, exactly."""

from __future__ import annotations

from decimal import Decimal

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as some

from iocash import money
from iocash.currencies import DECIMALS


@pytest.mark.parametrize(
    ("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("UYW", 4)]
)
def test_currency_has_its_decimals(currency: str, decimals: int) -> None:
    assert money.decimals(currency) == decimals


@pytest.mark.parametrize("code", ["XAU", "XTS", "XXX", "eur", "EURO", "", "978"])
def test_unsupported_code_is_no_currency(code: str) -> None:
    assert code not in money.currencies()
    with pytest.raises(ValueError, match=r".*"):
        money.decimals(code)


def test_every_currency_of_iso_4217_is_known_with_its_decimals() -> None:
    """If this fails after an update, add the new currency; never change an existing one."""
    active = {each.code: each.exponent for each in iso4217.Currency if each.exponent is not None}
    assert active.items() <= DECIMALS.items()


@pytest.mark.parametrize(("code", "decimals"), [("BGN", 2), ("HRK", 2), ("BYR", 0)])
def test_withdrawn_currency_keeps_its_decimals(code: str, decimals: int) -> None:
    assert code not in money.currencies()
    assert money.decimals(code) == decimals


def test_every_currency_has_at_most_four_decimals() -> None:
    assert "EUR" in money.currencies()
    assert {money.decimals(code) for code in money.currencies()} <= {0, 2, 3, 4}
    assert list(money.currencies()) == sorted(money.currencies())


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (10_50, "EUR", "10.50"),
        (5, "EUR", "0.05"),
        (0, "EUR", "0.00"),
        (-5, "EUR", "-0.05"),
        (-10_50, "EUR", "-10.50"),
        (10, "JPY", "10"),
        (-10, "JPY", "-10"),
        (1, "KWD", "0.001"),
        (10**17, "EUR", "1000000000000000.00"),
    ],
)
def test_minor_units_are_written_with_all_decimals(minor: int, currency: str, text: str) -> None:
    assert money.to_text(minor, currency) == text


@given(some.integers(-(10**15) + 1, 10**15 - 1), some.sampled_from(money.currencies()))
def test_written_amount_is_read_back(minor: int, currency: str) -> None:
    assert money.to_minor(Decimal(money.to_text(minor, currency)), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("0.1", "EUR", 10), ("1", "EUR", 100), ("1.50", "EUR", 150), ("0.001", "KWD", 1)],
)
def test_fewer_decimals_are_accepted(amount: str, currency: str, minor: int) -> None:
    assert money.to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "EUR"),
        ("0.1", "JPY"),
        ("0.0001", "KWD"),
        ("12345678901234.50", "EUR"),
        ("9999999999999999", "JPY"),
        ("10000000000000", "EUR"),
    ],
)
def test_more_decimals_or_digits_are_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"decimals|digits"):
        money.to_minor(Decimal(amount), currency)


def test_largest_amount_has_fifteen_digits() -> None:
    assert money.to_minor(Decimal("9999999999999.99"), "EUR") == 10**15 - 1
