"""What no caller may send: refused with its code; it changes nothing, and is no error of ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.client import FakePayload

from tests import cast
from tests.cast import Answer, Api
from users.models import Client
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

USER = {
    "kind": "NATURAL",
    "userName": "alice-again",
    "firstName": "Alice",
    "lastName": "Example",
    "mobilePhone": "+34600000007",
}
HUGE = 20_000


def state() -> dict[str, Any]:
    """What is in every table: how many rows, and a digest of all of them."""
    tables = sorted(connection.introspection.table_names())
    every = " UNION ALL ".join(
        f"SELECT '{table}', count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
        f' FROM "{table}" AS t'
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(every)
        return {table: (rows, digest) for table, rows, digest in cursor.fetchall()}


@pytest.fixture(autouse=True)
def nothing_happens(
    api: Api,
    alices: Wallet,
    bobs: Wallet,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """After every refusal all tables are as they were, and nobody was alarmed."""
    for name in {"stranger", "reader", "yen"} & set(request.fixturenames):
        request.getfixturevalue(name)
    before = state()
    yield
    said = caplog.get_records("call")
    alarms = [record for record in said if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in alarms] == []
    assert state() == before
    assert cast.balances(alices, bobs) == [100_00, 0]


@pytest.fixture
def path(alices: Wallet) -> str:
    return f"wallets/{alices.id}/movements"


@pytest.fixture
def order(bobs: Wallet) -> dict[str, Any]:
    """A transfer that would be made, if nothing in it were wrong."""
    return {"type": "TRANSFER", "targetWalletId": str(bobs.id), "amount": "10.00"}


Door = tuple[str, str, dict[str, Any]]


@pytest.fixture
def doors(path: str, order: dict[str, Any], alices: Wallet) -> list[Door]:
    """Where a body is taken: the methods, the addresses, and bodies that would be taken there."""
    return [
        ("POST", path, order),
        ("POST", "users", USER),
        ("PATCH", f"users/{alices.user_id}", {"firstName": "Alicia"}),
    ]


@pytest.fixture
def reader(client_demo: Client) -> Api:
    """The Demo client, with a key that moves no money."""
    return Api(cast.a_key(client_demo, "users:read"))


@pytest.fixture
def yen(alices: Wallet) -> Wallet:
    """Alice's wallet in a currency without decimals."""
    return cast.a_wallet(alices.user, "JPY")


def refused(answer: Answer, status: int, code: str) -> Answer:
    """Check all that every refusal has; return it for what is its own."""
    assert (answer.status, answer.json.get("code")) == (status, code), answer.json
    assert answer.headers["Content-Type"] == "application/json"
    assert UUID(answer.headers["X-Request-Id"]).version == 7
    body = answer.json
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert body["type"] == f"http://testserver/api/docs/errors#{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("/")
    own = {"invalid_fields": {"errors"}, "invalid_parameters": {"errors"}}.get(code, set())
    members = {"type", "status", "code", "title", "detail", "instance", "requestId"}
    assert set(body) == members | own
    for error in body.get("errors", []):
        assert set(error) == {"field", "code", "detail"}
        assert error["detail"]
    return answer


def refused_everywhere(
    api: Api, doors: list[Door], raw: bytes | None, code: str, **kwargs: Any
) -> list[Answer]:
    """Send the bytes, or else what would be taken, to every door."""
    answers = [
        api.call(method, address, raw=json.dumps(body).encode() if raw is None else raw, **kwargs)
        for method, address, body in doors
    ]
    return [refused(answer, 400, code) for answer in answers]


def test_what_has_nothing_wrong_would_be_taken_at_every_door(api, doors):
    with transaction.atomic():
        answers = [api.call(*door).status for door in doors]
        transaction.set_rollback(True)
    assert answers == [201, 202, 200]


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
def test_what_is_not_one_object_is_refused(raw, api, doors):
    refused_everywhere(api, doors, raw, "invalid_json")


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
def test_a_key_that_comes_twice_is_refused(raw, api, doors):
    answers = refused_everywhere(api, doors, raw.encode(), "invalid_json")
    assert all("twice" in answer.json["detail"] for answer in answers)


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "5.", "0x10", "1_000", "1e", "--1", "1,5"],
)
def test_a_number_that_is_not_json_is_refused(number, api, doors):
    refused_everywhere(api, doors, f'{{"amount": {number}}}'.encode(), "invalid_json")


def test_a_number_of_many_characters_is_refused(api, doors):
    refused_everywhere(api, doors, b'{"amount": ' + b"9" * 100_000 + b"}", "invalid_json")


@pytest.mark.parametrize("size", [65, 1_000, HUGE])
@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"]
)
def test_deep_nesting_is_refused(size, opening, closing, api, doors):
    nested = opening * size + b"1" + closing * size
    refused_everywhere(api, doors, b'{"concept": ' + nested + b"}", "invalid_json")
    refused_everywhere(api, doors, nested, "invalid_json")


def test_deep_nesting_that_never_closes_is_refused(api, doors):
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


@pytest.mark.parametrize("text", UNPRINTABLE)
def test_control_characters_and_half_surrogates_are_refused(text, api, doors):
    for shape in SHAPES:
        refused_everywhere(api, doors, shape.format(text).encode(), "invalid_json")


@pytest.mark.parametrize("byte", [b"\x00", b"\n", b"\t", b"\x1b", b"\x1f"])
def test_raw_control_characters_are_refused(byte, api, doors):
    refused_everywhere(api, doors, b'{"concept": "a' + byte + b'b"}', "invalid_json")


def test_a_raw_del_is_refused(api, doors):
    refused_everywhere(api, doors, b'{"concept": "a\x7fb"}', "invalid_json")


# --- Size, length, type -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1_000_001, 2_000_000, 12_000_000])
def test_a_large_body_is_refused(size, api, doors):
    raw = b'{"concept": "' + b"x" * (size - 15) + b'"}'
    assert len(raw) == size
    answers = refused_everywhere(api, doors, raw, "body_too_large")
    assert all("1000000" in answer.json["detail"] for answer in answers)


def test_a_body_without_a_length_is_refused(api, doors):
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


def test_a_body_without_a_media_type_is_refused(api, path, order):
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


def test_real_forms_are_refused(api, path, order):
    for format_ in (None, "multipart"):
        data = {"data": order} if format_ else {"data": "a=1", "content_type": "text/plain"}
        headers = {"Authorization": f"Bearer {api.secret}"}
        response = api.browser.post(f"/api/v1/{path}", headers=headers, **data)
        answer = Answer(response.status_code, response.headers, response.json())
        refused(answer, 400, "unsupported_media_type")


# --- Amounts ------------------------------------------------------------------------------------

AMOUNTS: list[tuple[str, str]] = [
    ("true", "invalid"),
    ("false", "invalid"),
    ("null", "null"),
    ("[]", "invalid"),
    ('["1.00"]', "invalid"),
    ("{}", "invalid"),
    ('{"value": "1.00"}', "invalid"),
    ("1e2", "invalid"),
    ("1E2", "invalid"),
    ("1.5e1", "invalid"),
    ("1e-2", "invalid"),
    ("1e999999999", "invalid"),
    ("-1", "invalid"),
    ("-0", "invalid"),
    ("-0.01", "invalid"),
    ("0", "min_value"),
    ("0.0", "min_value"),
    ("0.00", "min_value"),
    ("0.001", "max_decimal_places"),
    ("0.10000000000000000555", "max_decimal_places"),
    ("9999999999999999", "max_digits"),
    ("99999999999999.99", "max_digits"),
    ('"1e2"', "invalid"),
    ('"1E2"', "invalid"),
    ('"NaN"', "invalid"),
    ('"sNaN"', "invalid"),
    ('"Infinity"', "invalid"),
    ('"-Infinity"', "invalid"),
    ('"-1"', "invalid"),
    ('"-1.00"', "invalid"),
    ('"+1"', "invalid"),
    ('"-0"', "invalid"),
    ('"0"', "min_value"),
    ('"0.00"', "min_value"),
    ('"0.001"', "max_decimal_places"),
    ('"1.001"', "max_decimal_places"),
    ('"0.00001"', "max_decimal_places"),
    ('""', "invalid"),
    ('" "', "invalid"),
    ('" 1"', "invalid"),
    ('"1 "', "invalid"),
    ('"1 000"', "invalid"),
    ('"1\\u00a0000"', "invalid"),
    ('"1,00"', "invalid"),
    ('"1,000.00"', "invalid"),
    ('"1_000"', "invalid"),
    ('".5"', "invalid"),
    ('"5."', "invalid"),
    ('"01"', "invalid"),
    ('"00.10"', "invalid"),
    ('"1.0.0"', "invalid"),
    ('"0x10"', "invalid"),
    ('"10.00 EUR"', "invalid"),
    ('"\\u20ac10"', "invalid"),
    ('"ten"', "invalid"),
    ('"true"', "invalid"),
    ('"\\uff11\\uff10"', "invalid"),
    ('"1\\uff0e00"', "invalid"),
    ('"1\\uff10"', "invalid"),
    ('"1.\\u0660"', "invalid"),
    ('"\\u0661\\u0660"', "invalid"),
    ('"\\u00b2"', "invalid"),
    ('"\\u221210"', "invalid"),
    ('"9999999999999999"', "max_digits"),
    ('"99999999999999.99"', "max_digits"),
    ('"' + "9" * 5_000 + '"', "max_digits"),
]


@pytest.mark.parametrize(("amount", "code"), AMOUNTS, ids=[each[0][:30] for each in AMOUNTS])
def test_a_wrong_amount_is_refused(amount, code, api, path, order):
    for body in (order, {"type": "CASH_IN"}):
        raw = json.dumps(body | {"amount": "AMOUNT"}).replace('"AMOUNT"', amount).encode()
        answer = refused(api.post(path, raw=raw), 400, "invalid_fields")
        assert answer.wrong == {"amount": code}


@pytest.mark.parametrize("amount", ["1.000", "10.0000"])
def test_more_decimals_than_the_currency_has_are_refused_even_as_zeros(amount, api, path, order):
    answer = refused(api.post(path, order | {"amount": amount}), 400, "invalid_fields")
    assert answer.wrong == {"amount": "max_decimal_places"}


def test_an_amount_is_needed(api, path, order):
    del order["amount"]
    answer = refused(api.post(path, order), 400, "invalid_fields")
    assert answer.wrong == {"amount": "required"}


@pytest.mark.parametrize("amount", ["99999999999999", "9999999999999.999"])
def test_an_amount_of_too_many_minor_units_is_refused(amount, api, path, order):
    answer = refused(api.post(path, order | {"amount": amount}), 400, "invalid_fields")
    assert set(answer.wrong) == {"amount"}


def test_an_amount_too_long_in_minor_units_is_said_to_be_too_long(api, path, order):
    answer = api.post(path, order | {"amount": "99999999999999"})
    assert answer.wrong == {"amount": "max_digits"}


@pytest.mark.parametrize("amount", ["0.1", "1.5", "100.01"])
def test_the_decimals_are_those_of_the_wallets_currency(amount, api, yen):
    order = {"type": "CASH_IN", "amount": amount}
    answer = refused(api.post(f"wallets/{yen.id}/movements", order), 400, "invalid_fields")
    assert answer.wrong == {"amount": "max_decimal_places"}


# --- Fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"type": "transfer"}, {"type": "invalid_choice"}),
        ({"type": "REVERSAL"}, {"type": "invalid_choice"}),
        ({"type": "ADJUSTMENT"}, {"type": "invalid_choice"}),
        ({"type": None}, {"type": "null"}),
        ({"type": 1}, {"type": "invalid_choice"}),
        ({"type": ["TRANSFER"]}, {"type": "invalid_choice"}),
        ({"concept": ""}, {"concept": "blank"}),
        ({"concept": "  "}, {"concept": "blank"}),
        ({"concept": 1}, {"concept": "invalid"}),
        ({"concept": True}, {"concept": "invalid"}),
        ({"concept": ["Lunch"]}, {"concept": "invalid"}),
        ({"concept": "x" * 141}, {"concept": "max_length"}),
        ({"metadata": "a=1"}, {"metadata": "invalid"}),
        ({"metadata": ["a"]}, {"metadata": "invalid"}),
        ({"metadata": {"a": 1}}, {"metadata.a": "not_a_string"}),
        ({"metadata": {"a": None}}, {"metadata.a": "not_a_string"}),
        ({"metadata": {"a": {"b": "c"}}}, {"metadata.a": "not_a_string"}),
        ({"metadata": {"a": "x" * 501}}, {"metadata.a": "max_length"}),
        ({"metadata": {"": "a"}}, {"metadata": "key"}),
        ({"metadata": {"k" * 41: "a"}}, {"metadata": "key"}),
        ({"metadata": {f"k{n}": "a" for n in range(21)}}, {"metadata": "max_pairs"}),
        ({"color": "red"}, {"color": "unknown_field"}),
        ({"Amount": "1.00"}, {"Amount": "unknown_field"}),
        ({"target_wallet_id": "x"}, {"target_wallet_id": "unknown_field"}),
        ({"": "x"}, {"": "unknown_field"}),
        ({"amount.value": "1"}, {"amount.value": "unknown_field"}),
        ({"__proto__": {}}, {"__proto__": "unknown_field"}),
        ({"currency": "EUR"}, {"currency": "unknown_field"}),
        ({"status": "SUCCESS"}, {"status": "unknown_field"}),
        ({"id": "1"}, {"id": "unknown_field"}),
        ({"walletId": "1"}, {"walletId": "unknown_field"}),
        ({"balanceAfter": "1.00"}, {"balanceAfter": "unknown_field"}),
        ({"createdAt": "2026-01-01T00:00:00Z"}, {"createdAt": "unknown_field"}),
        ({"direction": "IN"}, {"direction": "unknown_field"}),
        ({"_links": {}}, {"_links": "unknown_field"}),
        (
            {"amount": "x", "concept": 1, "color": "red", "targetWalletId": "1"},
            {
                "amount": "invalid",
                "concept": "invalid",
                "color": "unknown_field",
                "targetWalletId": "invalid",
            },
        ),
    ],
)
def test_a_wrong_field_of_a_movement_is_named(change, errors, api, path, order):
    answer = refused(api.post(path, order | change), 400, "invalid_fields")
    assert answer.wrong == errors


def test_a_movement_needs_a_type(api, path, order):
    del order["type"]
    answer = refused(api.post(path, order), 400, "invalid_fields")
    assert answer.wrong == {"type": "required"}


def test_a_transfer_needs_a_target(api, path):
    body = {"type": "TRANSFER", "amount": "1.00"}
    answer = refused(api.post(path, body), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "required"}


def test_a_cash_in_has_no_target(api, path, order):
    answer = refused(api.post(path, order | {"type": "CASH_IN"}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "unknown_field"}


def test_a_missing_target_is_named_together_with_a_wrong_amount(api, path):
    answer = refused(api.post(path, {"type": "TRANSFER", "amount": "x"}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "required", "amount": "invalid"}


def test_a_wallet_never_pays_itself(api, path, order, alices):
    body = order | {"targetWalletId": str(alices.id)}
    answer = refused(api.post(path, body), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "same_wallet"}


# --- Ids ----------------------------------------------------------------------------------------

BAD_IDS = [
    "1",
    "x",
    "{bare}",
    "{upper}",
    "{{{id}}}",
    "urn:uuid:{id}",
    "{id}0",
    "{short}",
    "{id} ",
    "zzzzzzzz-zzzz-7zzz-8zzz-zzzzzzzzzzzz",
    "00000000-0000-0000-0000-00000000000\uff10",
]


def bad(template: str, known: UUID) -> str:
    text = str(known)
    return template.format(id=text, bare=text.replace("-", ""), upper=text.upper(), short=text[:-1])


@pytest.mark.parametrize("template", [*BAD_IDS, "", " "])
def test_a_bad_id_in_a_body_is_400(template, api, path, order, bobs):
    body = order | {"targetWalletId": bad(template, bobs.id)}
    answer = refused(api.post(path, body), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "invalid"}


@pytest.mark.parametrize("value", [1, True, ["x"], {}, 1.5])
def test_an_id_of_another_type_is_400(value, api, path, order):
    answer = refused(api.post(path, order | {"targetWalletId": value}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "invalid"}


@pytest.mark.parametrize("template", BAD_IDS)
def test_a_bad_id_in_a_path_is_404(template, api, alices, order):
    wallet, user = bad(template, alices.id), bad(template, alices.user_id)
    for answer in (
        api.post(f"wallets/{wallet}/movements", order),
        api.get(f"wallets/{wallet}/movements"),
        api.get(f"wallets/{wallet}/movements/{wallet}"),
        api.get(f"wallets/{wallet}"),
        api.patch(f"users/{user}", {"firstName": "Alicia"}),
        api.get(f"users/{user}"),
    ):
        refused(answer, 404, "not_found")


def test_an_id_that_nobody_has_is_404(api, path, order):
    body = order | {"targetWalletId": str(cast.unknown_id())}
    refused(api.post(path, body), 404, "target_wallet_not_found")
    refused(api.post(f"wallets/{cast.unknown_id()}/movements", order), 404, "not_found")
    refused(api.get(f"users/{cast.unknown_id()}"), 404, "not_found")


# --- Methods ------------------------------------------------------------------------------------

PLACES = {
    "/api/v1": {"GET"},
    "/api/v1/users": {"GET", "POST"},
    "/api/v1/users/{user}": {"GET", "PUT", "PATCH"},
    "/api/v1/users/{user}/request-otp": {"POST"},
    "/api/v1/users/{user}/validate-otp": {"POST"},
    "/api/v1/wallets": {"GET", "POST"},
    "/api/v1/wallets/{wallet}": {"GET", "PUT", "PATCH"},
    "/api/v1/wallets/{wallet}/movements": {"GET", "POST"},
    "/api/v1/wallets/{wallet}/movements/{movement}": {"GET", "PATCH"},
    "/livez": {"GET"},
    "/readyz": {"GET"},
    "/api/schema": {"GET"},
}


METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "LINK"}


@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_method_is_400_with_allow(place, api, alices):
    (movement,) = cast.movements(alices)
    address = place.format(user=alices.user_id, wallet=alices.id, movement=movement.id)
    for method in METHODS - PLACES[place]:
        answer = refused(api.call(method, address, {}), 400, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == PLACES[place]


# --- Accept -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept",
    [
        "application/xml",
        "text/plain",
        "image/png, text/csv",
        "application/json;q=0",
        "application/json; q=0.0",
        "application/json;q=0.000",
        "application/json;q=0, text/plain",
        "*/*;q=0",
        "application/*;q=0",
        "application/hal+json",
        "application/problem+json",
        "text/json",
        "nonsense",
    ],
)
def test_an_accept_that_excludes_json_is_refused(accept, api, doors):
    headers = {"Accept": accept}
    refused_everywhere(api, doors, None, "not_acceptable", headers=headers)
    refused(api.get("users", headers=headers), 400, "not_acceptable")


# --- Query parameters ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("color=red", {"color": "unknown_parameter"}),
        ("format=json", {"format": "unknown_parameter"}),
        ("page=1", {"page": "unknown_parameter"}),
        ("limit=1&offset=2", {"limit": "unknown_parameter", "offset": "unknown_parameter"}),
        ("Size=1", {"Size": "unknown_parameter"}),
        ("=1", {"": "unknown_parameter"}),
        ("size", {"size": "blank"}),
        ("size=", {"size": "blank"}),
        ("size=%20", {"size": "blank"}),
        ("size=1&size=1", {"size": "repeated_parameter"}),
        ("size=1&size=", {"size": "repeated_parameter"}),
        ("size=1.0", {"size": "invalid"}),
        ("size=1e1", {"size": "invalid"}),
        ("size=%EF%BC%91", {"size": "invalid"}),
        ("size=0", {"size": "min_value"}),
        ("size=101", {"size": "max_value"}),
        ("size=" + "9" * 5000, {"size": "invalid"}),
        ("size=%00", {"size": "invalid"}),
        ("size=%FF", {"size": "invalid"}),
        ("sort=createdAt", {"sort": "invalid_choice"}),
        ("sort=createdAt,DESC", {"sort": "invalid_choice"}),
        ("sort=balance,asc", {"sort": "invalid_choice"}),
        ("cursor=x", {"cursor": "invalid"}),
        ("cursor=%00", {"cursor": "invalid"}),
        ("cursor=" + "x" * 5000, {"cursor": "max_length"}),
        ("color=1&size=0", {"color": "unknown_parameter", "size": "min_value"}),
    ],
)
def test_a_wrong_parameter_of_a_list_is_refused(query, errors, api, path):
    for address in ("users", "wallets", path):
        answer = refused(api.get(f"{address}?{query}"), 400, "invalid_parameters")
        assert answer.wrong == errors


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("type=transfer", {"type": "invalid_choice"}),
        ("status=DONE", {"status": "invalid_choice"}),
        ("direction=OUTWARDS", {"direction": "invalid_choice"}),
        ("startDate=2026-01-01", {"startDate": "invalid"}),
        ("startDate=yesterday", {"startDate": "invalid"}),
        ("startDate=2026-02-30T00:00:00Z", {"startDate": "invalid"}),
        ("startDate=2026-01-01T00:00:00", {"startDate": "invalid"}),
        ("startDate=0001-01-01T00:00:00%2B23:59", {"startDate": "invalid"}),
        (
            "startDate=2026-02-01T00:00:00Z&endDate=2026-01-01T00:00:00Z",
            {"endDate": "invalid_range"},
        ),
        ("minAmount=-1", {"minAmount": "invalid"}),
        ("minAmount=1e2", {"minAmount": "invalid"}),
        ("minAmount=0", {"minAmount": "min_value"}),
        ("maxAmount=0.001", {"maxAmount": "max_decimal_places"}),
        ("minAmount=2&maxAmount=1", {"maxAmount": "invalid_range"}),
        ("operationId=1", {"operationId": "invalid"}),
        ("walletId=1", {"walletId": "unknown_parameter"}),
        ("idempotencyKey=", {"idempotencyKey": "blank"}),
    ],
)
def test_a_wrong_filter_of_movements_is_refused(query, errors, api, path):
    answer = refused(api.get(f"{path}?{query}"), 400, "invalid_parameters")
    assert answer.wrong == errors


def test_thousands_of_parameters_are_refused(api, path):
    query = "&".join(f"p{number}=1" for number in range(5_000))
    refused(api.get(f"{path}?{query}"), 400, "invalid_parameters")


@pytest.mark.parametrize("query", ["dryRun=true", "format=json", "amount=1", "size=5", "=", "x="])
def test_a_change_takes_no_parameters(query, api, doors):
    asked = [(method, f"{address}?{query}", body) for method, address, body in doors]
    refused_everywhere(api, asked, None, "invalid_parameters")


# --- Paths --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "/api",
        "/api/",
        "/api/v1/",
        "/api/v1/unknown",
        "/api/v1/users/",
        "/api/v1/wallets/",
        "/api/v1/users.json",
        "/api/v1//users",
        "/api/v1/users//",
        "/api/v1/Users",
        "/api/v1/users/{user}/",
        "/api/v1/users/{user}.json",
        "/api/v1/users/{user}/unknown",
        "/api/v1/wallets/{wallet}/movements/",
        "/api/v1/wallets/{wallet}/movement",
        "/api/v1/users/%00",
        "/api/v1/users/%ff",
        "/api/v1/users/%ED%A0%80",
        "/api/v1/" + "x" * 5_000,
        "/api/v9/users",
        "/livez/",
        "/readyz/",
        "/unknown",
        "/wp-login.php",
    ],
)
def test_an_unknown_path_is_404(address, api, alices):
    path = address.format(user=alices.user_id, wallet=alices.id)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        refused(api.call(method, path), 404, "not_found")


def test_an_unknown_path_is_404_without_a_key_too(nobody):
    refused(nobody.get("/api/v1/unknown"), 404, "not_found")


# --- Headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["", " ", '""', '"', '"open', 'a"b"\x00', "x" * 256, "schl\xfcssel", "a\tb", "a\x7f"]
)
def test_a_bad_idempotency_key_is_refused(key, api, path, order):
    answer = refused(api.post(path, order, key=key), 400, "invalid_header")
    assert "Idempotency-Key" in answer.json["detail"]
    refused(api.post("users", USER, key=key), 400, "invalid_header")


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 65, "a\x00", "\xe9", "<script>", "a,b"])
def test_a_bad_request_id_is_replaced(given, nobody):
    answer = nobody.get("/api/v1/unknown", headers={"X-Request-Id": given})
    refused(answer, 404, "not_found")


def test_a_good_request_id_is_kept(nobody):
    answer = nobody.get("/api/v1/unknown", headers={"X-Request-Id": "trace-1.A_b"})
    assert answer.headers["X-Request-Id"] == answer.json["requestId"] == "trace-1.A_b"


@pytest.mark.parametrize("host", ["evil.example", "testserver:x", "test server", "a..b"])
def test_an_unknown_host_is_refused(host, api, doors):
    for method, address, body in doors:
        answer = api.call(method, address, body, headers={"Host": host})
        assert (answer.status, answer.code) == (400, "invalid_host")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Request-Id"] == answer.json["requestId"]


# --- What comes first ---------------------------------------------------------------------------


def test_nobody_learns_the_shape_without_a_key(nobody, path):
    answer = nobody.post(path, raw=b"[")
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["X-Request-Id"] == answer.json["requestId"]


def test_the_shape_is_looked_at_before_the_wallet(stranger, path):
    refused(stranger.post(path, {"type": "TRANSFER"}), 400, "invalid_fields")


def test_a_key_without_the_scope_learns_no_shape(reader, path):
    answer = reader.post(path, raw=b"[")
    assert (answer.status, answer.code) == (403, "insufficient_scope")
