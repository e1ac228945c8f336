"""Ids, choices, flags and whole numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Choices

from iocash.http.parsing import Number
from iocash.http.serializers import Field, text_of


class Id(Field):
    """A lower-case UUID."""

    default_error_messages = {"invalid": "Must be a UUID in lower case."}
    PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
    example = "01980000-0000-7000-8000-000000000001"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not self.PATTERN.fullmatch(data):
            self.fail("invalid")
        return UUID(data)


class Choice(Field):
    """One of a few words, spelled exactly; converted to the member if `choices` is an enum.

    An enum is a named schema in the OpenAPI document, described by its docstring. A subclass with
    `words` is one too. New words may be added to both, which `x-extensible-enum` tells generators.
    """

    default_error_messages = {"invalid_choice": "Must be one of: {choices}."}
    WORD = "^[A-Za-z0-9+./_-]+$"
    """The form of all words, also of those that will be added."""
    words: ClassVar[tuple[str, ...]] = ()
    """The words of a subclass."""
    is_open: ClassVar[bool] = True
    """Whether words may be added that a generated client does not know."""

    def __init__(self, choices: type[Choices] | Iterable[str] | None = None, **kwargs: Any) -> None:
        known = self.words if choices is None else choices
        self.members = {str(getattr(item, "value", item)): item for item in known}
        self.named: type[Any] = known if isinstance(known, type) else type(self)
        if self.named is not Choice:
            kwargs.setdefault("component", self.named.__qualname__.replace(".", ""))
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        if self.named is not Choice:
            known = {"x-extensible-enum": list(self.members), "pattern": self.WORD}
            known = known if self.is_open else {"enum": list(self.members)}
            return {"type": "string", **known, "description": text_of(self.named)}
        if len(self.members) == 1:
            return {"type": "string", "const": next(iter(self.members))}
        return {"type": "string", "enum": list(self.members)}

    def get_initial(self) -> str:
        return str(self.example or next(iter(self.members)))

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.members:
            self.fail("invalid_choice", choices=", ".join(self.members))
        return self.members[data]


class Several(Field):
    """Values of a query parameter, separated by commas; duplicates count once."""

    default_error_messages = {
        "invalid": "Must be values separated by commas.",
        "max_values": "Must have at most {max_values} values.",
    }
    MOST = 20

    def __init__(self, child: Field, **kwargs: Any) -> None:
        self.child = child
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "array",
            "items": self.child.schema(),
            "minItems": 1,
            "maxItems": self.MOST,
        }

    def get_initial(self) -> list[Any]:
        return [self.child.get_initial()]

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, str):
            self.fail("invalid")
        values = data.split(",")
        if not all(value.strip() for value in values):
            self.fail("invalid")
        if len(values) > self.MOST:
            self.fail("max_values", max_values=self.MOST)
        return list(dict.fromkeys(map(self.child.run_validation, values)))


class Flag(Field):
    """`true` or `false`."""

    default_error_messages = {"invalid": "Must be true or false."}
    example = False

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Whole(Field):
    """A whole number in a range, without a point or an exponent."""

    default_error_messages = {
        "invalid": "Must be a whole number.",
        "min_value": "Must be at least {min_value}.",
        "max_value": "Must be at most {max_value}.",
    }

    def __init__(self, min_value: int, max_value: int, **kwargs: Any) -> None:
        self.min_value, self.max_value = min_value, max_value
        super().__init__(**kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.min_value, "maximum": self.max_value}

    def get_initial(self) -> int:
        return int(self.example) if self.example != "" else self.min_value

    def literal(self, data: Any) -> str:
        return data.literal if isinstance(data, Number) else ""

    def to_internal_value(self, data: Any) -> int:
        literal = self.literal(data)
        if not re.fullmatch(r"-?[0-9]{1,18}", literal):
            self.fail("invalid")
        if int(literal) < self.min_value:
            self.fail("min_value", min_value=self.min_value)
        if int(literal) > self.max_value:
            self.fail("max_value", max_value=self.max_value)
        return int(literal)
