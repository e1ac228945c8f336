"""Calls that Hypothesis draws from the types of the Python client, sent to a running server.

Takes 30 s.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from inspect import signature
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from iocash_client import ApiError, Client, Money, Pages
from iocash_client.generated.operations import Operations
from iocash_client.shapes import Answer, Body, Id, Unset

from tests.support.embedded_postgres import linux

pytestmark = [pytest.mark.ci, linux]

EXPECTED = {400, 401, 403, 404, 409}
NEVER_SENT = r"^-?[0-9.]+ [A-Z]{3} is not in |is not an id$"
"""Money beside another currency, and a part of a path that is empty."""


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
            (optional if hasattr(body, name) else required)[name] = self.of(hint)
        return st.fixed_dictionaries(required, optional=optional).map(lambda it: body(**it))

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
                drawn[name] = self.ids
            else:
                drawn[name] = self.of(hints[name])
        return st.fixed_dictionaries(drawn)


@pytest.fixture(scope="module")
def ids(demo: dict[str, str]) -> list[str]:
    return [value for name, value in demo.items() if name.endswith("Id")]


@pytest.mark.parametrize("name", methods())
def test_drawn_call_is_answered_or_refused(client: Client, ids: list[str], name: str):
    """The answer has the types that the client says, and an error is one that the caller caused."""
    method = getattr(client, name)

    @settings(
        max_examples=6,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(Drawing(ids).arguments(methods()[name]))
    def call(arguments: dict[str, Any]) -> None:
        filters = arguments.pop("filters", {})
        try:
            answer = method(**arguments, **filters)
            if isinstance(answer, Pages):
                answer = answer.page()
        except ApiError as error:
            assert error.status in EXPECTED, error  # noqa: PT017
        except ValueError as error:
            assert re.search(NEVER_SENT, str(error))  # noqa: PT017
        else:
            assert all(map(well_typed, items_of(answer)))

    call()


def items_of(answer: Any) -> Iterator[Answer]:
    yield from getattr(answer, "items", [answer])


def well_typed(answer: Answer) -> bool:
    """Tell whether no field has a float, and each amount is a decimal."""
    hints = get_type_hints(type(answer))
    for name, hint in hints.items():
        value = getattr(answer, name)
        if isinstance(value, float) or (hint is Decimal and not isinstance(value, Decimal)):
            return False
        if hint is dt.datetime and value.tzinfo is None:
            return False
    return True
