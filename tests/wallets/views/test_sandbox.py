"""The operations of sandboxes, and that they exist nowhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iocash.db import clock
from tests.support import people, sandbox
from tests.support.people import Api
from users.models import Sandbox
from users.models.clients import SANDBOX_SCOPE, SCOPES

pytestmark = pytest.mark.django_db

OPERATIONS = {
    ("POST", "sandbox/clock"): {"advance": "P1D"},
    ("GET", "sandbox/users/{user}/last-otp"): None,
    ("POST", "sandbox/users/{user}/simulate-identity-verification"): {"status": "APPROVED"},
    ("POST", "sandbox/wallets/{wallet}/movements/{cash_out}/settle"): {},
    ("POST", "sandbox/wallets/{wallet}/movements/{cash_out}/reject"): {},
    ("POST", "sandbox/wallets/{wallet}/bank-transfer-in"): {"amount": "5.00"},
}
BELOW = [each for each in OPERATIONS if "{" in each[1]]


@pytest.fixture
def tester(client_demo) -> Api:
    """A client of a sandbox, with every scope."""
    sandbox.make()
    return Api(people.a_key(client_demo, *SCOPES, SANDBOX_SCOPE))


@pytest.fixture
def paths(alices) -> dict[str, Any]:
    return {"user": alices.user_id, "wallet": alices.id, "cash_out": people.unknown_id()}


# --- Who may call them ---------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_operation_is_unknown_outside_of_sandboxes(method, path, api, nobody, paths):
    for caller in (api, nobody):
        unknown = caller.call(method, "sandbox/unknown", OPERATIONS[method, path])
        answer = caller.call(method, path.format(**paths), OPERATIONS[method, path])
        names = "status", "code", "title", "detail", "type"
        assert answer.status == 404
        assert [answer.json[each] for each in names] == [unknown.json[each] for each in names]
        assert "WWW-Authenticate" not in answer.headers
        assert "X-Sandbox" not in answer.headers


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_request_without_a_key_gets_401(method, path, tester, nobody, paths):
    answer = nobody.call(method, path.format(**paths), OPERATIONS[method, path])
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert 'scope="sandbox:write"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_key_without_the_scope_gets_403(method, path, tester, api, paths):
    answer = api.call(method, path.format(**paths), OPERATIONS[method, path])
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert "sandbox:write" in answer.json["detail"]


@pytest.mark.parametrize(("method", "path"), BELOW)
def test_another_client_gets_404(method, path, tester, paths):
    other = Api(people.a_key(people.a_client("Another"), SANDBOX_SCOPE))
    answer = other.call(method, path.format(**paths), OPERATIONS[method, path])
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_wrong_method_gets_400_with_allow(method, path, tester, paths):
    answer = tester.call("PATCH", path.format(**paths), {})
    assert (answer.status, answer.code) == (400, "method_not_allowed")
    assert method in answer.headers["Allow"]


# --- Every answer --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/docs", "/api/schema", "/readyz", "/", "/x"])
def test_every_answer_of_a_sandbox_says_so(path, tester, client):
    assert client.get(path).headers["X-Sandbox"] == "true"


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/docs", "/"])
def test_no_answer_elsewhere_says_so(path, client):
    assert "X-Sandbox" not in client.get(path).headers


def test_caller_of_a_sandbox_reads_its_mode(tester):
    assert tester.get("me").json["mode"] == "SANDBOX"


# --- The clock -----------------------------------------------------------------------------------


def test_clock_advances_by_a_month(tester):
    before = clock.now()
    answer = tester.post("sandbox/clock", {"advance": "P1M"})
    assert answer.status == 200, answer.json
    assert timedelta(days=28) <= clock.now() - before <= timedelta(days=32)
    assert answer.json["remaining"] is None
    assert answer.json["offset"].startswith("P")
    assert Sandbox.objects.get().clock_offset > timedelta(days=27)


@pytest.mark.parametrize(
    ("advance", "code"),
    [
        ("P0D", "min_value"),
        ("PT0S", "min_value"),
        ("P13M", "max_value"),
        ("P1Y1D", "max_value"),
        ("P9999D", "max_value"),
        ("P", "invalid"),
        ("-P1D", "invalid"),
        ("PT", "invalid"),
        ("1 month", "invalid"),
        (30, "invalid"),
    ],
)
def test_wrong_duration_gets_400(advance, code, tester):
    answer = tester.post("sandbox/clock", {"advance": advance})
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, code)
    assert Sandbox.objects.get().clock_offset == timedelta(0)
