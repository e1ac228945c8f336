"""Who calls with a key, and what they may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from iocash import errors
from iocash.http.operations import operation
from iocash.http.views import RootView, View
from tests.support import people
from tests.support.people import Answer, Api
from tests.support.user_bodies import filled
from users import authentication
from users.models import ApiKey, Client
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db


def get(header: str | None) -> Answer:
    """Ask for the list of users with this Authorization."""
    headers = {} if header is None else {"Authorization": header}
    return Api(None).get("users", headers=headers)


# --- Keys: 401 ----------------------------------------------------------------------------------


def test_valid_key_is_accepted(api):
    assert api.get("users").status == 200


def test_missing_credentials_get_401(nobody):
    answer = nobody.get("users")
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ioCash", scope="users:read"'


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Bearer unknown",
        "Bearer iocash_unknown",
        "Bearer iocash_\xff\xfe",
        "bearer",
        "Basic YWxpY2U6c2VjcmV0",
        "Token {secret}",
        "{secret}",
        "Bearer{secret}",
        "Bearer  {secret}",
        "Bearer {secret} ",
        "Bearer {secret}x",
        "Bearer {prefix}",
        "Bearer {upper}",
        'Bearer "{secret}"',
        "Bearer {secret}, Bearer {secret}",
        "Bearer " + "x" * 10_000,
    ],
)
def test_invalid_credentials_get_401(header, client_demo):
    secret = people.a_key(client_demo)
    answer = get(header.format(secret=secret, prefix=secret[:12], upper=secret.upper()))
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ioCash", error="invalid_token"'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_is_case_insensitive(scheme, client_demo):
    assert get(f"{scheme} {people.a_key(client_demo)}").status == 200


def test_expired_key_gets_401(client_demo):
    secret = people.a_key(client_demo)
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = get(f"Bearer {secret}")
    assert (answer.status, answer.code) == (401, "credentials_expired")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ioCash", error="invalid_token"'


def test_revoked_key_gets_401(client_demo):
    secret = people.a_key(client_demo)
    ApiKey.objects.update(revoked_at=timezone.now())
    answer = get(f"Bearer {secret}")
    assert (answer.status, answer.code) == (401, "credentials_revoked")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ioCash", error="invalid_token"'


@pytest.mark.parametrize("name", ["expires_at", "revoked_at"])
def test_key_works_until_it_expires_or_is_revoked(name, client_demo):
    secret = people.a_key(client_demo)
    ApiKey.objects.update(**{name: timezone.now() + timedelta(hours=1)})
    assert get(f"Bearer {secret}").status == 200


def test_revocation_leaves_other_keys_of_the_client_valid(client_demo):
    old, new = people.a_key(client_demo), people.a_key(client_demo)
    ApiKey.objects.matching(old).update(revoked_at=timezone.now())
    assert (get(f"Bearer {old}").status, get(f"Bearer {new}").status) == (401, 200)


def test_refusal_does_not_contain_the_key(client_demo, caplog):
    caplog.set_level("DEBUG")
    secret = people.a_key(client_demo)
    ApiKey.objects.update(revoked_at=timezone.now())
    answer = get(f"Bearer {secret}")
    assert secret[12:] not in str(answer.json) + caplog.text
    assert "/api/v1/users" in caplog.text


# --- Keys: 403 ----------------------------------------------------------------------------------


def test_suspended_client_gets_403(client_demo):
    secret = people.a_key(client_demo)
    Client.objects.update(status="SUSPENDED")
    answer = get(f"Bearer {secret}")
    assert (answer.status, answer.code) == (403, "client_suspended")


def test_reactivated_client_is_accepted(client_demo):
    secret = people.a_key(client_demo)
    for status, answer in (("SUSPENDED", 403), ("ACTIVE", 200)):
        Client.objects.update(status=status)
        assert get(f"Bearer {secret}").status == answer


NEEDED = [
    ("GET", "users", "users:read"),
    ("POST", "users", "users:write"),
    ("GET", "users/{user}", "users:read"),
    ("PUT", "users/{user}", "users:write"),
    ("PATCH", "users/{user}", "users:write"),
    ("POST", "users/{user}/request-otp", "users:write"),
    ("POST", "users/{user}/validate-otp", "users:write"),
    ("GET", "wallets", "wallets:read"),
    ("POST", "wallets", "wallets:write"),
    ("GET", "wallets/{wallet}", "wallets:read"),
    ("PUT", "wallets/{wallet}", "wallets:write"),
    ("PATCH", "wallets/{wallet}", "wallets:write"),
    ("GET", "wallets/{wallet}/movements", "movements:read"),
    ("POST", "wallets/{wallet}/movements", "movements:write"),
    ("GET", "wallets/{wallet}/movements/{movement}", "movements:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDED)
def test_key_without_the_scope_gets_403_that_names_the_scope(
    method, path, scope, client_demo, alices
):
    others = [known for known in SCOPES if known != scope]
    answer = Api(people.a_key(client_demo, *others)).call(method, filled(path, alices), {})
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert scope in answer.json["detail"]
    challenge = f'Bearer realm="ioCash", error="insufficient_scope", scope="{scope}"'
    assert answer.headers["WWW-Authenticate"] == challenge


@pytest.mark.parametrize(("method", "path", "scope"), NEEDED)
def test_key_with_only_the_required_scope_is_accepted(method, path, scope, client_demo, alices):
    answer = Api(people.a_key(client_demo, scope)).call(method, filled(path, alices), {})
    assert answer.status in {200, 202, 400, 409}


def test_cash_in_needs_its_own_scope(client_demo, bobs):
    path, order = f"wallets/{bobs.id}/movements", {"type": "CASH_IN", "amount": "1.00"}
    answer = Api(people.a_key(client_demo, "movements:write")).post(path, order)
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert "cash-in:write" in answer.json["detail"]
    allowed = Api(people.a_key(client_demo, "movements:write", "cash-in:write"))
    assert allowed.post(path, order).status == 201


def test_cash_in_scope_alone_is_insufficient(client_demo, bobs):
    order = {"type": "CASH_IN", "amount": "1.00"}
    answer = Api(people.a_key(client_demo, "cash-in:write")).post(
        f"wallets/{bobs.id}/movements", order
    )
    assert (answer.status, answer.code) == (403, "insufficient_scope")


def test_scope_is_checked_before_any_lookup(client_demo):
    reader = Api(people.a_key(client_demo, "wallets:read"))
    assert reader.get(f"users/{people.unknown_id()}").status == 403


# --- Views --------------------------------------------------------------------------------------


class Closed(View):
    """A view that says nothing of scopes."""

    @operation()
    def get(self, request: Any) -> Response:
        return Response({})


class Open(Closed):
    scope = None


def ask(view: type[View], secret: str) -> int:
    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {secret}")
    return int(view.as_view()(request).status_code)


def test_view_without_a_scope_refuses_every_key(client_demo):
    assert ask(Closed, people.a_key(client_demo)) == 403


def test_view_may_accept_any_key(client_demo):
    assert ask(Open, people.a_key(client_demo, "events:read")) == 200


def test_root_accepts_any_key_and_refuses_anonymous_requests(client_demo, nobody):
    assert RootView.scope is None
    assert Api(people.a_key(client_demo, "events:read")).get("/api/v1").status == 200
    assert nobody.get("/api/v1").status == 401


def test_caller_without_a_client_needs_no_scope():
    authentication.Caller("staff:1").require("users:read")
    with pytest.raises(errors.InsufficientScope):
        authentication.Caller("key:1", people.unknown_id()).require("users:read")
