"""What staff may do over the API, in the session of their browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from tests.support import people
from tests.support.people import Answer, Api
from tests.support.user_bodies import ALICE, BOB, filled
from users.models import ApiKey, Event, User

pytestmark = pytest.mark.django_db


class Staff(Api):
    """Somebody who is logged in to the back office, in a browser that checks CSRF tokens."""

    def __init__(self, person: Any) -> None:
        super().__init__(None)
        self.browser = Browser(enforce_csrf_checks=True)
        self.browser.force_login(person)

    def change(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a change with the CSRF token of the session."""
        token = "a" * 32
        self.browser.cookies["csrftoken"] = token
        return self.call(method, path, body, headers={"X-CSRFToken": token})


VIEWING = ("users.view_user", "wallets.view_wallet", "wallets.view_movement")


def a_person(*permissions: str, **kwargs: Any) -> Any:
    person = get_user_model().objects.create_user("worker", **{"is_staff": True} | kwargs)
    for permission in permissions:
        allow(person, permission)
    return person


def allow(person: Any, permission: str) -> None:
    app, codename = permission.split(".")
    found = Permission.objects.get(content_type__app_label=app, codename=codename)
    person.user_permissions.add(found)


def test_staff_read_the_users_of_every_client(staff, alice):
    people.a_user(people.a_client("Another"), people.ALICE)
    answer = Staff(staff).get("users")
    assert answer.status == 200
    assert len(answer.json["_embedded"]["users"]) == 2
    assert Staff(staff).get(f"users/{alice.id}").json["id"] == str(alice.id)


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("users", "users.view_user"),
        ("users/{user}", "users.view_user"),
        ("wallets", "wallets.view_wallet"),
        ("wallets/{wallet}", "wallets.view_wallet"),
        ("wallets/{wallet}/movements", "wallets.view_movement"),
    ],
)
def test_staff_need_the_permission_to_view(path, permission, alices):
    address = filled(path, alices)
    person = a_person("users.view_client", "auth.view_user")
    answer = Staff(person).get(address)
    assert (answer.status, answer.code) == (403, "permission_denied")
    allow(person, permission)
    assert Staff(person).get(address).status == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "permission", "body"),
    [
        ("PATCH", "users/{user}", "users.change_user", {"firstName": "Alicia"}),
        (
            "POST",
            "wallets/{wallet}/movements",
            "wallets.add_movement",
            {"type": "CASH_IN", "amount": 1},
        ),
        ("PATCH", "wallets/{wallet}", "wallets.change_wallet", {"alias": "Savings"}),
    ],
)
@pytest.mark.usefixtures("one_person_acts")
def test_staff_need_the_permission_to_change(method, path, permission, body, alices):
    address = filled(path, alices)
    person = a_person(*VIEWING, "auth.change_user")
    answer = Staff(person).change(method, address, body)
    assert (answer.status, answer.code) == (403, "permission_denied")
    allow(person, permission)
    assert Staff(person).change(method, address, body).status in {200, 201}


@pytest.mark.parametrize("token", [None, "wrong", "b" * 32])
def test_staff_need_the_csrf_token_to_change(token, staff, alice):
    person = Staff(staff)
    person.browser.cookies["csrftoken"] = "a" * 32
    headers = {"X-CSRFToken": token} if token else {}
    answer = person.patch(f"users/{alice.id}", {"firstName": "Alicia"}, headers=headers)
    assert (answer.status, answer.code) == (403, "csrf_failed")
    assert User.objects.get().first_name == "Alice"


def test_change_by_staff_is_recorded_with_their_id_and_the_users_client(staff, alice):
    Staff(staff).change("PATCH", f"users/{alice.id}", {"firstName": "Alicia"})
    event = Event.objects.about(alice.id).last()
    assert event
    assert (event.actor, event.client_id) == (f"staff:{staff.pk}", alice.client_id)


def test_change_by_a_key_is_recorded_with_the_key_and_the_request_id(api, alice):
    headers = {"X-Request-Id": "r-1"}
    api.patch(f"users/{alice.id}", {"firstName": "Alicia"}, headers=headers)
    event = Event.objects.about(alice.id).last()
    assert event
    assert (event.actor, event.request_id) == (f"key:{ApiKey.objects.get().id}", "r-1")


def test_staff_replace_a_user_for_its_client(staff, alice):
    body = ALICE | {"firstName": "Alicia"}
    assert Staff(staff).change("PUT", f"users/{alice.id}", body).status == 200
    assert User.objects.get().client_id == alice.client_id


@pytest.mark.parametrize("path", ["users", "wallets"])
def test_staff_can_not_create_users(path, staff, alice):
    answer = Staff(staff).change("POST", path, {})
    assert (answer.status, answer.code) == (403, "permission_denied")


@pytest.mark.parametrize("path", ["users", "wallets"])
def test_staff_can_not_put_at_an_unknown_id(path, staff, alice):
    body = {"users": BOB, "wallets": {"userId": str(alice.id)}}
    answer = Staff(staff).change("PUT", f"{path}/{people.unknown_id()}", body[path])
    assert (answer.status, answer.code) == (404, "not_found")


def test_code_request_by_staff_needs_the_permission_to_add(newcomer, clock):
    person, path = a_person("users.change_user"), f"users/{newcomer.id}/request-otp"
    clock.go(61)
    assert Staff(person).change("POST", path).status == 403
    allow(person, "users.add_user")
    assert Staff(person).change("POST", path).status == 202


def test_staff_can_read_the_root(staff):
    assert Staff(staff).get("/api/v1").status == 200


@pytest.mark.parametrize("flags", [{"is_staff": False}, {"is_active": False}])
def test_session_of_non_staff_or_inactive_person_gets_401(flags, alice):
    person = a_person(is_superuser=True, **flags)
    answer = Staff(person).get("users")
    assert (answer.status, answer.code) == (401, "not_authenticated")


def test_key_takes_precedence_over_a_session(staff, api):
    people.a_user(people.a_client("Another"), people.ALICE)
    person = Staff(staff)
    person.secret = api.secret
    assert person.get("users").json["_embedded"]["users"] == []


def test_key_needs_no_csrf_token_beside_a_session(staff, api, alice):
    person = Staff(staff)
    person.secret = api.secret
    assert person.patch(f"users/{alice.id}", {"firstName": "Alicia"}).status == 200


def test_wrong_key_gets_401_despite_a_session(staff):
    person = Staff(staff)
    person.secret = "unknown"
    answer = person.get("users")
    assert (answer.status, answer.code) == (401, "invalid_credentials")
