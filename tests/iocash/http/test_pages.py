"""Lists: HAL pages with keyset cursors."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client as Browser
from django.urls import path
from hypothesis import given
from hypothesis import strategies as some
from rest_framework.request import Request
from rest_framework.response import Response

from iocash.http import fields, pages, views
from iocash.http.cursors import Cursor
from iocash.http.operations import operation
from iocash.http.pages import Listing, Parts
from tests.support import people
from tests.support.statements import captured
from users.models import Client, User

FIRST = datetime(2026, 1, 1, 12, 0, 0, 123_456, UTC)
MICROSECOND = timedelta(microseconds=1)


class Row(fields.Serializer):
    user_name = fields.Text(100, read_only=True)


class RowQuery(pages.PageQuery):
    status = fields.Choice(User.Status, required=False)
    user_name = fields.Text(100, required=False)
    since = fields.Moment(required=False)


class Rows(views.PublicView):
    serializer_class = Row
    collection = "rows"

    @operation(query=RowQuery)
    def get(self, request: Request) -> Response:
        filters = {name: self.query[name] for name in ("status", "user_name") if name in self.query}
        return self.page(Listing(rows, {"filters": filters}))


def rows(filters: dict[str, Any]) -> Parts:
    return Parts([User.objects.filter(**filters)])


urlpatterns = [path("api/rows", Rows.as_view())]

pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.spoils_the_books,  # the rows of its lists are users without an event
]


@pytest.fixture
def client_of_rows(db: None) -> Client:
    return people.a_client("Rows")


def make(client: Client, count: int, at: Any = lambda number: FIRST + number * MICROSECOND) -> None:
    """Users named 0, 1, 2 … in the order of their creation."""
    User.objects.bulk_create(
        User(
            client=client,
            kind="NATURAL",
            user_name=str(number),
            first_name="A",
            last_name="B",
            mobile_phone=f"+3460000{number:04d}",
            created_at=at(number),
        )
        for number in range(count)
    )


def get(address: str = "/api/rows", **query: Any) -> Any:
    asked = f"{address}?{urlencode(query)}" if query else address
    answer = Browser().get(asked)
    assert answer.status_code == 200, answer.content
    return answer.json()


def names(page: Any) -> list[int]:
    return [int(row["userName"]) for row in page["_embedded"]["rows"]]


def follow(page: Any, rel: str) -> Any:
    return get(page["_links"][rel]["href"])


def walk(page: Any, rel: str) -> list[list[int]]:
    walked = [names(page)]
    while rel in page["_links"]:
        page = follow(page, rel)
        walked.append(names(page))
    return walked


# Pages


def test_empty_list_returns_a_page(client_of_rows: Client) -> None:
    page = get()
    assert page["_embedded"] == {"rows": []}
    assert set(page["_links"]) == {"self", "first", "last"}


def test_list_returns_newest_first_in_pages_of_twenty(client_of_rows: Client) -> None:
    make(client_of_rows, 45)
    assert walk(get(), "next") == [
        list(range(44, 24, -1)),
        list(range(24, 4, -1)),
        list(range(4, -1, -1)),
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("sort", ["createdAt,desc", "createdAt,asc"])
@pytest.mark.parametrize("tied", [False, True])
def test_every_row_is_on_one_page_forwards_and_backwards(
    client_of_rows: Client, count: int, sort: str, tied: bool
) -> None:
    at = (lambda number: FIRST) if tied else (lambda number: FIRST + number * MICROSECOND)
    make(client_of_rows, count, at)
    forwards = walk(get(size=3, sort=sort), "next")
    assert [len(page) for page in forwards[:-1]] == [3] * (len(forwards) - 1)
    seen = [name for page in forwards for name in page]
    assert seen == sorted(range(count), reverse=sort.endswith("desc"))
    page = get(size=3, sort=sort)
    while "next" in page["_links"]:
        page = follow(page, "next")
    assert walk(page, "prev") == forwards[::-1]


def test_last_link_leads_to_the_last_rows(client_of_rows: Client) -> None:
    make(client_of_rows, 7)
    last = follow(get(size=3), "last")
    assert names(last) == [2, 1, 0]
    assert "next" not in last["_links"]
    assert walk(last, "prev") == [[2, 1, 0], [5, 4, 3], [6]]
    assert names(follow(last, "first")) == [6, 5, 4]


def test_last_page_of_a_short_list_equals_the_first(client_of_rows: Client) -> None:
    make(client_of_rows, 3)
    last = follow(get(size=3), "last")
    assert names(last) == [2, 1, 0]
    assert set(last["_links"]) == {"self", "first", "last"}


def test_prev_and_next_links_are_inverse(client_of_rows: Client) -> None:
    make(client_of_rows, 5)
    second = follow(get(size=2), "next")
    assert names(follow(follow(second, "prev"), "next")) == names(second) == [2, 1]
    assert names(follow(follow(second, "next"), "prev")) == [2, 1]


def test_self_link_returns_the_same_page(client_of_rows: Client) -> None:
    make(client_of_rows, 5)
    second = follow(get(size=2), "next")
    assert names(follow(second, "self")) == names(second)


def test_new_rows_do_not_shift_the_pages(client_of_rows: Client) -> None:
    make(client_of_rows, 4)
    first = get(size=2)
    User.objects.filter(user_name="3").update(created_at=FIRST + timedelta(days=1))
    assert names(follow(first, "next")) == [1, 0]


def test_every_link_keeps_filters_sort_and_size(client_of_rows: Client) -> None:
    make(client_of_rows, 9)
    User.objects.filter(user_name__in=["1", "4", "6"]).update(status="BLOCKED")
    asked = {"status": "BLOCKED", "size": "1", "sort": "createdAt,asc"}
    page = follow(get(**asked), "next")
    assert names(page) == [4]
    for link in page["_links"].values():
        parts = urlsplit(link["href"])
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "http://testserver/api/rows"
        query = parse_qs(parts.query)
        assert {name: query[name] for name in asked} == {k: [v] for k, v in asked.items()}
        assert set(query) <= {*asked, "cursor"}
    assert walk(get(**asked), "next") == [[1], [4], [6]]


@pytest.mark.parametrize("rel", ["first", "next", "last", "prev"])
def test_page_runs_one_query_without_count_or_offset(client_of_rows: Client, rel: str) -> None:
    make(client_of_rows, 9)
    page = follow(get(size=2), "next")
    with captured() as queries:
        follow(page, rel)
    (query,) = [query.sql for query in queries]
    assert "COUNT" not in query
    assert "OFFSET" not in query
    assert query.endswith("LIMIT 3")


# Cursors


def token(page: Any, rel: str = "next") -> str:
    query = parse_qs(urlsplit(page["_links"][rel]["href"]).query)
    return str(query["cursor"][0])


def refused(query: str) -> list[tuple[str, str]]:
    answer = Browser().get(f"/api/rows?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameters")
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


@given(
    some.sampled_from([pages.NEXT, pages.PREVIOUS, pages.LAST]),
    some.datetimes(datetime(1, 1, 2), datetime(9999, 1, 1), timezones=some.just(UTC)),  # noqa: DTZ001
    some.uuids(),
)
def test_cursor_is_read_back_to_the_microsecond(where: str, at: datetime, row_id: Any) -> None:
    cursor = Cursor(where, pages.NEWEST_FIRST, *pages.Pages().place(User(id=row_id, created_at=at)))
    again = Cursor.read(cursor.token())
    assert (again, again.created_at, again.id) == (cursor, at, str(row_id))
    assert cursor.token().isascii()


@pytest.mark.parametrize(
    "bad", ["x", "-", "=", "AAAA", "ñ", "x" * 400, "eyJhIjogMX0=", "0" * 5000, "a b", "a%00b"]
)
def test_garbage_cursor_is_refused(bad: str, db: None) -> None:
    assert [field for field, _ in refused(urlencode({"cursor": bad}))] == ["cursor"]


def test_tampered_cursor_is_refused(client_of_rows: Client) -> None:
    make(client_of_rows, 3)
    good = token(get(size=1))
    for place in range(len(good)):
        other = "A" if good[place] != "A" else "B"
        tampered = good[:place] + other + good[place + 1 :]
        assert refused(f"size=1&cursor={tampered}") == [("cursor", "invalid")]
    assert refused(f"cursor={good}=") == [("cursor", "invalid")]
    plain = base64.urlsafe_b64decode(good + "==")[8:]
    forged = base64.urlsafe_b64encode(bytes(8) + plain).decode().rstrip("=")
    assert refused(f"cursor={forged}") == [("cursor", "invalid")]


def test_cursor_of_another_sort_order_is_refused(client_of_rows: Client) -> None:
    make(client_of_rows, 3)
    good = token(get(size=1))
    assert refused(f"cursor={good}&sort=createdAt,asc") == [("cursor", "invalid")]


def test_too_many_parameters_are_refused() -> None:
    assert refused("&".join(f"x{n}=1" for n in range(2000))) == [("", "too_many")]
