"""Money as text and as integers of minor units, exactly (ISO 4217). No floats, no Django."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import iso4217

from iocash.currencies import DECIMALS

MAX_DIGITS = 15
"""The longest amount of one order, in digits of minor units."""

MAX_BALANCE = 10**17
"""No balance passes this, in minor units."""


def decimals(currency: str) -> int:
    """How many decimals `currency` has: EUR 2, JPY 0, KWD 3; also one that ISO has withdrawn.

    Raises:
        ValueError: it is no currency that money can be held in (unknown, gold, a test code).
    """
    try:
        return DECIMALS[currency]
    except KeyError:
        raise ValueError(f"nobody pays in {currency}") from None


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
    digits = f"{abs(minor):0{places + 1}d}"
    sign = "-" if minor < 0 else ""
    if not places:
        return sign + digits
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


class WrongAmount(ValueError):
    """The amount is none of the currency's; `code` is the field error's, the words say why."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def to_minor(amount: Decimal, currency: str) -> int:
    """Count `amount` in minor units of `currency`.

    Raises:
        WrongAmount: it has more decimals than the currency (zeros too), or more than MAX_DIGITS
            digits in minor units.
    """
    places = decimals(currency)
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > places:
        raise WrongAmount("max_decimal_places", f"At most {places} decimals for {currency}.")
    minor = amount.scaleb(places)
    if abs(minor) >= 10**MAX_DIGITS:
        raise WrongAmount("max_digits", f"Must have at most {MAX_DIGITS} digits in minor units.")
    return int(minor)
