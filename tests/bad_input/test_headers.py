"""Headers that can't be understood, and what is looked at first."""

from __future__ import annotations

import pytest

from tests.support.refusals import refused, refused_everywhere

pytestmark = pytest.mark.django_db

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
def test_accept_that_excludes_json_is_refused(accept, api, doors):
    headers = {"Accept": accept}
    refused_everywhere(api, doors, None, "not_acceptable", headers=headers)
    refused(api.get("users", headers=headers), 400, "not_acceptable")


# --- Headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["", " ", '""', '"', '"open', 'a"b"\x00', "x" * 256, "schl\xfcssel", "a\tb", "a\x7f"]
)
def test_bad_idempotency_key_is_refused(key, api, doors):
    creating = [door for door in doors if door[0] == "POST"]
    keyed = [door for door in creating if not door[1].startswith("webhook-endpoints/")]
    for answer in refused_everywhere(api, keyed, None, "invalid_header", key=key):
        assert "Idempotency-Key" in answer.json["detail"]


@pytest.mark.parametrize("versions", ["", " ", "x", '"x', '"a" "b"', '"a",', "*, *", '"\xe9"'])
def test_bad_version_is_refused(versions, api, doors):
    held = [door for door in doors if door[0] == "PATCH" and "/holds/" in door[1]]
    (answer,) = refused_everywhere(
        api, held, None, "invalid_header", headers={"If-Match": versions}
    )
    assert "If-Match" in answer.json["detail"]


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 65, "a\x00", "\xe9", "<script>", "a,b"])
def test_bad_request_id_is_replaced(given, nobody):
    answer = nobody.get("/api/v1/unknown", headers={"X-Request-Id": given})
    refused(answer, 404, "not_found")


def test_good_request_id_is_kept(nobody):
    answer = nobody.get("/api/v1/unknown", headers={"X-Request-Id": "trace-1.A_b"})
    assert answer.headers["X-Request-Id"] == answer.json["requestId"] == "trace-1.A_b"


@pytest.mark.parametrize("host", ["evil.example", "testserver:x", "test server", "a..b"])
def test_unknown_host_is_refused(host, api, doors):
    for method, address, body in doors:
        answer = api.call(method, address, body, headers={"Host": host})
        assert (answer.status, answer.code) == (400, "invalid_host")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Request-Id"] == answer.json["requestId"]


# --- What comes first ---------------------------------------------------------------------------


def test_request_without_a_key_gets_401_before_its_body_is_checked(nobody, doors):
    for method, address, _ in doors:
        answer = nobody.call(method, address, raw=b"[")
        assert (answer.status, answer.code) == (401, "not_authenticated")
        assert answer.headers["X-Request-Id"] == answer.json["requestId"]


def test_body_is_checked_before_the_wallet_is_looked_up(stranger, path):
    refused(stranger.post(path, {"type": "TRANSFER"}), 400, "invalid_fields")


def test_key_without_the_scope_gets_403_before_its_body_is_checked(reader, path):
    answer = reader.post(path, raw=b"[")
    assert (answer.status, answer.code) == (403, "insufficient_scope")
