"""Fingerprints of requests and resources, from bytes that are the same on every Python.

The bytes are JSON: UTF-8, sorted names, no spaces. Values that are not text, number or boolean are
tagged with their type. `repr` and `str` of containers are not used, because they depend on the
Unicode table of the Python version.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

SALT_BYTES: Final = 16


class Asked(NamedTuple):
    """A request: its name and typed values. None and blank values are left out."""

    verb: str
    values: Mapping[str, object]


def canonical(asked: Asked) -> bytes:
    """Encode `asked` as bytes: equal requests have equal bytes, different ones different bytes.

    Raises:
        TypeError: a value is of a type that has no canonical form.
    """
    return orjson.dumps(plain(asked), option=orjson.OPT_SORT_KEYS)


def canonical_digest(asked: Asked) -> bytes:
    """The digest of the canonical bytes. Never store it: personal values can be guessed from it."""
    return sha256(canonical(asked)).digest()


def salted(salt: bytes, asked: bytes) -> bytes:
    """The fingerprint to store: of a row's own salt and the digest of a request.

    Without the salt, the request can't be guessed from it or recognised.
    """
    return sha256(salt + asked).digest()


def new_salt() -> bytes:
    return os.urandom(SALT_BYTES)


def plain(value: object) -> Any:
    """Convert a value for JSON; `1`, `"1"`, `Decimal(1)` and `True` stay different."""
    kind = value.__class__
    if kind in AS_IT_IS:
        return value
    if kind in FORMS:
        return FORMS[kind](value)
    for kind, write in FORMS.items():
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def order(asked: Asked) -> list[Any]:
    values = asked.values.items()
    return [asked.verb, {name: plain(value) for name, value in values if value not in NOT_ASKED}]


def shortest(number: Decimal) -> str:
    """Equal decimals as equal texts, without an exponent: 1, 1.0 and 1.00 are the same."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


NOT_ASKED: Final = (None, "")
AS_IT_IS: Final = frozenset({str, int, bool, type(None)})
FORMS: Final[dict[type[Any], Callable[[Any], Any]]] = {
    UUID: lambda value: {"uuid": value},
    Decimal: lambda value: {"decimal": shortest(value)},
    Asked: order,
    tuple: lambda value: [*map(plain, value)],
    list: lambda value: [*map(plain, value)],
    datetime: lambda value: {"time": in_utc(value)},
    date: lambda value: {"date": value.isoformat()},
    dict: lambda value: {"pairs": {name: plain(each) for name, each in value.items()}},
    str: str,
}
"""How each type is encoded; the first match counts (an Asked is a tuple, a datetime a date)."""
