"""What a field of a request or an answer may be: each takes exactly its own JSON type.

No rules of the house here, only shape: types, ranges, formats.
"""

from __future__ import annotations

from iocash.fields.addresses import Email, Iban, Phone
from iocash.fields.amounts import Amount, Currency, Money
from iocash.fields.plain import Choice, Flag, Id, Whole
from iocash.fields.texts import StringMap, Text
from iocash.fields.times import Day, Moment
from iocash.shapes import Field, Serializer

__all__ = [
    "Amount",
    "Choice",
    "Currency",
    "Day",
    "Email",
    "Field",
    "Flag",
    "Iban",
    "Id",
    "Moment",
    "Money",
    "Phone",
    "Serializer",
    "StringMap",
    "Text",
    "Whole",
]
