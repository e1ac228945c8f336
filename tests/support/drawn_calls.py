"""Calls that Hypothesis draws from the types of the Python client."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from inspect import signature
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st
from iocash_client import Money
from iocash_client.generated.operations import Operations
from iocash_client.shapes import Body, Id, Unset


def methods() -> dict[str, Any]:
    """The generated methods, by name."""
    found: dict[str, Any] = {}
    for class_ in Operations.__mro__:
        if class_.__module__.startswith("iocash_client.generated"):
            found |= {name: each for name, each in vars(class_).items() if callable(each)}
    return found


class Drawing:
    """Values of the types of the client; ids are often those of the demo."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = st.sampled_from(ids)
        self.simple: dict[Any, st.SearchStrategy[Any]] = {
            str: st.text(max_size=20) | self.ids,
            int: st.integers(-2, 100),
            bool: st.booleans(),
            NoneType: st.none(),
            Decimal: st.decimals(-1, 100, places=2),
            dt.datetime: st.datetimes(timezones=st.just(dt.UTC)),
            dt.date: st.dates(),
            UUID: st.uuids() | self.ids.map(UUID),
            Money: st.builds(Money, st.decimals(0, 100, places=2), st.sampled_from(["EUR", "USD"])),
            Any: st.none(),
        }

    def of(self, hint: Any) -> st.SearchStrategy[Any]:
        if hint in self.simple:
            return self.simple[hint]
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            return st.one_of(*(self.of(each) for each in arguments if each is not Unset))
        if origin is Literal:
            return st.sampled_from(arguments)
        if origin is Sequence:
            return st.lists(self.of(arguments[0]), max_size=2)
        if origin is Mapping:
            return st.dictionaries(st.text(max_size=5), self.of(arguments[1]), max_size=2)
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return st.sampled_from(hint)
        assert isinstance(hint, type), hint
        return self.shaped(hint) if issubclass(hint, Body) else self.filters(hint)

    def shaped(self, body: type[Body]) -> st.SearchStrategy[Any]:
        required: dict[str, st.SearchStrategy[Any]] = {}
        optional: dict[str, st.SearchStrategy[Any]] = {}
        for name, hint in get_type_hints(body).items():
            (optional if hasattr(body, name) else required)[name] = self.field(name, hint)
        return st.fixed_dictionaries(required, optional=optional).map(lambda it: body(**it))

    def field(self, name: str, hint: Any) -> st.SearchStrategy[Any]:
        """The value of a field of a body."""
        return self.of(hint)

    def id(self, name: str) -> st.SearchStrategy[Any]:
        """The value of a part of a path."""
        return self.ids

    def filters(self, hint: Any) -> st.SearchStrategy[dict[str, Any]]:
        hints = {name: self.of(each) for name, each in get_type_hints(hint).items()}
        hints.pop("wait", None)
        return st.fixed_dictionaries({}, optional=hints)

    def arguments(self, method: Any) -> st.SearchStrategy[dict[str, Any]]:
        hints = get_type_hints(method)
        drawn = {}
        for name, parameter in signature(method).parameters.items():
            if name == "self" or parameter.kind is parameter.KEYWORD_ONLY:
                continue
            if parameter.kind is parameter.VAR_KEYWORD:
                drawn["filters"] = self.of(get_args(hints[name])[0])
            elif hints[name] == Id:
                drawn[name] = self.id(name)
            else:
                drawn[name] = self.of(hints[name])
        return st.fixed_dictionaries(drawn)
