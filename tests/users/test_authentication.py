"""Who calls with a key, and what they may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from iocash import errors
from iocash.http.views import Root, View
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


def test_a_valid_key_is_let_in(api):
    assert api.get("users").status == 200


def test_no_credentials_are_401(nobody):
    answer = nobody.get("users")
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


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
def test_other_credentials_are_401(header, client_demo):
    secret = people.a_key(client_demo)
    answer = get(header.format(secret=secret, prefix=secret[:12], upper=secret.upper()))
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(scheme, client_demo):
    assert get(f"{scheme} {people.a_key(client_demo)}").status == 200


def test_an_expired_key_is_401(client_demo):
    secret = people.a_key(client_demo)
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = get(f"Bearer {secret}")
    assert (answer.status, answer.code) == (401, "credentials_expired")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_is_401(client_demo):
    secret = people.a_key(client_demo)
    ApiKey.objects.update(revoked_at=timezone.now())
    answer = get(f"Bearer {secret}")
    assert (answer.status, answer.code) == (401, "credentials_revoked")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["expires_at", "revoked_at"])
def test_a_key_works_until_its_end(name, client_demo):
    secret = people.a_key(client_demo)
    ApiKey.objects.update(**{name: timezone.now() + timedelta(hours=1)})
    assert get(f"Bearer {secret}").status == 200


def test_the_other_keys_of_the_client_go_on_working(client_demo):
    old, new = people.a_key(client_demo), people.a_key(client_demo)
    ApiKey.objects.matching(old).update(revoked_at=timezone.now())
    assert (get(f"Bearer {old}").status, get(f"Bearer {new}").status) == (401, 200)


def test_a_refusal_tells_nothing_of_the_key(client_demo, caplog):
    caplog.set_level("DEBUG")
    secret = people.a_key(client_demo)
    ApiKey.objects.update(revoked_at=timezone.now())
    answer = get(f"Bearer {secret}")
    assert secret[12:] not in str(answer.json) + caplog.text
    assert "/api/v1/users" in caplog.text


# --- Keys: 403 ----------------------------------------------------------------------------------


def test_a_suspended_client_is_403(client_demo):
    secret = people.a_key(client_demo)
    Client.objects.update(status="SUSPENDED")
    answer = get(f"Bearer {secret}")
    assert (answer.status, answer.code) == (403, "client_suspended")


def test_a_suspended_client_is_let_in_again(client_demo):
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
def test_a_key_without_the_scope_is_403_and_told_which(method, path, scope, client_demo, alices):
    others = [known for known in SCOPES if known != scope]
    answer = Api(people.a_key(client_demo, *others)).call(method, filled(path, alices), {})
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert scope in answer.json["detail"]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDED)
def test_a_key_with_the_one_scope_is_let_in(method, path, scope, client_demo, alices):
    answer = Api(people.a_key(client_demo, scope)).call(method, filled(path, alices), {})
    assert answer.status in {200, 202, 400, 409}


def test_a_cash_in_needs_a_scope_of_its_own(client_demo, bobs):
    path, order = f"wallets/{bobs.id}/movements", {"type": "CASH_IN", "amount": "1.00"}
    answer = Api(people.a_key(client_demo, "movements:write")).post(path, order)
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert "cash-in:write" in answer.json["detail"]
    allowed = Api(people.a_key(client_demo, "movements:write", "cash-in:write"))
    assert allowed.post(path, order).status == 201


def test_the_scope_for_cash_in_alone_moves_nothing(client_demo, bobs):
    order = {"type": "CASH_IN", "amount": "1.00"}
    answer = Api(people.a_key(client_demo, "cash-in:write")).post(
        f"wallets/{bobs.id}/movements", order
    )
    assert (answer.status, answer.code) == (403, "insufficient_scope")


def test_the_scope_is_asked_for_before_anything_is_looked_up(client_demo):
    reader = Api(people.a_key(client_demo, "wallets:read"))
    assert reader.get(f"users/{people.unknown_id()}").status == 403


# --- Views --------------------------------------------------------------------------------------


class Closed(View):
    """A view that says nothing of scopes."""

    def get(self, request: Any) -> Response:
        return Response({})


class Open(Closed):
    scope = None


def ask(view: type[View], secret: str) -> int:
    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {secret}")
    return int(view.as_view()(request).status_code)


def test_a_view_without_a_scope_is_closed(client_demo):
    assert ask(Closed, people.a_key(client_demo)) == 403


def test_a_view_may_be_open_to_any_key(client_demo):
    assert ask(Open, people.a_key(client_demo, "events:read")) == 200


def test_any_key_sees_where_to_begin_and_nobody_else(client_demo, nobody):
    assert Root.scope is None
    assert Api(people.a_key(client_demo, "events:read")).get("/api/v1").status == 200
    assert nobody.get("/api/v1").status == 401


def test_a_caller_without_a_client_needs_no_scope():
    authentication.Caller("staff:1").require("users:read")
    with pytest.raises(errors.InsufficientScope):
        authentication.Caller("key:1", people.unknown_id()).require("users:read")
