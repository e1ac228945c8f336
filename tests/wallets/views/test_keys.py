"""What an Idempotency-Key does at the endpoint that moves money."""

from __future__ import annotations

from functools import partial

import pytest

from tests.support import people, threads
from tests.support.people import Api, cash, to
from users.models import Key

pytestmark = pytest.mark.django_db


def test_same_key_moves_once(api, alices, bobs, path):
    first = api.post(path, to(bobs), key="k")
    again = api.post(path, to(bobs), key="k")
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert people.balances(alices, bobs) == [90_00, 10_00]


def test_same_key_replays_equivalent_spellings_of_a_request(api, alices, bobs, path):
    spellings = ["1", "1.0", "1.00", 1]
    answers = [
        api.post(path, to(bobs, amount, concept=None, metadata={"a": "1", "b": "2"}), key="k")
        for amount in spellings
    ]
    other_order = {"metadata": {"b": "2", "a": "1"}, **to(bobs, "1.0")}
    answers.append(api.post(path, other_order, key='"k"'))
    assert len({answer.json["id"] for answer in answers}) == 1
    assert {answer.status for answer in answers} == {201}
    assert people.balances(bobs) == [1_00]


def test_reused_key_gets_409_with_the_id_of_its_movement(api, alices, bobs, path):
    made = api.post(path, to(bobs), key="k").json
    others = [
        (path, to(bobs, "10.01")),
        (path, to(bobs, concept="Lunch")),
        (path, to(bobs, metadata={"a": "b"})),
        (path, cash()),
        (f"wallets/{bobs.id}/movements", to(alices)),
        ("wallets", {"userId": str(alices.user_id)}),
        ("users", {**USER, "mobilePhone": "+34600000009"}),
    ]
    for where, body in others:
        answer = api.post(where, body, key="k")
        assert (answer.status, answer.code) == (409, "idempotency_key_reused"), body
        assert answer.json["conflict"] == {
            "idempotencyKey": "k",
            "resource": "movement",
            "id": made["id"],
        }
    assert people.balances(alices, bobs) == [90_00, 10_00]


USER = {"kind": "NATURAL", "userName": "alice2", "firstName": "Alice", "lastName": "Example"}


def test_equal_keys_of_two_clients_are_independent(api, stranger, alices, bobs, path):
    api.post(path, to(bobs), key="k")
    client = Key.objects.get().client
    another = type(client).objects.exclude(id=client.id).get()
    theirs = people.first_wallet(people.a_user(another, people.ALICE))
    answer = stranger.post(f"wallets/{theirs.id}/movements", cash(), key="k")
    assert answer.status == 201
    assert "Idempotent-Replayed" not in answer.headers
    assert stranger.post(path, to(bobs), key="k").status == 404


def test_refused_order_does_not_use_its_key(api, alices, bobs, path):
    order = to(bobs, "150.00")
    assert api.post(path, order, key="k").code == "insufficient_funds"
    people.cash_in(alices, 50_00)
    answer = api.post(path, order, key="k")
    assert answer.status == 201
    assert "Idempotent-Replayed" not in answer.headers
    assert people.balances(alices, bobs) == [0, 150_00]


def test_replay_does_not_check_the_rules(api, alices, bobs, path):
    first = api.post(path, to(bobs, "100.00"), key="k")
    people.close(alices)
    people.block(bobs)
    again = api.post(path, to(bobs, "100.00"), key="k")
    assert (again.status, again.json) == (201, first.json)


def test_replay_requires_the_scope(client_demo, api, path):
    api.post(path, cash(), key="k")
    answer = Api(people.a_key(client_demo, "movements:write")).post(path, cash(), key="k")
    assert answer.status == 403


def test_repeated_request_without_a_key_moves_twice(api, alices, bobs, path):
    assert api.post(path, to(bobs)).json["id"] != api.post(path, to(bobs)).json["id"]
    assert people.balances(alices, bobs) == [80_00, 20_00]


@pytest.mark.parametrize("key", ["", " ", '""', "k" * 256, "schlüssel", '"k'])
def test_invalid_key_gets_400(api, alices, bobs, path, key):
    answer = api.post(path, to(bobs), key=key)
    assert (answer.status, answer.code) == (400, "invalid_header")
    assert people.balances(alices) == [100_00]


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_with_one_key_move_once(api, alices, bobs, path):
    ask = partial(Api(api.secret).post, path, to(bobs), key="k")
    answers = threads.at_once(*[ask] * 8)
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    replayed = [answer.headers.get("Idempotent-Replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None, *["true"] * 7]
    assert people.balances(alices, bobs) == [90_00, 10_00]
