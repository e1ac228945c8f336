"""What a field of a request or an answer may be: each takes exactly its own JSON type.

No rules of the house here, only shape: types, ranges, formats.
"""

from __future__ import annotations

from iocash.http.fields.addresses import Email, Iban, Phone
from iocash.http.fields.amounts import Amount, Currency, Money
from iocash.http.fields.plain import Choice, Flag, Id, Whole
from iocash.http.fields.texts import StringMap, Text
from iocash.http.fields.times import Day, Moment
from iocash.http.serializers import Field, Serializer

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
