"""The five blocks over the API: sent, read and replaced, and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import people
from tests.support.kyc import BLOCKS, CHANGES, other, review, stored
from tests.support.people import Api
from tests.support.user_bodies import MOMENT, ROOT
from users.models import Event, Key, KycDocument, User
from users.models.clients import SCOPES
from wallets import erasure, posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()
CAPITALS = "0198ABCD-0000-7000-8000-000000000000"
MALFORMED = ["1", "x", f"{UNKNOWN}0", f"{UNKNOWN}".replace("-", ""), CAPITALS]
READ_ONLY = ("status", "reason", "createdAt", "reviewedAt", "userId", "_links", "id")

each_block = pytest.mark.parametrize("name", BLOCKS)
each_writing = pytest.mark.parametrize("method", ["POST", "PUT"])
each_method = pytest.mark.parametrize("method", ["GET", "POST", "PUT"])


@pytest.fixture
def path(alice: User, name: str) -> str:
    """The block of Alice's, by its path."""
    return f"users/{alice.id}/{name}"


@pytest.fixture
def body(name: str) -> dict[str, Any]:
    return BLOCKS[name]


def end(user: User) -> None:
    posting.submit(UnsubscribeUser(client_id=user.client_id, by=people.BY, user_id=user.id))


# --- It works, and answers the resource ----------------------------------------------------------


@each_block
@each_writing
def test_block_is_created_as_pending(api, alice, path, name, body, method):
    answer = api.call(method, path, body)
    assert answer.status == 201
    assert answer.headers["Location"] == f"{ROOT}/{path}"
    assert MOMENT.fullmatch(answer.json.pop("createdAt"))
    user = f"{ROOT}/users/{alice.id}"
    assert answer.json == body | {
        "status": "PENDING",
        "reason": None,
        "reviewedAt": None,
        "_links": {
            "self": {"href": f"{user}/{name}"},
            "user": {"href": user},
            "compliance": {"href": f"{user}/compliance"},
        },
    }


@each_block
def test_location_returns_the_block(api, path, body):
    made = api.post(path, body)
    read = api.get(made.headers["Location"])
    assert (read.status, read.json) == (200, made.json)


@each_block
def test_put_replaces_the_block(api, alice, path, name):
    api.post(path, BLOCKS[name])
    answer = api.put(path, other(name))
    assert (answer.status, "Location" in answer.headers) == (200, False)
    assert answer.json == api.get(path).json
    assert answer.json.items() >= other(name).items()
    assert [status for _, status in stored(alice)] == ["REPLACED", "PENDING"]


@each_block
def test_same_put_twice_changes_nothing(api, path, body):
    first = api.put(path, body)
    events = Event.objects.count()
    again = api.put(path, body)
    assert (again.status, again.json) == (200, first.json)
    assert (KycDocument.objects.count(), Event.objects.count()) == (1, events)


@each_block
def test_same_put_keeps_the_approval(api, alice, path, body):
    api.put(path, body)
    review(alice, KycDocument.objects.get())
    answer = api.put(path, body)
    assert (answer.status, answer.json["status"]) == (200, "APPROVED")
    assert KycDocument.objects.count() == 1


@each_block
def test_put_resubmits_a_rejected_block(api, alice, path, body):
    api.put(path, body)
    review(alice, KycDocument.objects.get(), reason="Blurred")
    assert api.get(path).json["reason"] == "Blurred"
    answer = api.put(path, body)
    assert (answer.status, answer.json["status"], answer.json["reason"]) == (200, "PENDING", None)


@each_block
def test_missing_block_gets_404(api, path):
    answer = api.get(path)
    assert (answer.status, answer.code) == (404, "not_found")


@each_block
def test_blocked_user_may_send_a_block(api, alice, path, body):
    people.block(alice)
    assert api.post(path, body).status == 201


# --- Refusals -------------------------------------------------------------------------------------


@each_block
def test_second_post_of_a_block_gets_409(api, alice, path, name):
    api.post(path, BLOCKS[name])
    answer = api.post(path, other(name), key="k")
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": name, "userId": str(alice.id)}
    assert api.get(path).json.items() >= BLOCKS[name].items()
    assert not Key.objects.exists()


@each_block
@each_writing
def test_unsubscribed_user_gets_409(api, alice, path, body, method):
    end(alice)
    answer = api.call(method, path, body)
    assert (answer.status, answer.code) == (409, "user_not_active")
    assert answer.json["conflict"] == {"userId": str(alice.id), "status": "UNSUBSCRIBED"}
    assert not KycDocument.objects.exists()


@each_block
@each_writing
def test_all_wrong_fields_are_named_together(api, path, body, method):
    values = dict.fromkeys(body, 1) | {"color": "red"}
    answer = api.call(method, path, values)
    assert (answer.status, answer.code) == (400, "invalid_fields")
    assert set(answer.wrong) == {*body, "color"}
    assert not KycDocument.objects.exists()


@each_block
@each_writing
def test_every_field_is_required(api, path, body, method):
    assert api.call(method, path, {}).wrong == dict.fromkeys(body, "required")


@each_block
def test_null_is_refused(api, path, body):
    assert api.put(path, dict.fromkeys(body)).wrong == dict.fromkeys(body, "null")


@each_block
@pytest.mark.parametrize("value", ["", " ", "\u2003", 1, 1.5, True, [], {}], ids=repr)
def test_blank_and_non_text_values_are_refused(api, path, body, value):
    answer = api.put(path, dict.fromkeys(body, value))
    assert set(answer.wrong) == set(body)


@each_block
def test_read_only_fields_are_refused_as_unknown(api, path, body):
    answer = api.put(path, body | dict.fromkeys(READ_ONLY, "APPROVED"))
    assert answer.wrong == dict.fromkeys(READ_ONLY, "unknown_field")


@each_block
def test_control_character_is_refused_as_invalid_json(api, path, body):
    name = next(iter(body))
    answer = api.put(path, body | {name: f"{body[name]}\u0000"})
    assert (answer.status, answer.code) == (400, "invalid_json")


# --- Who may --------------------------------------------------------------------------------------


@each_block
@each_method
def test_user_of_another_client_gets_404(stranger, api, path, body, method):
    api.put(path, body)
    answer = stranger.call(method, path, body, key="k" if method == "POST" else None)
    assert (answer.status, answer.code) == (404, "not_found")
    assert (KycDocument.objects.count(), Key.objects.count()) == (1, 0)


@each_block
@each_method
def test_block_of_an_unknown_user_gets_404(api, alice, name, body, method):
    answer = api.call(method, f"users/{UNKNOWN}/{name}", body)
    assert (answer.status, answer.code) == (404, "not_found")


@each_block
@each_method
@pytest.mark.parametrize("malformed", MALFORMED)
def test_malformed_id_is_not_found(api, name, body, method, malformed):
    answer = api.call(method, f"users/{malformed}/{name}", body)
    assert (answer.status, answer.code) == (404, "not_found")


@each_block
@each_method
def test_request_without_a_key_gets_401(nobody, path, body, method):
    answer = nobody.call(method, path, body)
    assert (answer.status, answer.code) == (401, "not_authenticated")
    scope = "users:read" if method == "GET" else "users:write"
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="ioCash", scope="{scope}"'
    assert not KycDocument.objects.exists()


@each_block
@each_method
def test_key_without_the_scope_is_refused(client_demo, path, body, method):
    scope = "users:read" if method == "GET" else "users:write"
    api = Api(people.a_key(client_demo, *set(SCOPES) - {scope}))
    answer = api.call(method, path, body)
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert not KycDocument.objects.exists()


@each_block
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_wrong_method_is_refused(api, path, body, method):
    api.put(path, body)
    answer = api.call(method, path, {})
    assert (answer.status, answer.code) == (400, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, PUT, HEAD, OPTIONS"


@each_block
@each_method
def test_unknown_parameter_is_refused(api, path, body, method):
    answer = api.call(method, f"{path}?color=red", body)
    assert (answer.status, answer.code) == (400, "invalid_parameters")


# --- The same key ---------------------------------------------------------------------------------


@each_block
def test_same_key_creates_one_block(api, path, body):
    first = api.post(path, body, key="k")
    again = api.post(path, body, key="k")
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert KycDocument.objects.count() == 1


@each_block
def test_same_key_for_another_body_is_refused(api, path, name):
    api.post(path, BLOCKS[name], key="k")
    answer = api.post(path, other(name), key="k")
    made = KycDocument.objects.get()
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert answer.json["conflict"] == {
        "idempotencyKey": "k",
        "resource": "evidence",
        "id": str(made.id),
    }


@each_block
def test_same_key_for_another_user_is_refused(api, bob, path, name, body):
    api.post(path, body, key="k")
    assert api.post(f"users/{bob.id}/{name}", body, key="k").code == "idempotency_key_reused"
    assert KycDocument.objects.count() == 1


@pytest.mark.slow
@each_block
def test_replay_returns_the_current_status(api, alice, path, body):
    api.post(path, body, key="k")
    review(alice, KycDocument.objects.get(), reason="Blurred")
    again = api.post(path, body, key="k")
    assert (again.status, again.json["status"]) == (201, "REJECTED")
    assert again.json["reason"] == "Blurred"


@pytest.mark.slow
@each_block
def test_replay_returns_the_block_of_its_key_when_it_was_replaced(api, path, name):
    api.post(path, BLOCKS[name], key="k")
    api.put(path, other(name))
    again = api.post(path, BLOCKS[name], key="k")
    assert (again.status, again.json["status"]) == (201, "REPLACED")
    assert again.json.items() >= BLOCKS[name].items()
    assert api.get(path).json.items() >= CHANGES[name].items()


@pytest.mark.slow
@each_block
def test_replay_of_an_erased_block_is_refused(api, alice, path, body):
    api.post(path, body, key="k")
    end(alice)
    erasure.erase(user_id=alice.id, by=people.BY, reason="USER_REQUEST")
    answer = api.post(path, body, key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")


def test_replay_accepts_an_iban_with_and_without_spaces(api, alice):
    path = f"users/{alice.id}/external-iban"
    first = api.post(path, {"externalIban": "ES91 2100 0418 4502 0005 1332"}, key="k")
    again = api.post(path, {"externalIban": "ES9121000418450200051332"}, key="k")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == first.json
    assert first.json["externalIban"] == "ES9121000418450200051332"
