"""The fields of bodies and answers. Each accepts exactly one JSON type.

Fields check types, ranges and formats, but no rules.
"""

from __future__ import annotations

from iocash.http.fields.addresses import Email, Iban, Phone
from iocash.http.fields.amounts import Amount, Currency, Money
from iocash.http.fields.plain import Choice, Flag, Id, Several, Whole
from iocash.http.fields.texts import Pairs, StringMap, Text
from iocash.http.fields.times import Day, DurationText, Instant, Moment
from iocash.http.serializers import Field, Items, Serializer

__all__ = [
    "Amount",
    "Choice",
    "Currency",
    "Day",
    "DurationText",
    "Email",
    "Field",
    "Flag",
    "Iban",
    "Id",
    "Instant",
    "Items",
    "Moment",
    "Money",
    "Pairs",
    "Phone",
    "Serializer",
    "Several",
    "StringMap",
    "Text",
    "Whole",
]
