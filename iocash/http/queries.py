"""Query parameters, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from iocash import errors
from iocash.errors import FieldError, Message
from iocash.http import fields, problems
from iocash.http.parsing import UNPRINTABLE
from iocash.http.serializers import reader

LOST_PLUS = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+) ([0-9]{2}:?[0-9]{2})")
"""A time whose `+` before the offset the query string has decoded as a space."""

KEYED = re.compile(r"([^\[\]]+)\[((?:(?!\]\[).)*)\]", re.DOTALL)
"""A parameter with a key: `metadata[order]`."""


class Given(NamedTuple):
    """A parameter of the query string, and its values."""

    name: str
    values: list[str]
    field: Any
    """The field that it is for; None: it is unknown."""
    key: str | None
    """Its key, of a parameter like `metadata[order]`."""


def check_query(request: Request, query_class: type[fields.Serializer] | None) -> dict[str, Any]:
    """Read the query parameters strictly; without a `query_class` there may be none.

    Raises:
        errors.InvalidParameters: some are unknown, repeated, blank or wrong; it names them all.
    """
    if not request.META.get("QUERY_STRING"):
        return {**_defaults(query_class)}
    known = reader(query_class).fields if query_class else {}
    parameters = [_given(known, *each) for each in sent_parameters(request)]
    wrong = [error for each in parameters if (error := _misshapen(each))]
    misshapen = {error.field for error in wrong}
    given: dict[str, Any] = {}
    for name, values, field, key in parameters:
        if name in misshapen:
            continue
        if key is None:
            given[name] = with_plus(values[0])
        else:
            given.setdefault(field.field_name, {})[key] = values[0]
    return _validated(query_class, given, wrong)


@cache
def _defaults(query_class: type[fields.Serializer] | None) -> dict[str, Any]:
    """The values without any parameter, which are always the same."""
    return _validated(query_class, {}, [])


def with_plus(text: str) -> str:
    """The text; a time that has lost the `+` of its offset has it again."""
    time = LOST_PLUS.fullmatch(text)
    return f"{time[1]}+{time[2]}" if time else text


def sent_parameters(request: Request) -> list[tuple[str, list[str]]]:
    return [(name, [str(value) for value in values]) for name, values in request.GET.lists()]


def _given(known: Mapping[str, Any], name: str, values: list[str]) -> Given:
    keyed = KEYED.fullmatch(name)
    field = known.get(keyed[1]) if keyed else None
    if keyed and isinstance(field, fields.Pairs):
        return Given(name, values, field, keyed[2])
    field = known.get(name)
    if isinstance(field, fields.Several):  # generated clients may repeat it: `status=A&status=B`
        values = [",".join(values)]
    return Given(name, values, field, None)


def _misshapen(given: Given) -> FieldError | None:
    """What is wrong with a parameter before its field reads it."""
    name, values, field, key = given
    if field is None:
        return FieldError(name, "unknown_parameter", "Unknown parameter.")
    if isinstance(field, fields.Pairs) and key is None:
        words = Message("Must have a key: {name}[key]=value.", name=name)
        return FieldError(name, "invalid", words)
    if len(values) > 1:
        return FieldError(name, "repeated_parameter", "Must not be repeated.")
    if not values[0].strip():
        return FieldError(name, "blank", "Must not be empty.")
    if any(UNPRINTABLE.search(text) or "\ufffd" in text for text in (values[0], key or "")):
        return FieldError(name, "invalid", "Must be printable text in UTF-8.")
    return None


def _validated(
    query_class: type[fields.Serializer] | None, given: dict[str, Any], wrong: list[FieldError]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if query_class:
        try:
            values = reader(query_class).run_validation(given)
        except ValidationError as exc:
            named = {error.field for error in wrong}
            found = map(_keyed, problems.flatten(exc.detail))
            wrong.extend(error for error in found if error.field not in named)
    if wrong:
        raise errors.InvalidParameters(*wrong)
    return values


def _keyed(error: FieldError) -> FieldError:
    """The error, with the key of a parameter as it was written: `metadata[order]`."""
    name, dot, key = error.field.partition(".")
    return error._replace(field=f"{name}[{key}]") if dot else error
