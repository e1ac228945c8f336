"""Money as text and as integers of minor units, exactly (ISO 4217). No floats, no Django."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import iso4217

from iocash.currencies import DECIMALS

MAX_DIGITS = 15
"""The most digits of an amount in minor units."""

MAX_BALANCE = 10**17
"""The highest balance of a wallet, in minor units."""


def decimals(currency: str) -> int:
    """The number of decimals of `currency` (EUR 2, JPY 0, KWD 3), also of withdrawn currencies.

    Raises:
        ValueError: wallets can't have this currency (unknown, gold, a test code).
    """
    try:
        return DECIMALS[currency]
    except KeyError:
        raise ValueError(f"wallets can't have the currency {currency}") from None


@cache
def currencies() -> tuple[str, ...]:
    """The codes of all currencies in which a wallet can be opened now, sorted."""
    active = {entry.code for entry in iso4217.Currency if entry.exponent is not None}
    return tuple(sorted(active & DECIMALS.keys()))


def to_text(minor: int, currency: str) -> str:
    """Write minor units as a decimal string with exactly the currency's decimals.

    >>> to_text(1050, "EUR"), to_text(-5, "EUR"), to_text(10, "JPY")
    ('10.50', '-0.05', '10')
    """
    places = decimals(currency)
    digits = str(abs(minor)).zfill(places + 1)
    sign = "-" if minor < 0 else ""
    if not places:
        return sign + digits
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


class WrongAmount(ValueError):
    """The currency can't represent the amount. `code` is the code of the field error.

    The text is `template` with `values` filled in.
    """

    def __init__(self, code: str, template: str, **values: Any) -> None:
        super().__init__(template.format(**values))
        self.code, self.template, self.values = code, template, values


def to_minor(amount: Decimal, currency: str) -> int:
    """Convert `amount` to minor units of `currency`.

    Raises:
        WrongAmount: it has more decimals than the currency (zeros too), or more than MAX_DIGITS
            digits in minor units.
    """
    places = decimals(currency)
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > places:
        raise WrongAmount(
            "max_decimal_places",
            "At most {places} decimals for {currency}.",
            places=places,
            currency=currency,
        )
    minor = amount.scaleb(places)
    if abs(minor) >= 10**MAX_DIGITS:
        raise WrongAmount(
            "max_digits",
            "Must have at most {max_digits} digits in minor units.",
            max_digits=MAX_DIGITS,
        )
    return int(minor)
