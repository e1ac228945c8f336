"""The caller's own pairs on wallets, movements and holds; and what is found by ids and keys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import people
from tests.support.people import cash, to
from users.models import Client, Event

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()
PAIRS = {"order": "1234", "ä🪙": "'\"\\ %s", "empty": ""}
MANY = {f"{number:040}": "x" * 500 for number in range(20)}


# --- On wallets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pairs", [PAIRS, MANY])
def test_wallet_is_opened_with_metadata(api, alice, pairs):
    answer = api.post("wallets", {"userId": str(alice.id), "metadata": pairs})
    assert (answer.status, answer.json["metadata"]) == (201, pairs)
    assert api.get(answer.headers["Location"]).json == answer.json


@pytest.mark.parametrize("given", [{}, {"metadata": None}, {"metadata": {}}])
def test_wallet_without_metadata_gets_null(api, alice, given):
    answer = api.post("wallets", {"userId": str(alice.id), **given})
    assert (answer.status, answer.json["metadata"]) == (201, None)


def test_missing_null_and_empty_metadata_are_one_request(api, alice):
    user = {"userId": str(alice.id)}
    orders = [user, user | {"metadata": None}, user | {"metadata": {}}]
    answers = [api.post("wallets", order, key="k") for order in orders]
    assert [answer.status for answer in answers] == [201] * 3
    assert len({answer.json["id"] for answer in answers}) == 1


def test_different_metadata_is_a_different_request(api, alice):
    order = {"userId": str(alice.id), "metadata": {"a": "1", "b": "2"}}
    api.post("wallets", order, key="k")
    turned = {"metadata": {"b": "2", "a": "1"}, "userId": str(alice.id)}
    assert api.post("wallets", turned, key="k").status == 201
    assert api.post("wallets", order | {"metadata": {"a": "1"}}, key="k").status == 409


def test_put_replaces_or_clears_the_metadata(api, alice):
    path, order = f"wallets/{UNKNOWN}", {"userId": str(alice.id)}
    made = api.put(path, order | {"metadata": PAIRS})
    assert (made.status, made.json["metadata"]) == (201, PAIRS)
    for given, shown in (({"metadata": {"a": "1"}}, {"a": "1"}), ({}, None)):
        answer = api.put(path, order | given)
        assert (answer.status, answer.json["metadata"]) == (200, shown)


@pytest.mark.parametrize("nothing", [None, {}])
def test_patch_replaces_or_clears_the_metadata(api, wallet, nothing):
    for pairs in (PAIRS, {"order": "5"}):
        answer = api.patch(wallet, {"metadata": pairs})
        assert (answer.status, answer.json["metadata"]) == (200, pairs)
    assert api.patch(wallet, {"alias": "Trips"}).json["metadata"] == {"order": "5"}
    assert api.patch(wallet, {}).json["metadata"] == {"order": "5"}
    answer = api.patch(wallet, {"metadata": nothing})
    assert (answer.status, answer.json["metadata"], answer.json["alias"]) == (200, None, "Trips")
    assert api.get(wallet).json == answer.json


def test_events_contain_no_metadata(api, alices, wallet):
    api.patch(wallet, {"metadata": {"name": "Alice"}})
    changed = Event.objects.get(kind="wallet.changed", wallet_id=alices.id)
    assert changed.data.keys() == {"balance", "held", "seq"}


def test_closed_wallet_keeps_its_metadata(api, bobs):
    path = f"wallets/{bobs.id}"
    answer = api.patch(path, {"metadata": {"a": "1"}, "status": "UNSUBSCRIBED"})
    assert (answer.status, answer.json["metadata"]) == (200, {"a": "1"})
    answer = api.patch(path, {"metadata": None})
    assert (answer.status, answer.code) == (409, "wallet_not_ready")


# --- On everything -------------------------------------------------------------------------------

WRONG: list[tuple[Any, dict[str, str]]] = [
    ("a=1", {"metadata": "invalid"}),
    ([], {"metadata": "invalid"}),
    (1, {"metadata": "invalid"}),
    (
        {"a": None, "b": 1, "c": "x" * 501},
        {"metadata.a": "not_a_string", "metadata.b": "not_a_string", "metadata.c": "max_length"},
    ),
    ({"": "a"}, {"metadata": "key"}),
    ({"k" * 41: "a"}, {"metadata": "key"}),
    ({str(number): "" for number in range(21)}, {"metadata": "max_pairs"}),
]


@pytest.fixture(params=["wallets", "wallet", "transfer", "hold", "execution", "reversal"])
def say(api, request, alices, bobs, wallet) -> Any:
    """Send pairs to one of the places that take them."""
    place, words = request.param, {}
    if place == "wallets":
        words = {"userId": str(alices.user_id)}
        return lambda pairs: api.post("wallets", words | {"metadata": pairs})
    if place == "wallet":
        return lambda pairs: api.patch(wallet, {"metadata": pairs})
    if place == "transfer":
        path, words = f"{wallet}/movements", to(bobs)
    elif place == "hold":
        path, words = f"{wallet}/holds", {"targetWalletId": str(bobs.id), "amount": "1"}
    elif place == "execution":
        path = f"{wallet}/holds/{people.place(alices, bobs, 1_00).id}/executions"
    else:
        path = f"{wallet}/movements/{people.transfer(alices, bobs, 1_00).id}/reversal"
    return lambda pairs: api.post(path, words | {"metadata": pairs})


@pytest.mark.parametrize("pairs", [PAIRS, MANY])
def test_metadata_is_stored_unchanged(api, say, pairs):
    answer = say(pairs)
    assert (answer.status in {200, 201}, answer.json["metadata"]) == (True, pairs)
    assert api.get(answer.json["_links"]["self"]["href"]).json["metadata"] == pairs


@pytest.mark.parametrize("pairs", [None, {}])
def test_empty_metadata_is_null(say, pairs):
    assert say(pairs).json["metadata"] is None


@pytest.mark.parametrize(("pairs", "wrong"), WRONG)
def test_invalid_metadata_is_reported(say, pairs, wrong):
    before = Event.objects.count()
    answer = say(pairs)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert Event.objects.count() == before


# --- Found by an operation, a hold, or a key -----------------------------------------------------


@pytest.fixture
def lived(api, alices, bobs, path, wallet):
    """Alice's movements by name, each ordered with its name as the key."""
    made = {"cash": api.post(path, cash("1"), key="cash")}
    hold = api.post(f"{wallet}/holds", {"targetWalletId": str(bobs.id), "amount": "5"}, key="hold")
    executions = f"{wallet}/holds/{hold.json['id']}/executions"
    for name, body in (("part", {"amount": "2", "keepOpen": True}), ("rest", {})):
        made[name] = api.post(executions, body, key=name)
    made["back"] = api.post(f"{path}/{made['part'].json['id']}/reversal", {}, key="back")
    batch = api.post(f"{path}/batch", {"movements": [to(bobs, "1"), cash("2")]}, key="batch")
    first, second = batch.json["_embedded"]["movements"]
    shown = {name: answer.json for name, answer in made.items()} | {"one": first, "two": second}
    return {"hold": hold.json, "names": {each["id"]: name for name, each in shown.items()}, **shown}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("holdId={hold}", ["part", "rest"]),
        ("holdId={hold}&minAmount=2.01", ["rest"]),
        (f"holdId={UNKNOWN}", []),
        ("operationId={part}", ["part"]),
        ("operationId={back}", ["back"]),
        ("operationId={one}", ["one", "two"]),
        ("operationId={one}&type=CASH_IN", ["two"]),
        (f"operationId={UNKNOWN}", []),
        ("idempotencyKey=cash", ["cash"]),
        ("idempotencyKey=part", ["part"]),
        ("idempotencyKey=part&holdId={hold}", ["part"]),
        ("idempotencyKey=cash&holdId={hold}", []),
        ("idempotencyKey=back", ["back"]),
        ("idempotencyKey=batch", ["one", "two"]),
        ("idempotencyKey=batch&operationId={part}", []),
        ("idempotencyKey=hold", []),
        ("idempotencyKey=nothing", []),
    ],
)
def test_movements_are_found(api, path, lived, query, names):
    operations = {name: lived[name]["operationId"] for name in ("part", "back", "one")}
    asked = query.format(hold=lived["hold"]["id"], **operations)
    found = api.get(f"{path}?sort=createdAt,asc&{asked}").json["_embedded"]["movements"]
    assert [lived["names"][movement["id"]] for movement in found] == names


@pytest.mark.parametrize(
    ("key", "found"), [("hold", 1), ("part", 0), ("batch", 0), ("nothing", 0), ("%22hold%22", 0)]
)
def test_a_hold_is_found_by_its_key(api, wallet, lived, key, found):
    holds = api.get(f"{wallet}/holds?idempotencyKey={key}").json["_embedded"]["holds"]
    assert [hold["id"] for hold in holds] == [lived["hold"]["id"]] * found


def test_filter_by_key_excludes_other_clients(stranger, lived):
    theirs = people.first_wallet(people.a_user(Client.objects.get(name="Another"), people.ALICE))
    for key in ("cash", "batch", "hold"):
        for name in ("movements", "holds"):
            page = stranger.get(f"wallets/{theirs.id}/{name}?idempotencyKey={key}").json
            assert page["_embedded"] == {name: []}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("holdId=x&operationId=1", {"holdId": "invalid", "operationId": "invalid"}),
        ("holdId=", {"holdId": "blank"}),
        ("holdId=0198ABCD-0000-7000-8000-000000000000", {"holdId": "invalid"}),
        (f"idempotencyKey={'k' * 256}", {"idempotencyKey": "max_length"}),
    ],
)
def test_invalid_filter_is_reported(api, path, query, wrong):
    answer = api.get(f"{path}?{query}")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_parameters", wrong)
