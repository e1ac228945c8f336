"""Amounts in bodies, money in answers, and currencies."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from iocash import money
from iocash.currencies import DECIMALS
from iocash.http.parsing import Number
from iocash.http.serializers import Ask, Field, Serializer, text_of, tuple_picker


class Amount(Field):
    """An amount in a body, as a string or a JSON number; parsed exactly into a Decimal.

    The order checks the number of decimals, because it knows the wallet's currency.
    """

    default_error_messages = {
        "invalid": "Enter an amount like 12.50 (point as decimal separator, no currency sign).",
        "min_value": "Must be greater than zero.",
        "max_digits": "Must have at most {max_digits} digits.",
        "max_decimal_places": "Must have at most {max_decimal_places} decimals.",
    }
    MOST_DECIMALS = 4
    PATTERN = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?")
    WRITTEN = (
        r"^([1-9][0-9]{0,10}(\.[0-9]{1,4})?|[1-9][0-9]{11,14}"
        r"|0\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]))$"
    )
    """Positive, with at most 15 digits and at most 4 decimals."""
    example = "10.00"

    def schema(self) -> dict[str, Any]:
        """A string. A number is accepted too, but many languages would send a float."""
        return {"type": "string", "pattern": self.WRITTEN, "x-also-accepted": "number"}

    def to_internal_value(self, data: Any) -> Decimal:
        literal = data.literal if isinstance(data, Number) else data
        found = self.PATTERN.fullmatch(literal) if isinstance(literal, str) else None
        if not found:
            self.fail("invalid")
        whole, decimals = found[1], found[2] or ""
        if len(decimals) > self.MOST_DECIMALS:
            self.fail("max_decimal_places", max_decimal_places=self.MOST_DECIMALS)
        if len(whole) + len(decimals) > money.MAX_DIGITS:
            self.fail("max_digits", max_digits=money.MAX_DIGITS)
        amount = Decimal(literal)
        if not amount:
            self.fail("min_value")
        return amount


class Money(Field):
    """Minor units, rendered as a decimal string with exactly the currency's decimals."""

    example = "10.50"

    def __init__(self, currency: str = "currency", **kwargs: Any) -> None:
        self.currency = currency
        kwargs["read_only"] = True
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}

    def asker(self) -> Ask:
        pick = tuple_picker([self.source or "", self.currency])

        def ask(serializer: Serializer, thing: Any) -> str | None:
            minor, currency = pick(thing)
            return None if minor is None else money.to_text(minor, currency)

        return ask


class Currency(Field):
    """A currency, by its three letters of ISO 4217.

    Wallets in withdrawn currencies stay usable.
    """

    default_error_messages = {"invalid_choice": "Must be a currency code of ISO 4217."}
    example = "EUR"
    component = "Currency"

    def schema(self) -> dict[str, Any]:
        # A list of 160 codes would make the document hard to read.
        return {"type": "string", "pattern": "^[A-Z]{3}$", "description": text_of(Currency)}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in DECIMALS:
            self.fail("invalid_choice")
        return data
