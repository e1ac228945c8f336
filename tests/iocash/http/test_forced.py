"""Refusals that a caller of a sandbox asks for by a field of the body, or by the API key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from iocash import errors
from iocash.db import clock
from iocash.db.sandbox import FORCED
from iocash.docs.forced import ForcedCall, forced_table
from iocash.http.parsing import BODIES
from iocash.http.views import forced_field
from tests.support import openapi, people, sandbox
from tests.support.people import Api
from users.models import Event, User
from users.models.clients import KNOWN_SCOPES
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

CALLS = forced_table().calls
WRITES = [each for each in CALLS if each.call.split()[0] in BODIES]
NOT_OF_CLIENTS = {"invalid_signature", "cash_out_not_in_file", "movement_not_settled"}
"""Codes of identity providers and of staff."""
NOT_OF_OPERATIONS = {"method_not_allowed", "retention_not_over", "source_wallet_not_found"}
"""Codes of other addresses, of a command, and of items of an operation."""


@pytest.fixture
def tester(client_demo) -> Api:
    """A client of a sandbox, with every scope."""
    sandbox.make()
    return Api(people.a_key(client_demo, *KNOWN_SCOPES))


def address(call: ForcedCall, wallet: Wallet) -> str:
    """The path of a call, with ids of the wallet and others that need not exist."""
    path = call.call.split()[1].replace("{userId}", str(wallet.user_id))
    path = path.replace("{walletId}", str(wallet.id)).replace("{kind}", "identity-front")
    for name in ("movementId", "holdId", "accountId", "scheduleId", "endpointId", "operationId"):
        path = path.replace(f"{{{name}}}", str(people.unknown_id()))
    for name in ("executionId", "fileId", "eventId"):
        path = path.replace(f"{{{name}}}", str(people.unknown_id()))
    return "/api/v1" + path.removesuffix("/")


def expected(code: str) -> tuple[int, str]:
    return errors.REGISTRY[code].status, code


@pytest.mark.slow
@pytest.mark.parametrize("call", WRITES, ids=lambda each: each.call)
def test_field_of_the_body_forces_each_code(call: ForcedCall, tester, alices):
    """Each answer is also valid by the document, as all answers of tests."""
    method, path, field = call.call.split()[0], address(call, alices), call.field or "anything"
    before = rows()
    for code in call.everything:
        answer = tester.call(method, path, {field: FORCED + code})
        assert (answer.status, answer.code) == expected(code), answer.json
    unknown = tester.call(method, path, {field: f"{FORCED}nothing"})
    assert (unknown.status, unknown.code) == (400, "invalid_fields")
    assert rows() == before


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS, ids=lambda each: each.call)
def test_api_key_forces_each_code(call: ForcedCall, tester, alices):
    method, path = call.call.split()[0], address(call, alices)
    for code in call.everything:
        answer = Api(FORCED + code).call(method, path, {} if method in BODIES else None)
        assert (answer.status, answer.code) == expected(code), answer.json
    unknown = Api(f"{FORCED}nothing").call(method, path, {} if method in BODIES else None)
    assert (unknown.status, unknown.code) == (401, "invalid_credentials")


def test_table_has_each_code_that_a_client_can_get():
    table = {code for call in CALLS for code in call.everything}
    assert table == errors.REGISTRY.keys() - NOT_OF_CLIENTS - NOT_OF_OPERATIONS


def test_table_has_each_operation_with_credentials():
    operations = {
        f"{method.upper()} {path.removeprefix('/api/v1') or '/'}"
        for path, methods in openapi.document()["paths"].items()
        for method, operation in methods.items()
        if operation["security"]
    }
    assert {call.call for call in CALLS} == operations


@pytest.mark.parametrize("code", ["otp_expired", "invalid_otp", "otp_tried_out"])
def test_one_time_password_is_refused(code, tester, alices):
    answer = tester.post(f"users/{alices.user_id}/validate-otp", {"otp": FORCED + code})
    assert (answer.status, answer.code) == expected(code)


def test_facts_name_the_resource_of_the_path(tester, alices):
    answer = tester.patch(f"wallets/{alices.id}", {"alias": f"{FORCED}wallet_not_empty"})
    assert answer.json["conflict"]["walletId"] == str(alices.id)
    stale = tester.patch(f"wallets/{alices.id}", {"alias": f"{FORCED}version_conflict"})
    assert stale.json["conflict"].keys() == {"walletId", "current"}
    assert stale.json["conflict"]["walletId"] == str(alices.id)
    late = tester.post("users", {"userName": f"{FORCED}otp_too_soon"})
    assert (late.status, late.headers["Retry-After"]) == (409, "60")


@pytest.mark.parametrize("code", ["insufficient_scope", "insufficient_funds", "outcome_unknown"])
def test_refused_payment_is_not_made(code, tester, alices, bobs):
    """Nor by the handler that runs again when a remembered key was looked up."""
    path, lunch = f"wallets/{alices.id}/movements", people.to(bobs, "1.00")
    assert tester.post(path, lunch).status == 201
    for _ in range(2):
        refused = tester.post(path, lunch | {"reference": FORCED + code}, key="lunch")
        assert (refused.status, refused.code) == expected(code)
    assert people.balances(alices, bobs) == [99_00, 1_00]
    assert tester.post(path, lunch | {"reference": "lunch"}, key="lunch").status == 201


def test_concept_of_a_schedule_is_stored(tester, alices, bobs):
    body = {
        "amount": "1.00",
        "concept": f"{FORCED}insufficient_funds",
        "receiver": {"type": "WALLET", "account": str(bobs.id)},
        "schedule": {"frequency": "ONCE", "startDate": str(clock.today() + timedelta(days=1))},
    }
    answer = tester.post(f"wallets/{alices.id}/scheduled-operations", body)
    assert (answer.status, answer.json.get("concept")) == (201, body["concept"]), answer.json


@pytest.mark.parametrize(
    "text", ["sandbox:refuse", "Sandbox:refuse:not_found", "a sandbox:refuse:not_found"]
)
def test_other_texts_refuse_nothing(text, tester, alices):
    assert tester.patch(f"wallets/{alices.id}", {"alias": text}).status == 200


# --- Outside of sandboxes ------------------------------------------------------------------------


def test_field_is_a_text_like_any_other_outside_of_sandboxes(api, alices):
    for code in ("wallet_not_ready", "internal_error", "not_found", "nothing"):
        answer = api.patch(f"wallets/{alices.id}", {"alias": FORCED + code})
        assert (answer.status, answer.json["alias"]) == (200, FORCED + code)


@pytest.mark.parametrize("code", ["internal_error", "credentials_revoked", "rate_limited", "none"])
def test_api_key_is_unknown_outside_of_sandboxes(code, nobody, alices):
    answer = Api(FORCED + code).get(f"wallets/{alices.id}")
    assert (answer.status, answer.code) == (401, "invalid_credentials")


def test_sandbox_is_asked_for_only_by_such_texts(api, alices, monkeypatch):
    asked: list[bool] = []
    monkeypatch.setattr("iocash.http.forced.is_sandbox", lambda: asked.append(True))
    api.patch(f"wallets/{alices.id}", {"alias": "Holidays"})
    assert not asked
    api.patch(f"wallets/{alices.id}", {"alias": f"{FORCED}not_found"})
    assert asked == [True]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"alias": f"{FORCED}x"}, "alias"),
        ({"amount": None, "alias": "x", "otp": FORCED}, "otp"),
        ({"concept": f"{FORCED}x"}, None),
        ({"metadata": {"a": f"{FORCED}x"}}, None),
        ({"alias": f"a {FORCED}x"}, None),
        ({}, None),
    ],
)
def test_field_is_found(body: dict[str, Any], field: str | None):
    assert forced_field(body) == field


def test_guide_shows_the_table():
    shown = Browser().get("/api/docs/sandbox").text
    assert "POST /webhook-endpoints/{endpointId}/replay" in shown
    assert "replay_limit_reached" in shown
    assert "sandbox:reject:BE01" in shown


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (User, Wallet, Event))
