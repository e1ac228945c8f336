"""The caller's own client, key, scopes and limits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client as Browser

from tests.support import people, sandbox
from tests.support.people import Api
from tests.support.signed_tokens import KID, PRIVATE, pem, signed
from users.models import ApiKey, SigningKey
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db

YEAR_2099 = datetime(2099, 12, 31, 12, tzinfo=UTC)


def test_me_returns_client_key_and_scopes(client_demo):
    key, secret = ApiKey.issue(
        client=client_demo, label="Shop", scopes=["wallets:read"], expires_at=YEAR_2099
    )
    answer = Api(secret).get("me")
    assert answer.status == 200
    assert answer.json["client"] == {"id": str(client_demo.id), "name": "Demo"}
    assert answer.json["key"] == {
        "id": str(key.id),
        "label": "Shop",
        "expiresAt": "2099-12-31T12:00:00.000Z",
    }
    assert answer.json["scopes"] == ["wallets:read"]
    assert answer.json["_links"]["self"]["href"] == "http://testserver/api/v1/me"


def test_me_is_linked_from_the_root(api):
    assert api.get("/api/v1").json["_links"]["me"]["href"] == "http://testserver/api/v1/me"


def test_me_returns_null_for_a_key_that_never_expires(api):
    assert api.get("me").json["key"]["expiresAt"] is None


@pytest.mark.slow
def test_me_returns_the_scopes_of_the_token(client_demo):
    key = SigningKey.objects.create(
        client=client_demo, label="Signs", kid=KID, public_key=pem(PRIVATE), scopes=list(SCOPES)
    )
    shown = Api(signed({"scope": "users:read"})).get("me").json
    assert (shown["key"]["id"], shown["key"]["label"]) == (str(key.id), "Signs")
    assert shown["scopes"] == ["users:read"]


def test_me_returns_null_for_staff(staff):
    browser = Browser()
    browser.force_login(staff)
    shown = browser.get("/api/v1/me").json()
    assert (shown["client"], shown["key"], shown["scopes"]) == (None, None, [])


@pytest.mark.slow
def test_staff_need_the_permission_to_view_clients(staff):
    staff.is_superuser = False
    staff.save(update_fields=["is_superuser"])
    browser = Browser()
    browser.force_login(staff)
    assert browser.get("/api/v1/me").json()["code"] == "permission_denied"


def test_me_returns_the_limits(api, settings):
    settings.RATE_LIMIT = 7
    settings.KYC_LIMITS = {"EUR": {"0": {"balance": "150", "cashIn": "20.5", "cashOut": None}}}
    limits = api.get("me").json["limits"]
    assert limits.pop("kyc") == [
        {"currency": "EUR", "level": 0, "balance": "150.00", "cashIn": "20.50", "cashOut": None},
        {"currency": "EUR", "level": 1, "balance": "0.00", "cashIn": "0.00", "cashOut": "0.00"},
    ]
    assert limits == {
        "requestsPerSecond": 7,
        "pageSize": {"default": 20, "most": 100},
        "batchSize": 1000,
        "operationSize": 100,
        "bodyBytes": 1_000_000,
        "walletsPerUser": 5,
    }


def test_me_returns_null_without_a_rate_limit(api, settings):
    settings.RATE_LIMIT = 0
    assert api.get("me").json["limits"]["requestsPerSecond"] is None


def test_me_returns_the_currencies_of_new_wallets(api):
    currencies = api.get("me").json["currencies"]
    assert {"EUR", "JPY", "USD"} < {*currencies}
    assert "HRK" not in currencies, "it is withdrawn"


def test_me_returns_the_mode_of_the_database(api):
    assert api.get("me").json["mode"] == "LIVE"
    sandbox.make()
    assert api.get("me").json["mode"] == "SANDBOX"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_wrong_method_gets_400(method, api):
    answer = api.call(method, "me", {})
    assert (answer.status, answer.code) == (400, "method_not_allowed")


def test_unknown_parameter_gets_400(api):
    assert api.get("me?size=1").wrong == {"size": "unknown_parameter"}


@pytest.mark.parametrize("secret", [None, "iocash_unknown"])
def test_caller_without_a_valid_key_gets_401(secret, db):
    assert Api(secret).get("me").status == 401


def test_me_takes_few_statements(api, django_assert_max_num_queries):
    people.a_client("Another")
    with django_assert_max_num_queries(3):
        api.get("me")
