"""The columns of the rows of the books, and their types."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

NOT_READ: Final = {"read": False}
"""Marks a field that no column fills when its row is read; such fields come last."""


def columns(kind: Any) -> tuple[str, ...]:
    """Return the columns that fill a row when it is read, in the order of its fields.

    `kind(*row)` is right only for rows that were selected by them.
    """
    fields = dataclasses.fields(kind)
    return tuple(each.name for each in fields if each.metadata.get("read", True))


TYPES: Final = {
    "UUID": "uuid",
    "str": "text",
    "int": "bigint",
    "bytes": "bytea",
    "datetime": "timestamptz",
    "date": "date",
    "Mapping[str, str]": "jsonb",
}
"""The types of columns by those of fields."""


def types(kind: Any) -> dict[str, str]:
    """Return the types of the columns of a row, by name. Raises KeyError for other types."""
    names = {each.name: str(each.type) for each in dataclasses.fields(kind)}
    return {name: TYPES[names[name].removesuffix(" | None")] for name in columns(kind)}
