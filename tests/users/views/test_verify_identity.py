"""`POST` and `GET /users/{id}/verify-identity`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support import people, sandbox
from tests.support.identity import FAILURE, SUCCESS, URLS, a_verification, decided
from tests.support.people import Api
from tests.support.user_actions import COMPANY
from users.models import Event, IdentityVerification, Key
from users.models.sandbox import advance_clock

pytestmark = pytest.mark.django_db

ROOT = "http://testserver/api/v1"


@pytest.fixture(autouse=True)
def in_sandbox(db: None) -> Iterator[None]:
    """The demo's provider needs one."""
    with sandbox.made():
        yield


@pytest.fixture
def path(alice: Any) -> str:
    return f"users/{alice.id}/verify-identity"


def test_verification_is_accepted_with_the_url_of_the_provider(api, alice, path):
    answer = api.post(path, URLS)
    assert answer.status == 202
    assert answer.headers["Location"] == f"{ROOT}/{path}"
    stored = IdentityVerification.objects.get()
    assert answer.json["url"] == f"http://testserver/identity/{stored.id}"
    expected = {"id": str(stored.id), "userId": str(alice.id), "status": "PENDING"}
    assert {name: answer.json[name] for name in expected} == expected
    assert (answer.json["reason"], answer.json["decidedAt"]) == (None, None)


def test_verification_stores_the_addresses(api, path):
    api.post(path, URLS)
    stored = IdentityVerification.objects.get()
    assert (stored.success_url, stored.failure_url) == (SUCCESS, FAILURE)
    assert (stored.provider, stored.reference) == ("demo", str(stored.id))


def test_verification_is_read_where_location_says(api, path):
    begun = api.post(path, URLS)
    read = api.get(begun.headers["Location"])
    assert (read.status, read.json) == (200, begun.json)


def test_last_verification_is_read(api, alice, path):
    decided(a_verification(alice), "REJECTED", reason="BLURRED")
    answer = api.get(path)
    shown = answer.json["status"], answer.json["reason"], answer.json["url"]
    assert shown == ("REJECTED", "BLURRED", None)
    last = a_verification(alice)
    assert api.get(path).json["id"] == str(last.id)


def test_overdue_verification_is_read_as_expired(api, alice, path):
    a_verification(alice)
    advance_clock(timedelta(days=1))
    answer = api.get(path)
    assert (answer.json["status"], answer.json["url"]) == ("EXPIRED", None)


def test_user_without_verification_gets_404(api, path):
    answer = api.get(path)
    assert (answer.status, answer.code) == (404, "not_found")


def test_same_key_replays_the_verification(api, path):
    first, again = (api.post(path, URLS, key="k") for _ in range(2))
    assert (again.status, again.json) == (202, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert IdentityVerification.objects.count() == 1


def test_same_key_replays_after_the_user_was_blocked(api, alice, path):
    first = api.post(path, URLS, key="k")
    people.block(alice)
    assert api.post(path, URLS, key="k").json["id"] == first.json["id"]


@pytest.mark.parametrize("other", [{"successUrl": FAILURE}, {"failureUrl": SUCCESS}])
def test_same_key_for_other_addresses_is_refused(other, api, path):
    first = api.post(path, URLS, key="k")
    answer = api.post(path, URLS | other, key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert answer.json["conflict"] == {
        "idempotencyKey": "k",
        "resource": "identity",
        "id": first.json["id"],
    }


def test_refused_request_leaves_no_key(api, alice, path):
    people.block(alice)
    assert api.post(path, URLS, key="k").status == 409
    assert not Key.objects.exists()


def test_second_verification_replaces_the_pending_one(api, path):
    first, second = api.post(path, URLS), api.post(path, URLS)
    statuses = dict(IdentityVerification.objects.values_list("id", "status"))
    assert {str(id_): each for id_, each in statuses.items()} == {
        first.json["id"]: "EXPIRED",
        second.json["id"]: "PENDING",
    }


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "null"),
        (1, "invalid"),
        ("", "invalid"),
        ("app.example", "invalid"),
        ("http://app.example/", "invalid"),
        ("https://alice:secret@app.example/", "invalid"),
        ("javascript:alert(1)", "invalid"),
        ("https://app.example/" + "a" * 2000, "invalid"),
    ],
)
def test_wrong_url_gets_400(name, value, code, api, path):
    answer = api.post(path, URLS | {name: value})
    assert (answer.status, answer.wrong) == (400, {name: code})


def test_every_wrong_field_is_named(api, path):
    answer = api.post(path, {"other": 1})
    assert answer.status == 400
    assert answer.wrong == {
        "successUrl": "required",
        "failureUrl": "required",
        "other": "unknown_field",
    }


def test_http_to_this_machine_is_accepted_in_a_sandbox(api, path):
    assert api.post(path, dict.fromkeys(URLS, "http://localhost:3000/done")).status == 202


def test_blocked_user_gets_409(api, alice, path):
    people.block(alice)
    answer = api.post(path, URLS)
    assert (answer.status, answer.code) == (409, "user_not_active")
    assert answer.json["conflict"] == {"userId": str(alice.id), "status": "BLOCKED"}


def test_closed_user_gets_409(api, alice, path):
    assert api.patch(f"users/{alice.id}", {"status": "UNSUBSCRIBED"}).status == 200
    assert api.post(path, URLS).code == "user_not_active"


def test_company_gets_409(api, client_demo):
    company = people.a_user(client_demo, COMPANY)
    answer = api.post(f"users/{company.id}/verify-identity", URLS)
    assert (answer.status, answer.code) == (409, "not_a_person")
    assert answer.json["conflict"] == {"userId": str(company.id), "kind": "JURIDICAL"}


def test_server_without_provider_gets_409(api, path, settings):
    settings.IDENTITY_PROVIDER = ""
    answer = api.post(path, URLS)
    assert (answer.status, answer.code) == (409, "no_identity_provider")


def test_unavailable_provider_gets_503_and_changes_nothing(api, path, settings):
    settings.IDENTITY_PROVIDER, settings.IDENTITY_URL = "http", "http://127.0.0.1:1/"
    settings.IDENTITY_SECRET = ["whsec_" + "a" * 32]
    answer = api.post(path, URLS, key="k")
    assert (answer.status, answer.code) == (503, "identity_provider_unavailable")
    assert answer.headers["Retry-After"] == "10"
    assert not IdentityVerification.objects.exists()
    assert not Key.objects.exists()
    assert not Event.objects.filter(kind__startswith="user.identity").exists()


def test_another_client_gets_404(stranger, path):
    assert stranger.post(path, URLS).status == 404
    assert stranger.get(path).status == 404


def test_request_without_a_key_gets_401(nobody, path):
    assert nobody.post(path, URLS).code == "not_authenticated"


def test_key_without_the_scope_gets_403(client_demo, path):
    reader, writer = (Api(people.a_key(client_demo, f"users:{each}")) for each in ("read", "write"))
    assert reader.post(path, URLS).code == "insufficient_scope"
    assert writer.get(path).code == "insufficient_scope"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_wrong_method_gets_400(method, api, path):
    headers = {"Authorization": f"Bearer {api.secret}"}
    answer = api.browser.generic(method, f"/api/v1/{path}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "method_not_allowed")


def test_malformed_id_gets_404(api):
    assert api.post("users/1/verify-identity", URLS).status == 404


@pytest.mark.parametrize(
    "prefix", ["v1/public/users", "v2/public/users", "v1/public/users/natural"]
)
def test_published_address_begins_a_verification(prefix, api, alice):
    answer = api.post(f"/api/{prefix}/{alice.id}/verify-identity", URLS)
    assert answer.status == 202
    assert answer.json["url"].startswith("http://testserver/identity/")
