"""`PUT /users/{id}`."""

from __future__ import annotations

import pytest

from tests.support import people
from tests.support.user_bodies import ALICE, BOB, COMPANY, NEW, ROOT, path_of
from users.models import Event, User

pytestmark = pytest.mark.django_db


def test_put_creates_under_the_callers_id(api, codes):
    user_id = people.unknown_id()
    answer = api.put(f"users/{user_id}", ALICE)
    assert (answer.status, answer.json["id"]) == (202, str(user_id))
    assert answer.headers["Location"] == f"{ROOT}/users/{user_id}"
    assert answer.json["status"] == "CREATED"
    assert len(codes) == 1


def test_put_replaces_the_user(api, newcomer_path):
    body = ALICE | {"firstName": "Alicia", "email": "alice@example.com"}
    answer = api.put(newcomer_path, body)
    assert answer.status == 200
    assert "Location" not in answer.headers
    assert {name: answer.json[name] for name in body} == body
    assert api.get(newcomer_path).json == answer.json


def test_put_may_be_repeated(api, codes):
    path = f"users/{people.unknown_id()}"
    answers = [api.put(path, ALICE) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 200, 200]
    assert answers[1].json == answers[0].json
    assert len(codes) == 1
    assert Event.objects.about(people.unknown_id()).count() == 1


def test_put_clears_missing_fields(api, newcomer_path):
    api.patch(newcomer_path, {"email": "alice@example.com"})
    assert api.put(newcomer_path, ALICE).json["email"] is None


def test_put_at_another_clients_id_gets_404(stranger, alice):
    answer = stranger.put(path_of(alice), BOB)
    assert (answer.status, answer.code) == (404, "not_found")
    assert User.objects.get().user_name == "alice"


def test_put_with_another_kind_gets_409(api, newcomer):
    answer = api.put(path_of(newcomer), COMPANY)
    assert (answer.status, answer.code) == (409, "immutable")
    assert answer.json["conflict"] == {"field": "kind", "userId": str(newcomer.id)}
    assert User.objects.get().kind == "NATURAL"


@pytest.mark.parametrize("field", ["userName", "mobilePhone"])
def test_put_with_a_value_of_another_user_gets_409(field, api, newcomer, bob):
    answer = api.put(path_of(newcomer), ALICE | {field: BOB[field]})
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": field, "userId": str(bob.id)}


def test_put_with_a_new_number_needs_verification(api, alice, codes):
    answer = api.put(path_of(alice), ALICE | {"mobilePhone": NEW})
    shown = (answer.json["mobilePhone"], answer.json["unverifiedPhone"])
    assert shown == ("+34600000001", NEW)
    assert [sent.phone for sent in codes] == [NEW]


def test_repeated_put_keeps_the_unverified_number(api, alice, codes):
    body = ALICE | {"mobilePhone": NEW}
    answers = [api.put(path_of(alice), body) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len(codes) == 1
