"""The questions that every endpoint of users is asked."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from tests.support import people
from tests.support.people import Answer, Api
from tests.support.user_bodies import ALICE, BOB
from users.models import Otp, User

pytestmark = pytest.mark.django_db

ENDPOINTS = [
    ("GET", "users"),
    ("POST", "users"),
    ("GET", "users/{id}"),
    ("PUT", "users/{id}"),
    ("PATCH", "users/{id}"),
    ("POST", "users/{id}/request-otp"),
    ("POST", "users/{id}/validate-otp"),
    ("GET", "users/{id}/documents"),
]
BODIES: dict[str, Any] = {
    "POST users": ALICE,
    "PUT users/{id}": ALICE,
    "PATCH users/{id}": {"firstName": "Alicia"},
    "POST users/{id}/validate-otp": {"otp": "123456"},
}
BELOW = [entry for entry in ENDPOINTS if "{id}" in entry[1]]


# --- The same questions to every endpoint -------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_request_without_a_key_gets_401(method, path, nobody, newcomer):
    body = BODIES.get(f"{method} {path}")
    answer = nobody.call(method, path.format(id=newcomer.id), body)
    assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_key_without_the_scope_gets_403(method, path, client_demo, newcomer):
    other = Api(people.a_key(client_demo, "users:write" if method == "GET" else "users:read"))
    body = BODIES.get(f"{method} {path}")
    answer = other.call(method, path.format(id=newcomer.id), body)
    assert (answer.status, answer.code) == (403, "insufficient_scope")


@pytest.mark.parametrize(("method", "path"), BELOW)
def test_another_client_gets_the_404_of_an_unknown_id(method, path, stranger, newcomer):
    body = BODIES.get(f"{method} {path}")
    if method == "PUT":  # names that are free at the other client, as they are here
        body = BOB
    theirs = stranger.call(method, path.format(id=newcomer.id), body)
    assert (theirs.status, theirs.code) == (404, "not_found")
    if method != "PUT":
        unknown = stranger.call(method, path.format(id=people.unknown_id()), body)
        assert strip(unknown) == strip(theirs)
    assert User.objects.get().first_name == "Alice"
    assert Otp.objects.get().tries == 0


def strip(answer: Answer) -> dict[str, Any]:
    return {name: answer.json[name] for name in ("status", "code", "title", "detail", "type")}


@pytest.mark.parametrize(("method", "path"), BELOW)
@pytest.mark.parametrize(
    "user_id", ["1", "alice", "{upper}", "{bare}", "{{{id}}}", "{id}x", "{id}%00", "%20{id}"]
)
def test_malformed_id_gets_404(method, path, user_id, api, newcomer):
    known = str(newcomer.id)
    shown = user_id.format(id=known, upper=known.upper(), bare=known.replace("-", ""))
    answer = api.call(method, path.format(id=shown), BODIES.get(f"{method} {path}"))
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("users", {"GET", "POST"}),
        ("users/{id}", {"GET", "PUT", "PATCH"}),
        ("users/{id}/request-otp", {"POST"}),
        ("users/{id}/validate-otp", {"POST"}),
        ("users/{id}/documents", {"GET"}),
    ],
)
def test_wrong_method_gets_400_with_allow(path, methods, api, newcomer):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods:
        answer = api.call(method, path.format(id=newcomer.id))
        assert (answer.status, answer.code) == (400, "method_not_allowed"), method
        allowed = set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"}
        assert allowed == methods


# --- In a browser -------------------------------------------------------------------------------


def test_browser_gets_an_html_page_of_the_user(staff, alice):
    browser = Browser()
    browser.force_login(staff)
    answer = browser.get(f"/api/v1/users/{alice.id}", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert str(alice.id) in answer.content.decode()
