"""`POST /users`, and what a user may be created or replaced with."""

from __future__ import annotations

import pytest

from tests.support import people
from tests.support.user_bodies import ALICE, BOB, COMPANY, HOST, MOMENT, NEW, ROOT
from users.models import Key, User

pytestmark = pytest.mark.django_db


def test_person_is_accepted(api, codes):
    answer = api.post("users", ALICE)
    user = User.objects.get()
    assert answer.status == 202
    assert answer.headers["Location"] == f"{ROOT}/users/{user.id}"
    created_at = answer.json.pop("createdAt")
    assert MOMENT.fullmatch(created_at)
    assert answer.json.pop("updatedAt") == created_at
    assert answer.json == {
        "id": str(user.id),
        "clientId": str(user.client_id),
        "kind": "NATURAL",
        "status": "CREATED",
        "userName": "alice",
        "firstName": "Alice",
        "lastName": "Example",
        "companyName": None,
        "email": None,
        "mobilePhone": "+34600000001",
        "unverifiedPhone": None,
        "metadata": None,
        "_links": {
            "self": {"href": f"{ROOT}/users/{user.id}"},
            "wallets": {"href": f"{ROOT}/users/{user.id}/wallets"},
            "documents": {"href": f"{ROOT}/users/{user.id}/documents"},
            "compliance": {"href": f"{ROOT}/users/{user.id}/compliance"},
        },
    }
    assert [sent.phone for sent in codes] == ["+34600000001"]


def test_company_is_accepted(api):
    answer = api.post("users", COMPANY | {"email": "office@example.com"})
    assert answer.status == 202
    shown = {name: answer.json[name] for name in ("kind", "companyName", "firstName", "email")}
    assert shown == {
        "kind": "JURIDICAL",
        "companyName": "Example Ltd",
        "firstName": None,
        "email": "office@example.com",
    }


def test_location_is_the_address_of_the_user(api):
    made = api.post("users", ALICE)
    answer = api.get(made.headers["Location"].removeprefix(HOST))
    assert (answer.status, answer.json) == (200, made.json)


def test_links_can_be_followed(api):
    links = api.post("users", ALICE).json["_links"]
    for link in links.values():
        assert api.get(link["href"].removeprefix(HOST)).status == 200


def test_phone_number_is_stored_as_e164(api):
    answer = api.post("users", ALICE | {"mobilePhone": "+34 600 00 00 01"})
    assert answer.json["mobilePhone"] == "+34600000001"


def test_text_is_stored_unchanged(api):
    answer = api.post("users", ALICE | {"firstName": " Zoë 👩‍🚀 ", "lastName": "O'Hara <b>"})
    assert (answer.json["firstName"], answer.json["lastName"]) == (" Zoë 👩‍🚀 ", "O'Hara <b>")


@pytest.mark.parametrize("field", ["userName", "mobilePhone"])
def test_duplicate_gets_409_that_names_field_and_user(field, api, codes):
    known = api.post("users", ALICE).json["id"]
    answer = api.post("users", BOB | {field: ALICE[field]})
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": field, "userId": known}
    assert (User.objects.count(), len(codes)) == (1, 1)


def test_both_duplicates_name_the_same_user(api):
    known = api.post("users", ALICE).json["id"]
    assert api.post("users", ALICE).json["conflict"]["userId"] == known


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"kind": "ROBOT"}, {"kind": "invalid_choice"}),
        ({"kind": "natural"}, {"kind": "invalid_choice"}),
        ({"kind": None}, {"kind": "null"}),
        ({"kind": ["NATURAL"]}, {"kind": "invalid_choice"}),
        ({"userName": ""}, {"userName": "blank"}),
        ({"userName": "  "}, {"userName": "blank"}),
        ({"userName": "\u3000"}, {"userName": "blank"}),
        ({"userName": None}, {"userName": "null"}),
        ({"userName": 7}, {"userName": "invalid"}),
        ({"userName": True}, {"userName": "invalid"}),
        ({"userName": ["alice"]}, {"userName": "invalid"}),
        ({"userName": {"a": "b"}}, {"userName": "invalid"}),
        ({"userName": "x" * 101}, {"userName": "max_length"}),
        ({"firstName": ""}, {"firstName": "blank"}),
        ({"firstName": None}, {"firstName": "null"}),
        ({"lastName": "x" * 101}, {"lastName": "max_length"}),
        ({"companyName": "Example Ltd"}, {"companyName": "unknown_field"}),
        ({"email": "alice"}, {"email": "invalid"}),
        ({"email": ""}, {"email": "blank"}),
        ({"email": "a" * 250 + "@example.com"}, {"email": "max_length"}),
        ({"mobilePhone": "600000001"}, {"mobilePhone": "invalid"}),
        ({"mobilePhone": "+3460000000"}, {"mobilePhone": "invalid"}),
        ({"mobilePhone": "+34\uff1600000001"}, {"mobilePhone": "invalid"}),
        ({"mobilePhone": 34600000001}, {"mobilePhone": "invalid"}),
        ({"mobilePhone": None}, {"mobilePhone": "null"}),
        ({"mobilePhone": "+34600000001;ext=5"}, {"mobilePhone": "invalid"}),
        ({"dltAddress": "x" * 101}, {"dltAddress": "max_length"}),
        ({"dltNetwork": "x" * 51}, {"dltNetwork": "max_length"}),
        ({"color": "red"}, {"color": "unknown_field"}),
        ({"user_name": "alice"}, {"user_name": "unknown_field"}),
        ({"UserName": "alice"}, {"UserName": "unknown_field"}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_wrong_field_is_named_in_the_400(method, change, errors, api):
    path = "users" if method == "POST" else f"users/{people.unknown_id()}"
    answer = api.call(method, path, ALICE | change)
    assert (answer.status, answer.code) == (400, "invalid_fields")
    assert answer.wrong == errors
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["id", "clientId", "status", "unverifiedPhone", "createdAt", "_links"],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_read_only_field_is_refused_as_unknown(method, name, api, newcomer_path):
    body = {} if method == "PATCH" else BOB
    value = "UNSUBSCRIBED" if name == "status" else str(people.unknown_id())
    if (method, name) == ("PATCH", "status"):
        value = "ACTIVATED"
    answer = api.call(method, "users" if method == "POST" else newcomer_path, body | {name: value})
    assert answer.status == 400
    assert set(answer.wrong) == {name}


@pytest.mark.parametrize("missing", sorted(ALICE))
def test_missing_field_is_named(missing, api):
    answer = api.post("users", {name: ALICE[name] for name in ALICE if name != missing})
    assert (answer.status, answer.wrong) == (400, {missing: "required"})


def test_company_requires_its_name_and_refuses_personal_names(api):
    body = {name: COMPANY[name] for name in COMPANY if name != "companyName"}
    answer = api.post("users", body | {"firstName": "Alice"})
    assert answer.wrong == {"companyName": "required", "firstName": "unknown_field"}


def test_empty_object_gets_every_required_field_named(api):
    answer = api.post("users", {})
    assert set(answer.wrong) >= {"kind", "userName", "mobilePhone"}


def test_all_wrong_fields_are_named_together(api):
    answer = api.post("users", ALICE | {"userName": "", "email": "x", "mobilePhone": 1, "a": 2})
    assert answer.wrong == {
        "userName": "blank",
        "email": "invalid",
        "mobilePhone": "invalid",
        "a": "unknown_field",
    }


def test_missing_names_are_named_together_with_other_wrong_fields(api):
    answer = api.post("users", {"kind": "NATURAL", "userName": "", "mobilePhone": NEW})
    assert answer.wrong == {
        "userName": "blank",
        "firstName": "required",
        "lastName": "required",
    }


@pytest.mark.parametrize("name", ["email", "dltAddress", "dltNetwork"])
def test_null_leaves_an_optional_field_empty(name, api):
    assert api.post("users", ALICE | {name: None}).status == 202
    assert not any(User.objects.values_list("email", "dlt_address", "dlt_network")[0])


def test_same_key_creates_once(api, codes):
    first = api.post("users", ALICE, key="k")
    again = api.post("users", dict(reversed(ALICE.items())), key='"k"')
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert (User.objects.count(), len(codes)) == (1, 1)


def test_replay_accepts_another_spelling_of_the_phone(api):
    api.post("users", ALICE, key="k")
    answer = api.post("users", ALICE | {"mobilePhone": "+34 600-000-001"}, key="k")
    assert (answer.status, answer.headers.get("Idempotent-Replayed")) == (202, "true")


def test_replay_treats_null_and_missing_as_equal(api):
    api.post("users", ALICE, key="k")
    answer = api.post("users", ALICE | {"email": None}, key="k")
    assert (answer.status, answer.headers.get("Idempotent-Replayed")) == (202, "true")


def test_same_key_with_another_body_gets_409(api):
    known = api.post("users", ALICE, key="k").json["id"]
    answer = api.post("users", BOB, key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    expected = {"idempotencyKey": "k", "resource": "user", "id": known}
    assert answer.json["conflict"] == expected


def test_body_is_validated_before_a_replay(api):
    api.post("users", ALICE, key="k")
    assert api.post("users", ALICE | {"userName": ""}, key="k").status == 400


def test_replay_returns_the_current_user(api):
    made = api.post("users", ALICE, key="k")
    api.patch(f"users/{made.json['id']}", {"firstName": "Alicia"})
    assert api.post("users", ALICE, key="k").json["firstName"] == "Alicia"


def test_refused_user_leaves_the_key_free(api):
    api.post("users", ALICE)
    assert api.post("users", BOB | {"userName": "alice"}, key="k").status == 409
    assert not Key.objects.exists()
    assert api.post("users", BOB, key="k").status == 202


def test_idempotency_keys_are_separate_for_each_client(api, stranger):
    api.post("users", ALICE, key="k")
    answer = stranger.post("users", BOB, key="k")
    assert (answer.status, answer.json["userName"]) == (202, "bob")
