"""One JSON object in UTF-8, strict and exact; each refusal is a 400 with its code."""

from __future__ import annotations

import io
import json
import unicodedata
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client
from django.urls import path
from hypothesis import given
from hypothesis import strategies as some
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors
from iocash.http import views
from iocash.http.headers import Utf8Request as DjangoRequest
from iocash.http.operations import operation
from iocash.http.parsing import DEEPEST, Number, parse_json

JSON = "application/json"


class Echo(views.PublicView):
    @operation()
    def post(self, request: Request) -> Response:
        return Response({"keys": sorted(request.data)})

    @operation()
    def get(self, request: Request) -> Response:
        return Response({"keys": sorted(request.data)})


class Small(Echo):
    @operation(max_body_bytes=20)
    def post(self, request: Request) -> Response:
        return super().post(request)


class Optional(Echo):
    @operation(body_optional=True)
    def post(self, request: Request) -> Response:
        return super().post(request)


urlpatterns = [
    path("api/echo", Echo.as_view()),
    path("api/small", Small.as_view()),
    path("api/optional", Optional.as_view()),
]


def refused(body: bytes) -> str:
    with pytest.raises(errors.InvalidJson) as caught:
        parse_json(body)
    return caught.value.words


# What is read


def test_object_is_parsed() -> None:
    body = '{"a": "é", "b": [true, false, null], "c": {"d": "🙂"}}'.encode()
    assert parse_json(body) == {"a": "é", "b": [True, False, None], "c": {"d": "🙂"}}


def test_white_space_is_accepted() -> None:
    assert parse_json(b' \r\n\t{"a" : "b"}\n ') == {"a": "b"}


@pytest.mark.parametrize("literal", ["1", "-0", "0.1", "1e2", "1.50", "1E+2", "123456789" * 20])
def test_number_keeps_its_literal(literal: str) -> None:
    assert parse_json(f'{{"a": {literal}}}'.encode()) == {"a": Number(literal)}


def test_number_is_never_converted_to_float() -> None:
    literal = "0.1000000000000000055"
    assert parse_json(f'{{"a": {literal}}}'.encode())["a"].literal == literal


@given(some.decimals(allow_nan=False, allow_infinity=False))
def test_decimal_is_parsed_exactly(value: Decimal) -> None:
    literal = format(value, "f")
    if len(literal) <= 400:
        assert Decimal(parse_json(f'{{"a": {literal}}}'.encode())["a"].literal) == value


visible = some.text(some.characters(exclude_categories=["Cc", "Cs"]), max_size=30)
leaves = some.none() | some.booleans() | visible
trees = some.recursive(
    leaves, lambda inner: some.lists(inner) | some.dictionaries(visible, inner), max_leaves=20
)


@pytest.mark.slow
@given(some.dictionaries(visible, trees), some.booleans())
def test_object_of_valid_text_is_parsed_unchanged(thing: dict[str, Any], ascii_only: bool) -> None:
    assert parse_json(json.dumps(thing, ensure_ascii=ascii_only).encode()) == thing


@given(some.binary(max_size=60))
def test_random_bytes_are_an_object_or_refused(body: bytes) -> None:
    with suppress(errors.InvalidJson):
        assert isinstance(parse_json(body), dict)


# What is refused


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"[]", "an array"), (b'"a"', "a string"), (b"1", "a number"), (b"null", "null")],
)
def test_body_that_is_not_an_object_is_refused(body: bytes, kind: str) -> None:
    assert refused(body) == f"The body must be an object, not {kind}."


@pytest.mark.parametrize(
    "body",
    [b'{"a": 1} x', b'{"a": 1}{}', b"{'a': 1}", b'{"a": 01}', b'{"a": +1}', b'{"a": .5}', b"{,}"],
)
def test_invalid_json_is_refused_with_line_and_column(body: bytes) -> None:
    assert refused(body).startswith("The body is not valid JSON: ")
    assert "line 1, column " in refused(body)


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_infinite_and_nan_numbers_are_refused(name: str) -> None:
    assert refused(f'{{"a": {name}}}'.encode()) == f"{name} is not valid JSON."


@pytest.mark.parametrize(
    "body", [b'{"a": 1, "a": 1}', b'{"x": [{"a": 1, "\\u0061": 2}]}', b'{"": 1, "": 1}']
)
def test_duplicate_key_is_refused(body: bytes) -> None:
    assert "is repeated in one object" in refused(body)


def test_byte_order_mark_is_refused() -> None:
    assert refused(b'\xef\xbb\xbf{"a": 1}') == "The body must not begin with a byte order mark."


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings_are_refused(encoding: str) -> None:
    refused('{"a": "é"}'.encode(encoding))


CONTROLS = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) == "Cc"]


@pytest.mark.parametrize("char", CONTROLS, ids=lambda char: f"{ord(char):02x}")
def test_control_characters_are_refused_raw_and_escaped(char: str) -> None:
    for spelled in (char, f"\\u{ord(char):04x}"):
        refused(f'{{"a": "x{spelled}y"}}'.encode())
        refused(f'{{"a{spelled}": "x"}}'.encode())


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "\\udc00\\ud800"])
def test_lone_surrogate_is_refused(half: str) -> None:
    assert refused(f'{{"a": [{{"b": "{half}"}}]}}'.encode()).startswith("a[0].b has ")


def test_surrogate_pair_is_parsed_as_one_character() -> None:
    assert parse_json(b'{"a": "\\ud83d\\ude42"}') == {"a": "🙂"}


@pytest.mark.parametrize("levels", [DEEPEST, 20_000, 200_000])
def test_deep_nesting_is_refused(levels: int) -> None:
    for left, right in (("[", "]"), ('{"a":', "}")):
        words = refused(f'{{"a": {left * levels}1{right * levels}}}'.encode())
        assert words == f"The body is nested deeper than {DEEPEST} levels."


def test_moderate_nesting_is_accepted() -> None:
    inner = DEEPEST - 1
    assert parse_json(f'{{"a": {"[" * inner}1{"]" * inner}}}'.encode())


def test_very_long_number_is_refused() -> None:
    assert refused(b'{"a": ' + b"9" * 5000 + b"}") == "A number has more than 400 characters."


# What is refused before the body is read


@pytest.mark.urls(__name__)
class TestHeaders:
    @operation()
    def post(self, body: Any, at: str = "echo", content_type: str = JSON, **extra: Any) -> Any:
        return Client().generic("POST", f"/api/{at}", body, content_type, **extra)

    @pytest.mark.parametrize(
        "content_type",
        [JSON, "Application/JSON", f"{JSON}; charset=UTF-8", f'{JSON};charset="utf-8"'],
    )
    def test_json_media_type_with_utf_8_is_accepted(self, content_type: str) -> None:
        assert self.post('{"a": 1}', content_type=content_type).json() == {"keys": ["a"]}

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "text/json",
            "application/problem+json",
            "nonsense",
            "; charset=utf-8",
        ],
    )
    def test_other_media_type_is_refused(self, content_type: str) -> None:
        answer = self.post('{"a": 1}', content_type=content_type)
        assert (answer.status_code, answer.json()["code"]) == (400, "unsupported_media_type")

    def test_body_without_a_media_type_is_refused(self) -> None:
        answer = self.post('{"a": 1}', content_type="")
        assert answer.json()["code"] == "unsupported_media_type"

    def test_another_charset_is_refused(self) -> None:
        answer = self.post('{"a": 1}', content_type=f"{JSON}; charset=latin-1")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")

    @pytest.mark.parametrize("charset", ["charset=zlib", "charset*=none'en'x", "charset=utf-16"])
    def test_unknown_charset_does_not_break_the_query(self, charset: str) -> None:
        answer = Raw(QUERY_STRING="a=%C3%A9", CONTENT_TYPE=f"{JSON}; {charset}")
        assert answer.status == "400 Bad Request"
        assert json.loads(answer.body)["errors"][0]["field"] == "a"

    def test_large_body_is_refused_before_reading(self) -> None:
        answer = Raw(REQUEST_METHOD="POST", CONTENT_TYPE=JSON, CONTENT_LENGTH="2000000")
        assert json.loads(answer.body)["code"] == "body_too_large"
        assert json.loads(answer.body)["detail"] == "The body exceeds the limit of 1000000 bytes."
        assert answer.input.tell() == 0

    def test_view_may_set_its_own_body_limit(self) -> None:
        assert self.post('{"a": "0123456789"}', at="small").status_code == 200
        assert self.post('{"a": "01234567890x"}', at="small").json()["code"] == "body_too_large"

    def test_chunked_body_is_refused(self) -> None:
        answer = self.post("", HTTP_TRANSFER_ENCODING="chunked")
        assert (answer.status_code, answer.json()["code"]) == (400, "length_required")

    def test_truncated_body_is_refused(self) -> None:
        sent = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": JSON, "CONTENT_LENGTH": "50"}
        answer = Raw(b'{"a": 1}', **sent)
        assert json.loads(answer.body)["code"] == "body_interrupted"

    def test_interrupted_connection_gets_body_interrupted(self) -> None:
        sent = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": JSON, "CONTENT_LENGTH": "50"}
        answer = Raw(None, **sent)
        assert json.loads(answer.body)["code"] == "body_interrupted"

    def test_empty_body_is_refused(self) -> None:
        answer = self.post("")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")

    def test_empty_body_may_be_optional(self) -> None:
        assert self.post("", at="optional").json() == {"keys": []}
        assert self.post("", at="optional", content_type="text/plain").status_code == 200
        assert self.post("x", at="optional").json()["code"] == "invalid_json"

    def test_get_body_is_ignored(self) -> None:
        answer = Client().generic("GET", "/api/echo", "nonsense", "application/xml")
        assert answer.json() == {"keys": []}

    def test_browser_gets_the_refusal_as_html(self) -> None:
        answer = self.post("[", HTTP_ACCEPT="text/html")
        assert (answer.status_code, "invalid_json" in answer.text) == (400, True)


class HungUp(io.BytesIO):
    def read(self, *args: Any) -> bytes:
        raise OSError("the peer is gone")


class Raw:
    """One request as a WSGI server makes it, without the test client's own good manners."""

    def __init__(self, body: bytes | None = b"", **environ: str) -> None:
        handler = WSGIHandler()
        handler.request_class = DjangoRequest
        self.input = HungUp() if body is None else io.BytesIO(body)
        base = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/api/echo",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "wsgi.input": self.input,
            "wsgi.url_scheme": "http",
        }
        start: Any = self.start
        self.body = b"".join(handler(base | environ, start))

    def start(self, status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        self.status, self.headers = status, dict(headers)
