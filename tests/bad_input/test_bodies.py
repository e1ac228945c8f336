"""Bodies that are not one JSON object in UTF-8 of a decent size."""

from __future__ import annotations

import json

import pytest
from django.db import transaction
from django.test.client import FakePayload

from tests.support.people import Answer
from tests.support.refusals import refused, refused_everywhere
from tests.support.resources import ENDPOINTS

pytestmark = pytest.mark.django_db

HUGE = 20_000


def test_valid_body_is_accepted_at_every_endpoint(api, there):
    for endpoint in ENDPOINTS:
        if endpoint.body is not None:
            with transaction.atomic():
                answer = api.call(
                    endpoint.method, endpoint.at(there), endpoint.body_for(there, "1.00")
                )
                transaction.set_rollback(True)
            assert answer.status == endpoint.success, (str(endpoint), answer.json)


# --- Not one JSON object ------------------------------------------------------------------------

NOT_AN_OBJECT = {
    "an array": b"[]",
    "an array of objects": b"[{}]",
    "a string": b'"text"',
    "a number": b"1",
    "true": b"true",
    "null": b"null",
    "nothing but spaces": b" \r\n\t ",
    "no body": b"",
    "two objects": b"{}{}",
    "two lines": b"{}\n{}",
    "garbage after it": b"{} x",
    "garbage before it": b"x {}",
    "a comma after it": b"{},",
    "a NUL after it": b"{}\x00",
    "half an object": b'{"amount": "1',
    "a trailing comma": b'{"amount": "1",}',
    "a comment": b'{} // "none"',
    "single quotes": b"{'amount': '1'}",
    "a bare key": b"{amount: 1}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "Latin-1": '{"concept": "Zoë"}'.encode("latin-1"),
    "an overlong sequence": b'{"concept": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"concept": "\xed\xa0\x80"}',
    "a form": b"type=TRANSFER&amount=1",
    "XML": b"<movement><amount>1</amount></movement>",
}


@pytest.mark.parametrize("raw", NOT_AN_OBJECT.values(), ids=list(NOT_AN_OBJECT))
def test_body_that_is_not_one_object_is_refused(raw, api, doors, there):
    optional = {each.at(there) for each in ENDPOINTS if each.is_body_optional}
    needing = [door for door in doors if raw or door[1] not in optional]
    refused_everywhere(api, needing, raw, "invalid_json")


@pytest.mark.parametrize(
    "raw",
    [
        '{"amount": "1.00", "amount": "2.00"}',
        '{"amount": "1.00", "amount": "1.00"}',
        '{"amount": 1, "\\u0061mount": 2}',
        '{"metadata": {"a": "1", "a": "2"}}',
        '{"a": [{"b": 1, "c": {"d": 1, "d": 1}}]}',
    ],
)
def test_duplicate_key_is_refused(raw, api, doors):
    answers = refused_everywhere(api, doors, raw.encode(), "invalid_json")
    assert all("is repeated" in answer.json["detail"] for answer in answers)


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "5.", "0x10", "1_000", "1e", "--1", "1,5"],
)
def test_number_outside_json_is_refused(number, api, doors):
    refused_everywhere(api, doors, f'{{"amount": {number}}}'.encode(), "invalid_json")


def test_very_long_number_is_refused(api, doors):
    refused_everywhere(api, doors, b'{"amount": ' + b"9" * 100_000 + b"}", "invalid_json")


@pytest.mark.parametrize("size", [65, 1_000, HUGE])
@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"]
)
def test_deep_nesting_is_refused(size, opening, closing, api, doors):
    nested = opening * size + b"1" + closing * size
    refused_everywhere(api, doors, b'{"concept": ' + nested + b"}", "invalid_json")
    refused_everywhere(api, doors, nested, "invalid_json")


def test_unclosed_deep_nesting_is_refused(api, doors):
    refused_everywhere(api, doors, b"[" * HUGE, "invalid_json")
    refused_everywhere(api, doors, b'{"a":' * HUGE, "invalid_json")


# --- Text that no text should hold --------------------------------------------------------------

UNPRINTABLE = ["\\u0000", "\\n", "\\t", "\\u001b", "\\u007f", "\\u0085", "\\ud800", "\\udfff"]


SHAPES = [
    '{{"concept": "a{}b"}}',
    '{{"userName": "{}"}}',
    '{{"metadata": {{"a": "{}"}}}}',
    '{{"metadata": {{"{}": "a"}}}}',
    '{{"{}": 1}}',
    '{{"a": ["{}"]}}',
]


@pytest.mark.slow
@pytest.mark.parametrize("text", UNPRINTABLE)
def test_control_characters_and_half_surrogates_are_refused(text, api, doors):
    for shape in SHAPES:
        refused_everywhere(api, doors, shape.format(text).encode(), "invalid_json")


@pytest.mark.parametrize("byte", [b"\x00", b"\n", b"\t", b"\x1b", b"\x1f"])
def test_raw_control_characters_are_refused(byte, api, doors):
    refused_everywhere(api, doors, b'{"concept": "a' + byte + b'b"}', "invalid_json")


def test_raw_del_is_refused(api, doors):
    refused_everywhere(api, doors, b'{"concept": "a\x7fb"}', "invalid_json")


# --- Size, length, type -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1_000_001, 2_000_000, 12_000_000])
def test_large_body_is_refused(size, api, doors):
    raw = b'{"concept": "' + b"x" * (size - 15) + b'"}'
    assert len(raw) == size
    small = [door for door in doors if not door[1].endswith("/batch")]
    answers = refused_everywhere(api, small, raw, "body_too_large")
    assert all("1000000" in answer.json["detail"] for answer in answers)


@pytest.mark.parametrize("size", [8_000_001, 12_000_000])
def test_batch_has_its_own_body_limit(size, api, path):
    raw = b'{"movements": "' + b"x" * (size - 17) + b'"}'
    assert len(raw) == size
    answer = refused(api.post(f"{path}/batch", raw=raw), 400, "body_too_large")
    assert "8000000" in answer.json["detail"]


def test_thousand_wrong_items_are_all_named(api, path, order):
    items = [order | {"concept": "x" * 5_000}] * 1_000
    answer = refused(api.post(f"{path}/batch", {"movements": items}), 400, "invalid_fields")
    assert answer.wrong == {f"movements[{at}].concept": "max_length" for at in range(1_000)}


def test_body_without_a_length_is_refused(api, doors):
    headers = {"Transfer-Encoding": "chunked"}
    refused_everywhere(api, doors, b"", "length_required", headers=headers)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/xml",
        "text/xml",
        "text/plain",
        "text/plain; charset=utf-8",
        "text/json",
        "application/jsonp",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/hal+json",
        "application/problem+json",
        "application/octet-stream",
        "application/*",
        "*/*",
        "json",
        "application",
        ";",
        "",
        "application/json, application/json",
    ],
)
def test_another_media_type_is_refused(media_type, api, doors):
    refused_everywhere(api, doors, None, "unsupported_media_type", content_type=media_type)


def test_body_without_a_media_type_is_refused(api, path, order):
    raw = json.dumps(order).encode()
    response = api.browser.request(
        REQUEST_METHOD="POST",
        PATH_INFO=f"/api/v1/{path}",
        HTTP_AUTHORIZATION=f"Bearer {api.secret}",
        CONTENT_LENGTH=str(len(raw)),
        **{"wsgi.input": FakePayload(raw)},
    )
    answer = Answer(response.status_code, response.headers, response.json())
    refused(answer, 400, "unsupported_media_type")


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "iso-8859-1", "ascii", "x", '"utf-16"'])
def test_another_charset_is_refused(charset, api, doors):
    content_type = f"application/json; charset={charset}"
    refused_everywhere(api, doors, None, "invalid_json", content_type=content_type)


def test_form_and_plain_text_bodies_are_refused(api, path, order):
    for format_ in (None, "multipart"):
        data = {"data": order} if format_ else {"data": "a=1", "content_type": "text/plain"}
        headers = {"Authorization": f"Bearer {api.secret}"}
        response = api.browser.post(f"/api/v1/{path}", headers=headers, **data)
        answer = Answer(response.status_code, response.headers, response.json())
        refused(answer, 400, "unsupported_media_type")
