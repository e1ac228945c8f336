"""Querysets that are compiled to SQL once for each shape of their values.

The shape of a value is its type, and of a list also its length; members of enums, None and flags
are part of the shape themselves. Django compiles a queryset each time it is evaluated, which takes
longer than the query itself. A queryset that depends on its values in another way is found out, and
evaluated as usual.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from secrets import randbelow
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from iocash.db.prepared import Reader
from iocash.db.transactions import Statement

KEPT: Final = 1_000
"""The number of compiled querysets of a process; the least used one is dropped for another."""

Ask = Callable[[Any, Any], QuerySet[Any]]
"""Builds a queryset of a plan, which is part of its shape, and of a value."""

STAND_INS: Final[dict[type, Callable[[], Any]]] = {
    UUID: uuid4,
    str: lambda: uuid4().hex,
    int: lambda: 2**40 + randbelow(2**60),
    datetime: lambda: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=randbelow(10**15)),
}
"""Values that nobody asks for, by their types."""


class ValueShape(NamedTuple):
    """The kind of a value, and its parts; without a kind it is the value itself."""

    kind: type | None
    parts: Any


def value_shape(value: Any) -> ValueShape:
    """The shape of a scalar, or of dicts and lists of scalars."""
    if isinstance(value, dict):
        return ValueShape(dict, tuple((name, value_shape(each)) for name, each in value.items()))
    if isinstance(value, list):
        return ValueShape(list, tuple(map(value_shape, value)))
    kind = type(value)
    return ValueShape(kind, ()) if kind in STAND_INS else ValueShape(None, value)


def scalars(value: Any) -> Iterator[Any]:
    """What of a value is not part of its shape, in order."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from scalars(each)
    elif type(value) in STAND_INS:
        yield value


def example_of(shape: ValueShape) -> Any:
    """A value of this shape that nobody asks for."""
    kind, parts = shape
    if kind is dict:
        return {name: example_of(each) for name, each in parts}
    if kind is list:
        return [example_of(each) for each in parts]
    return STAND_INS[kind]() if kind else parts


class Place(NamedTuple):
    """Where a statement takes a scalar: the position of the parameter, and the scalar's own."""

    parameter: int
    scalar: int
    is_negative: bool


class Compiled(NamedTuple):
    """The SQL of a queryset, and how to fill in values of its shape."""

    sql: str
    parameters: list[Any]
    places: list[Place]
    reader: Reader[Any]

    def about(self, value: Any) -> Statement:
        """The statement for a value; the server plans it anew each time."""
        given = [*scalars(value)]
        filled = [*self.parameters]
        for parameter, scalar, is_negative in self.places:
            filled[parameter] = -given[scalar] if is_negative else given[scalar]
        return self.sql, filled, False


def compiled(ask: Ask, plan: Hashable, value: Any) -> Compiled | None:
    """Compile `ask(plan, value)` for every value of this shape; None: it can't be."""
    return _compiled(ask, plan, value_shape(value))


@lru_cache(maxsize=KEPT)
def _compiled(ask: Ask, plan: Hashable, shape: ValueShape) -> Compiled | None:
    examples = example_of(shape), example_of(shape)
    try:
        querysets = [ask(plan, each) for each in examples]
        (sql, values), (other_sql, others) = (each.query.sql_with_params() for each in querysets)
    except EmptyResultSet:
        return None
    written = {at: str(one).upper() for at, one in enumerate(values) if is_number(one, others[at])}
    values, others = (
        tuple(each for at, each in enumerate(some) if at not in written)
        for some in (values, others)
    )
    places = [*places_of(values, others, *examples)]
    if sql != other_sql or None in places or not covers(places, examples[0]):
        return None
    kept = [each for each in places if each]
    return Compiled(with_numbers(sql, written), [*values], kept, Reader(querysets[0]))


def is_number(one: Any, other: Any) -> bool:
    """Whether a parameter is a number or a flag that is always the same."""
    return isinstance(one, int) and one == other


def with_numbers(sql: str, written: dict[int, str]) -> str:
    """Write numbers and flags into the SQL: as parameters they would be taken for texts."""
    position = count()
    return re.sub(
        "%[%s]",
        lambda one: one[0] if one[0] == "%%" else written.get(next(position), "%s"),
        sql,
    )


def places_of(
    values: tuple[Any, ...], others: tuple[Any, ...], example: Any, other: Any
) -> Iterator[Place | None]:
    """Yield the places of the scalars among the parameters for two examples.

    None is a parameter that differs between the examples and is no scalar of theirs.
    """
    own, its = ([*scalars(each)] for each in (example, other))
    for at, (one, two) in enumerate(zip(values, others, strict=True)):
        if one == two:
            continue
        for scalar, pair in enumerate(zip(own, its, strict=True)):
            if pair == (one, two):
                yield Place(at, scalar, is_negative=False)
                break
            if isinstance(one, int) and pair == (-one, -two):
                yield Place(at, scalar, is_negative=True)
                break
        else:
            yield None


def covers(places: list[Place | None], example: Any) -> bool:
    """Whether each scalar is a parameter: otherwise the SQL itself may depend on it."""
    return {each.scalar for each in places if each} == {*range(len([*scalars(example)]))}
