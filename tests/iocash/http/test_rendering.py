"""JSON out: what a caller may ask for, and how names, times and money are written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as some
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.http import fields, rendering, views
from iocash.http.naming import camel
from iocash.http.operations import operation
from iocash.http.rendering import (
    HTML,
    JSON,
    LONGEST_ON_A_PAGE,
    abridged,
    dump,
    preferred,
    prefers_html,
)
from iocash.times import moment


class NewThing(fields.Serializer):
    amount = fields.Amount()
    concept = fields.Text(140, required=False)


class ThingView(fields.Serializer):
    """A thing."""

    id = fields.Id(read_only=True)
    balance = fields.Money()


class NewName(fields.Serializer):
    name = fields.Text(20, required=False)
    status = fields.Choice(("CLOSED",), required=False)
    alias = fields.Text(20, required=False)
    id = fields.Id(read_only=True)


class ReadOnly(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method == "POST":
            raise errors.InsufficientScope(scope="things:write")
        return True


class Things(views.PublicView):
    serializer_class = ThingView

    @operation()
    def get(self, request: Request) -> Response:
        return Response({"name": "Ñandú"})

    @operation(body=NewThing)
    def post(self, request: Request) -> Response:
        return Response({"sent": sorted(self.body())})


class Changeable(views.PublicView):
    serializer_class = ThingView

    @operation()
    def get(self, request: Request) -> Response:
        return Response({"id": "x", "name": "Ñandú", "status": "OPEN", "alias": None})

    @operation(body=NewName)
    def patch(self, request: Request) -> Response:
        return Response({})


class Readable(Things):
    permission_classes: Any = (ReadOnly,)


class Broken(Things):
    @operation()
    def get(self, request: Request) -> Response:
        return Response({"crash": object()})


urlpatterns = [
    path("api/things", Things.as_view()),
    path("api/changeable", Changeable.as_view()),
    path("api/readable", Readable.as_view()),
    path("api/broken", Broken.as_view()),
]


# Names, times, JSON


@pytest.mark.parametrize(
    ("name", "written"),
    [("retry_at", "retryAt"), ("id", "id"), ("_links", "_links"), ("iban_2_x", "iban2X")],
)
def test_names_are_camel_case(name: str, written: str) -> None:
    assert camel(name) == written


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00.000Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 999_999, UTC), "2026-01-31T12:00:00.999Z"),
        (
            datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))),
            "2025-12-31T23:30:00.000Z",
        ),
    ],
)
def test_times_are_in_utc_with_milliseconds(at: datetime, written: str) -> None:
    assert moment(at) == written


@given(some.dictionaries(some.text(some.characters(exclude_categories=["Cs"])), some.integers(0)))
def test_dumped_data_is_valid_json(thing: dict[str, int]) -> None:
    small = {key: value % 2**53 for key, value in thing.items()}
    assert json.loads(dump(small)) == small


def test_lazy_and_safe_strings_are_dumped_as_strings() -> None:
    thing = {"lazy": gettext_lazy("x"), "safe": mark_safe("y"), "id": UUID(int=1)}
    expected = b'{"lazy":"x","safe":"y","id":"00000000-0000-0000-0000-000000000001"}'
    assert dump(thing) == expected


def test_unserializable_value_raises() -> None:
    with pytest.raises(TypeError):
        dump({"a": object()})


# What a caller may ask for


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json; charset=utf-8; q=0.1", JSON),
        ("text/html;q=0.9, application/json", JSON),
        ("text/html, application/json", JSON),
        ("text/html, */*", HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
        ("text/html", HTML),
        ("text/*", HTML),
        ("application/json;q=0, */*", HTML),
        ("application/json;q=0.5, text/html;q=0.50001", HTML),
        ("application/json; q=nonsense", JSON),
        ("application/json; q=0", None),
        ("application/json;q=0.000, text/html;q=0", None),
        ("*/*;q=0", None),
        ("application/*;q=0, text/*;q=0, */*", None),
        ("application/xml", None),
        ("application/problem+json", None),
        ("nonsense", None),
        (",;,", None),
    ],
)
def test_preferred_media_type_is_the_best_offered(accept: str | None, chosen: str | None) -> None:
    assert preferred(accept, (JSON, HTML)) == chosen


def test_json_may_be_the_only_offered_type() -> None:
    assert preferred("text/html, */*;q=0.1", (JSON,)) == JSON
    assert preferred("application/json;q=0, */*", (JSON,)) is None


@given(some.text(max_size=5000))
def test_random_accept_header_is_parsed(accept: str) -> None:
    assert preferred(accept, (JSON, HTML)) in {JSON, HTML, None}


def test_browser_prefers_html() -> None:
    assert prefers_html("text/html,application/xhtml+xml,*/*;q=0.8")
    assert not prefers_html("*/*")
    assert not prefers_html(None)


@pytest.mark.urls(__name__)
class TestAnswers:
    def get(self, at: str = "things", **headers: Any) -> Any:
        return Client(raise_request_exception=False).get(f"/api/{at}", **headers)

    @pytest.mark.parametrize("accept", ["*/*", "application/json; indent=4", "application/*"])
    def test_content_type_is_exactly_json(self, accept: str) -> None:
        answer = self.get(HTTP_ACCEPT=accept)
        assert answer["Content-Type"] == "application/json"
        assert answer.content == '{"name":"Ñandú"}'.encode()

    def test_missing_accept_gets_json(self) -> None:
        assert self.get()["Content-Type"] == "application/json"

    @pytest.mark.parametrize("accept", ["application/xml", "application/json;q=0, text/plain"])
    def test_accept_that_excludes_json_is_refused_in_json(self, accept: str) -> None:
        answer = self.get(HTTP_ACCEPT=accept)
        assert (answer.status_code, answer.json()["code"]) == (400, "not_acceptable")

    def test_browser_gets_the_same_resource(self) -> None:
        answer = self.get(HTTP_ACCEPT="text/html")
        assert (answer.status_code, answer["Vary"]) == (200, "Accept, Cookie")
        assert "Ñandú" in answer.text

    def test_post_form_contains_a_valid_example(self) -> None:
        page = self.get(HTTP_ACCEPT="text/html").text
        assert "&quot;amount&quot;: &quot;10.00&quot;" in page
        assert "&quot;balance&quot;" not in page
        assert page.count("<textarea") == 1

    def test_change_form_contains_the_current_values(self) -> None:
        page = self.get("changeable", HTTP_ACCEPT="text/html").text
        form = unescape(page[page.index("<textarea") : page.index("</textarea")])
        assert json.loads(form[form.index("{") :]) == {"name": "Ñandú"}

    def test_form_is_hidden_without_permission_to_post(self) -> None:
        answer = self.get("readable", HTTP_ACCEPT="text/html")
        assert answer.status_code == 200
        assert "<textarea" not in answer.text

    def test_browser_gets_a_refusal_as_html(self) -> None:
        browser: Any = {"HTTP_ACCEPT": "text/html", "content_type": JSON}
        answer = Client().post("/api/things", {"amount": "x"}, **browser)
        assert (answer.status_code, "invalid_fields" in answer.text) == (400, True)
        answer = Client().post("/api/readable", {}, **browser)
        assert (answer.status_code, "insufficient_scope" in answer.text) == (403, True)

    @pytest.mark.parametrize("accept", ["*/*", "text/html"])
    def test_crash_while_rendering_gets_json(self, accept: str) -> None:
        answer = self.get("broken", HTTP_ACCEPT=accept)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "object" not in answer.text


def test_negotiation_reads_only_the_headers() -> None:
    request = Request(HttpRequest())
    renderer, media_type = rendering.Negotiation().select_renderer(
        request, [rendering.JSONRenderer()]
    )
    assert (renderer.format, media_type) == ("json", JSON)


def test_html_page_replaces_long_text_by_its_length() -> None:
    long, short = "a" * (LONGEST_ON_A_PAGE + 1), "a" * LONGEST_ON_A_PAGE
    note = "(10,001 characters: ask for application/json)"
    data = {"content": long, "other": short, "list": [long, {"deep": long}], "size": 1}
    assert abridged(data) == {
        "content": note,
        "other": short,
        "list": [note, {"deep": note}],
        "size": 1,
    }
