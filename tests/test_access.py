"""Who may call what: every operation of the URL map with every kind of caller."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from tests.support import people, resources
from tests.support.anchors import anchored
from tests.support.api_operations import ALL, API, Operation
from tests.support.people import Api
from users import demo_documents
from users.kyc import Kind
from users.models import ApiKey, Client
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db

BELOW = [operation for operation in ALL if "<" in operation.route]


@pytest.fixture
def things(alices, bobs, settings, tmp_path) -> dict[str, Any]:
    """Something of Alice's for every id that a path may have; the movements are anchored."""
    demo_documents.send_samples(alices.user, frozenset(Kind), people.BY)
    found = resources.things(alices, bobs) | {"movement": people.transfer(alices, bobs, 10_00).id}
    anchored(settings, tmp_path)
    return found


def path_of(operation: Operation, things: dict[str, Any]) -> str:
    path = re.sub(r"<\w+:(\w+?)(_id)?>", lambda found: str(things[found[1]]), operation.route)
    return f"/{path}" + ("?side=front" if path.endswith("identity-file") else "")


def ask(operation: Operation, things: dict[str, Any], secret: str | None) -> people.Answer:
    raw = b"" if operation.method == "get" else operation.body()
    return Api(secret).call(operation.method.upper(), path_of(operation, things), raw=raw)


def a_key(client: Client, **values: Any) -> str:
    scopes = values.pop("scopes", list(SCOPES))
    key, secret = ApiKey.issue(client=client, label="tests", scopes=scopes)
    ApiKey.objects.filter(id=key.id).update(**values)
    return secret


def expired(client: Client) -> str:
    return a_key(client, expires_at=timezone.now() - timedelta(seconds=1))


def revoked(client: Client) -> str:
    return a_key(client, revoked_at=timezone.now())


def of_nobody(client: Client) -> None:
    return None


def garbage(client: Client) -> str:
    return "iocash_" + "a" * 40


def malformed(client: Client) -> str:
    """A token whose header is no object."""
    return "WyJhbGciXQ.e30.eA"


def suspended(client: Client) -> str:
    Client.objects.filter(id=client.id).update(status="SUSPENDED")
    return a_key(client)


def used(make: Callable[[Client], str]) -> Callable[[Client], str]:
    """A key that was used when it was still good: what stood behind it is remembered."""

    def call(client: Client) -> str:
        secret = a_key(client)
        assert Api(secret).get("wallets").status == 200
        bad = make(client)
        changed = ApiKey.objects.matching(bad).values("revoked_at", "expires_at")
        ApiKey.objects.matching(secret).update(**changed.get())
        return secret

    return call


CALLERS: dict[str, tuple[Callable[[Client], str | None], int, str]] = {
    "no key": (of_nobody, 401, "not_authenticated"),
    "a garbage key": (garbage, 401, "invalid_credentials"),
    "a malformed token": (malformed, 401, "invalid_credentials"),
    "an expired key": (expired, 401, "credentials_expired"),
    "a revoked key": (revoked, 401, "credentials_revoked"),
    "a suspended client": (suspended, 403, "client_suspended"),
    "a key that expired since it was used": (used(expired), 401, "credentials_expired"),
    "a key that was revoked since it was used": (used(revoked), 401, "credentials_revoked"),
    "a client suspended since it called": (used(suspended), 403, "client_suspended"),
}


def test_every_address_has_operations(capsys):
    assert {operation.route for operation in ALL} == {route for route, _ in API}
    cases = len(ALL) * (len(CALLERS) + 4) + len(BELOW)
    with capsys.disabled():
        sys.stdout.write(f" {len(ALL)} operations, {cases} cases ")


@pytest.mark.parametrize("caller", CALLERS)
def test_invalid_credentials_are_refused_everywhere(caller, client_demo, things):
    make, status, code = CALLERS[caller]
    secret = make(client_demo)
    for operation in ALL:
        answer = ask(operation, things, secret)
        assert (answer.status, answer.code) == (status, code), str(operation)


def test_key_over_plain_http_is_refused_everywhere(client_demo, things, settings):
    secret = a_key(client_demo)
    settings.HTTPS = True
    for operation in ALL:
        answer = ask(operation, things, secret)
        assert (answer.status, answer.code) == (403, "https_required"), str(operation)


def test_key_without_the_scope_gets_403_that_names_the_scope(client_demo, things):
    for operation in ALL:
        others = [scope for scope in SCOPES if scope != operation.scope]
        answer = ask(operation, things, a_key(client_demo, scopes=others))
        if operation.scope is None:
            assert answer.status == 200, str(operation)
        else:
            assert (answer.status, answer.code) == (403, "insufficient_scope"), str(operation)
            assert operation.scope in answer.json["detail"]


def test_key_of_another_client_gets_404(things):
    secret = a_key(people.a_client("Another"))
    for operation in BELOW:
        answer = ask(operation, things, secret)
        assert answer.status == 404, str(operation)
        assert answer.code in {"not_found", "user_not_found"}, str(
            operation
        )  # the body's, or the path's


def test_key_with_only_the_required_scope_is_accepted_everywhere(client_demo, things):
    for operation in ALL:
        scopes = [operation.scope, "cash-in:write"] if operation.scope else []
        scopes += operation.expected.beside if operation.expected else ()
        answer = ask(operation, things, a_key(client_demo, scopes=scopes))
        assert answer.status not in {401, 403, 500, 503}, (str(operation), answer.json)
        if operation.method == "get":
            assert answer.status == operation.seen, (str(operation), answer.json)


@pytest.mark.usefixtures("one_person_acts")
def test_staff_read_everything_and_change_resources_of_clients(staff, things):
    """They order no payments. Every change without a CSRF token is refused."""
    refused = set()
    reader, careless = Browser(), Browser(enforce_csrf_checks=True)
    for browser in (reader, careless):
        browser.force_login(staff)
    for operation in ALL:
        address, method = path_of(operation, things), operation.method.upper()
        raw = b"" if method == "GET" else operation.body()
        sent: dict[str, Any] = {"data": raw, "content_type": "application/json"}
        answer = reader.generic(method, address, **sent)
        if method == "GET":
            assert answer.status_code == operation.seen, str(operation)
            continue
        at_the_top = operation not in BELOW
        is_payment = b"with the money of a customer" in answer.content
        if is_payment:
            refused.add(address.rpartition("/")[2])
        is_refused = at_the_top or is_payment
        assert (answer.status_code == 403) is is_refused, (str(operation), answer.content)
        assert careless.generic(method, address, **sent).json()["code"] == "csrf_failed"
    assert {"holds", "executions"} <= refused
