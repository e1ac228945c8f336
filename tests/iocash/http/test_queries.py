"""Query parameters, which are read strictly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from iocash import errors
from iocash.http import fields, pages
from iocash.http.queries import check_query
from users.models import User


class RowQuery(pages.PageQuery):
    status = fields.Choice(User.Status, required=False)
    user_name = fields.Text(100, required=False)
    since = fields.Moment(required=False)
    metadata = fields.Pairs(required=False)


def asked(query: str, query_class: Any = RowQuery) -> dict[str, Any]:
    return check_query(Request(RequestFactory().get(f"/x?{query}")), query_class)


def refused(query: str) -> list[tuple[str, str]]:
    with pytest.raises(errors.InvalidParameters) as caught:
        asked(query)
    return [(error.field, error.code) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("size=0", [("size", "min_value")]),
        ("size=101", [("size", "max_value")]),
        ("size=-1", [("size", "min_value")]),
        ("size=1.0", [("size", "invalid")]),
        ("size=1e1", [("size", "invalid")]),
        ("size=%D9%A1", [("size", "invalid")]),
        ("size=abc", [("size", "invalid")]),
        ("size=+5", [("size", "invalid")]),
        ("size=", [("size", "blank")]),
        ("size", [("size", "blank")]),
        ("size=%20", [("size", "blank")]),
        ("size=5&size=5", [("size", "repeated_parameter")]),
        ("sort=createdAt", [("sort", "invalid_choice")]),
        ("sort=createdAt,DESC", [("sort", "invalid_choice")]),
        ("sort=userName,asc", [("sort", "invalid_choice")]),
        ("status=blocked", [("status", "invalid_choice")]),
        ("Size=5", [("Size", "unknown_parameter")]),
        ("user_name=x", [("user_name", "unknown_parameter")]),
        ("page=2", [("page", "unknown_parameter")]),
        ("format=json", [("format", "unknown_parameter")]),
        ("=", [("", "unknown_parameter")]),
        ("userName=a%00b", [("userName", "invalid")]),
        ("userName=%ff", [("userName", "invalid")]),
        ("userName=%0A", [("userName", "blank")]),
        ("since=2026-01-01", [("since", "invalid")]),
        (
            "size=0&x=1&sort=&status=OPEN",
            [
                ("x", "unknown_parameter"),
                ("sort", "blank"),
                ("size", "min_value"),
                ("status", "invalid_choice"),
            ],
        ),
    ],
)
def test_every_wrong_parameter_is_named_in_the_400(
    query: str, wrong: list[tuple[str, str]]
) -> None:
    assert refused(query) == wrong


def test_missing_parameters_get_defaults() -> None:
    assert asked("") == asked("&") == {"size": 20, "sort": "createdAt,desc"}


@pytest.mark.parametrize(
    "written",
    [
        "2020-01-01T00:00:00+02:00",
        "2020-01-01T00:00:00 02:00",
        "2020-01-01T00:00:00 0200",
        "2020-01-01T00:00:00%2B02:00",
    ],
)
def test_plus_decoded_as_a_space_is_restored_in_an_instant(written: str) -> None:
    assert asked(f"since={written}")["since"] == datetime(2019, 12, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize("words", ["alice example", "ES91 2100 0418 4502 0005 1332", "5 12:30"])
def test_space_between_words_is_kept(words: str) -> None:
    assert asked(f"userName={words}")["user_name"] == words


def test_view_without_parameters_refuses_them() -> None:
    assert asked("", None) == {}
    with pytest.raises(errors.InvalidParameters):
        asked("size=1", None)


def test_required_parameter_is_named_once() -> None:
    class Needed(fields.Serializer):
        at = fields.Moment()

    for query, code in (("", "required"), ("at=", "blank"), ("at=x&at=y", "repeated_parameter")):
        with pytest.raises(errors.InvalidParameters) as caught:
            asked(query, Needed)
        assert [error.code for error in caught.value.errors] == [code]


# Pairs


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("metadata[order]=17", {"order": "17"}),
        ("metadata%5Border%5D=17&size=5", {"order": "17"}),
        ("metadata[order]=17&metadata[shop]=Madrid", {"order": "17", "shop": "Madrid"}),
        ("metadata[%C3%B1%20%22]=%F0%9F%AA%99%22%5C", {'ñ "': '🪙"\\'}),
        ("metadata[a[b]]=1", {"a[b]": "1"}),
        ("metadata[.]=1&metadata[a.b]=2", {".": "1", "a.b": "2"}),
        ("metadata[at]=2020-01-01T00:00:00 02:00", {"at": "2020-01-01T00:00:00 02:00"}),
        (f"metadata[{'k' * 40}]={'v' * 500}", {"k" * 40: "v" * 500}),
    ],
)
def test_pairs_are_read_from_parameters_with_keys(query: str, pairs: dict[str, str]) -> None:
    assert json.loads(asked(query)["metadata"]) == pairs


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("metadata=17", [("metadata", "invalid")]),
        ("metadata[order]=1&metadata[order]=1", [("metadata[order]", "repeated_parameter")]),
        ("metadata[order]=", [("metadata[order]", "blank")]),
        ("metadata[order]", [("metadata[order]", "blank")]),
        ("metadata[]=1", [("metadata", "key")]),
        (f"metadata[{'k' * 41}]=1", [("metadata", "key")]),
        (f"metadata[a.b]={'v' * 501}", [("metadata[a.b]", "max_length")]),
        ("&".join(f"metadata[{key}]=1" for key in range(6)), [("metadata", "max_pairs")]),
        ("metadata[a%00]=1", [("metadata[a\x00]", "invalid")]),
        ("metadata[a]=%00b", [("metadata[a]", "invalid")]),
        ("metadata[%ff]=1", [("metadata[\ufffd]", "invalid")]),
        ("metadata[a][b]=1", [("metadata[a][b]", "unknown_parameter")]),
        ("metadata[a=1", [("metadata[a", "unknown_parameter")]),
        ("metadata[a]b=1", [("metadata[a]b", "unknown_parameter")]),
        ("metadata.a=1", [("metadata.a", "unknown_parameter")]),
        ("[a]=1", [("[a]", "unknown_parameter")]),
        ("tags[a]=1", [("tags[a]", "unknown_parameter")]),
        ("userName[a]=1", [("userName[a]", "unknown_parameter")]),
        (
            "metadata[a]=&metadata[]=1&size=0",
            [("metadata[a]", "blank"), ("size", "min_value"), ("metadata", "key")],
        ),
    ],
)
def test_every_wrong_pair_is_named_as_it_was_written(
    query: str, wrong: list[tuple[str, str]]
) -> None:
    assert refused(query) == wrong


def test_parameter_without_a_key_is_explained() -> None:
    with pytest.raises(errors.InvalidParameters) as caught:
        asked("metadata=17")
    assert caught.value.errors[0].detail == "Must have a key: metadata[key]=value."
