"""The endpoints of wallets: the nine questions to each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import people
from tests.support.people import Api
from tests.support.resources import LINKS
from users.models import Client, Event, Key
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()
HOST = "http://testserver/api/v1"


def body(user: Any, **values: Any) -> dict[str, Any]:
    return {"userId": str(user.id), **values}


# --- The doors of every endpoint -----------------------------------------------------------------

ENDPOINTS = [
    ("GET", "wallets", "wallets:read"),
    ("POST", "wallets", "wallets:write"),
    ("GET", "wallets/{id}", "wallets:read"),
    ("PUT", "wallets/{id}", "wallets:write"),
    ("PATCH", "wallets/{id}", "wallets:write"),
]


def sent(method: str, user: Any) -> dict[str, Any] | None:
    bodies: dict[str, dict[str, Any]] = {"POST": body(user), "PUT": body(user), "PATCH": {}}
    return bodies.get(method)


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_request_without_a_key_gets_401(nobody, alice, alices, method, path, scope):
    answer = nobody.call(method, path.format(id=alices.id), sent(method, alice))
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="ioCash", scope=')


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_key_without_the_scope_gets_403(client_demo, alice, alices, method, path, scope):
    others = {"wallets:read", "wallets:write", "users:write", "movements:write"} - {scope}
    api = Api(people.a_key(client_demo, *others))
    answer = api.call(method, path.format(id=alices.id), sent(method, alice))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert scope in answer.json["detail"]


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_key_with_the_scope_is_accepted(client_demo, alice, alices, method, path, scope):
    api = Api(people.a_key(client_demo, scope))
    answer = api.call(method, path.format(id=alices.id), sent(method, alice))
    assert answer.status in {200, 201}


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS[2:])
def test_wallet_of_another_client_gets_404(stranger, alice, alices, method, path, scope):
    theirs = stranger.call(method, path.format(id=alices.id), sent(method, alice))
    unknown = stranger.call(method, path.format(id=UNKNOWN), sent(method, alice))
    assert (theirs.status, theirs.code) == (unknown.status, unknown.code)
    assert theirs.status == 404
    alices.refresh_from_db()
    assert alices.status == "READY"


@pytest.mark.django_db(transaction=True)
def test_put_with_the_id_of_another_clients_wallet_gets_404(stranger, alices):
    theirs = people.a_user(Client.objects.exclude(id=alices.client_id).get(), people.BOB)
    answer = stranger.call("PUT", f"wallets/{alices.id}", {"userId": str(theirs.id)})
    assert (answer.status, answer.code) == (404, "not_found")
    alices.refresh_from_db()
    assert alices.user_id != theirs.id


@pytest.mark.parametrize("wallet_id", ["1", "x", f"{UNKNOWN}0", str(UNKNOWN).replace("-", "")])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
def test_malformed_id_gets_404(api, alice, method, wallet_id):
    answer = api.call(method, f"wallets/{wallet_id}", sent(method, alice))
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "wallets", "GET, POST, HEAD, OPTIONS"),
        ("PATCH", "wallets", "GET, POST, HEAD, OPTIONS"),
        ("DELETE", "wallets", "GET, POST, HEAD, OPTIONS"),
        ("POST", "wallets/{id}", "GET, PUT, PATCH, HEAD, OPTIONS"),
        ("DELETE", "wallets/{id}", "GET, PUT, PATCH, HEAD, OPTIONS"),
    ],
)
def test_wrong_method_gets_400(api, alice, alices, method, path, allow):
    answer = api.call(method, path.format(id=alices.id), body(alice))
    assert (answer.status, answer.code) == (400, "method_not_allowed")
    assert answer.headers["Allow"].split(", ") == allow.split(", ")
    assert Wallet.objects.count() == 1


# --- GET one -------------------------------------------------------------------------------------


def test_wallet_has_all_fields_and_links(api, alice, alices, wallet):
    answer = api.get(wallet)
    assert answer.status == 200
    created_at = answer.json.pop("createdAt")
    assert answer.json.pop("updatedAt") == created_at
    assert answer.json == {
        "id": str(alices.id),
        "clientId": str(alice.client_id),
        "userId": str(alice.id),
        "currency": "EUR",
        "status": "READY",
        "balance": "100.00",
        "heldBalance": "0.00",
        "availableBalance": "100.00",
        "alias": None,
        "iban": None,
        "dltAddress": None,
        "dltNetwork": None,
        "metadata": None,
        "alertBelow": None,
        "_links": {
            "self": {"href": f"{HOST}/{wallet}"},
            "user": {"href": f"{HOST}/users/{alice.id}"},
            **{rel: {"href": f"{HOST}/{wallet}/{path}"} for rel, path in LINKS.items()},
        },
    }
    assert created_at.endswith("Z")
    assert len(created_at) == len("2026-01-31T12:00:00.000Z")


@pytest.mark.parametrize(
    ("currency", "minor", "text", "nothing"),
    [
        ("EUR", 5, "0.05", "0.00"),
        ("USD", 1_00, "1.00", "0.00"),
        ("JPY", 1234, "1234", "0"),
        ("KWD", 1, "0.001", "0.000"),
    ],
)
def test_balance_has_the_decimals_of_its_currency(api, alice, currency, minor, text, nothing):
    wallet = people.a_wallet(alice, currency)
    people.cash_in(wallet, minor)
    shown = api.get(f"wallets/{wallet.id}").json
    balances = (shown["balance"], shown["heldBalance"], shown["availableBalance"])
    assert balances == (text, nothing, text)


@pytest.mark.spoils_the_books
def test_held_money_is_not_available(api, alices, wallet):
    Wallet.objects.filter(id=alices.id).update(held=30_00)
    shown = api.get(wallet).json
    balances = (shown["balance"], shown["heldBalance"], shown["availableBalance"])
    assert balances == ("100.00", "30.00", "70.00")


def test_single_wallet_accepts_no_parameters(api, wallet):
    answer = api.get(f"{wallet}?size=1")
    assert (answer.status, answer.wrong) == (400, {"size": "unknown_parameter"})


# --- POST ----------------------------------------------------------------------------------------


def test_a_wallet_is_opened(api, alice):
    answer = api.post("wallets", body(alice, currency="JPY", alias="Trips"))
    assert answer.status == 201
    assert answer.headers["Location"] == f"{HOST}/wallets/{answer.json['id']}"
    assert answer.headers["Location"] == answer.json["_links"]["self"]["href"]
    shown = {name: answer.json[name] for name in ("userId", "currency", "alias", "balance")}
    assert shown == {
        "userId": str(alice.id),
        "currency": "JPY",
        "alias": "Trips",
        "balance": "0",
    }
    assert answer.json == api.get(answer.headers["Location"]).json


def test_wallet_currency_defaults_to_eur(api, alice):
    answer = api.post("wallets", body(alice, alias=None, dltAddress="0xabc", dltNetwork="ALASTRIA"))
    assert (answer.json["currency"], answer.json["alias"]) == ("EUR", None)
    assert (answer.json["dltAddress"], answer.json["dltNetwork"]) == ("0xabc", "ALASTRIA")


def test_opened_wallet_has_an_event_with_its_actor(api, alice):
    headers = {"X-Request-Id": "mine"}
    wallet_id = api.post("wallets", body(alice), headers=headers).json["id"]
    event = Event.objects.get(subject_id=wallet_id)
    assert event.kind == "wallet.opened"
    assert event.actor.startswith("key:")
    assert event.request_id == "mine"


WRONG_BODIES = [
    ({}, {"userId": "required"}),
    ({"userId": None}, {"userId": "null"}),
    ({"userId": "x"}, {"userId": "invalid"}),
    ({"userId": "01980000-0000-7000-8000-00000000ABCD"}, {"userId": "invalid"}),
    (
        {"userId": 1, "currency": "eur", "alias": "a" * 101, "dltNetwork": 1, "balance": "1.00"},
        {
            "userId": "invalid",
            "currency": "invalid_choice",
            "alias": "max_length",
            "dltNetwork": "invalid",
            "balance": "unknown_field",
        },
    ),
    (
        {"userId": str(UNKNOWN), "alias": " ", "dltAddress": "", "currency": "XXX", "id": "x"},
        {
            "alias": "blank",
            "dltAddress": "blank",
            "currency": "invalid_choice",
            "id": "unknown_field",
        },
    ),
]


@pytest.mark.parametrize(("wrong_body", "wrong"), WRONG_BODIES)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_all_invalid_fields_are_reported(api, method, wrong_body, wrong):
    path = "wallets" if method == "POST" else f"wallets/{UNKNOWN}"
    answer = api.call(method, path, wrong_body)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)


def test_user_unknown_to_the_client_gets_404(api, stranger, alice):
    for caller, user_id in ((api, UNKNOWN), (stranger, alice.id)):
        answer = caller.post("wallets", {"userId": str(user_id)})
        assert (answer.status, answer.code) == (404, "user_not_found")
        assert str(user_id) in answer.json["detail"]
    assert Wallet.objects.count() == 1


def test_a_user_has_at_most_five_wallets(api, alice):
    for _ in range(4):
        assert api.post("wallets", body(alice)).status == 201
    answer = api.post("wallets", body(alice), key="k")
    assert (answer.status, answer.code) == (409, "wallet_limit_reached")
    assert answer.json["conflict"] == {"maxWallets": 5, "open": 5, "userId": str(alice.id)}
    assert not Key.objects.exists()


def test_blocked_user_cannot_open_a_wallet(api, alice):
    people.block(alice)
    answer = api.post("wallets", body(alice))
    assert (answer.status, answer.code) == (409, "user_not_active")
    assert answer.json["conflict"] == {"userId": str(alice.id), "status": "BLOCKED"}


def test_the_same_key_opens_one_wallet(api, alice):
    first = api.post("wallets", body(alice, alias="Trips"), key="k")
    people.close(Wallet.objects.get(id=first.json["id"]))
    again = api.post("wallets", body(alice, alias="Trips", currency="EUR"), key="k")
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status, again.headers["Location"]) == (201, first.headers["Location"])
    closed = {"status": "UNSUBSCRIBED", "updatedAt": again.json["updatedAt"]}
    assert again.json == first.json | closed, "as it is now"


def test_reused_key_gets_409_with_the_id_of_its_wallet(api, alice):
    first = api.post("wallets", body(alice), key="k")
    answer = api.post("wallets", body(alice, currency="USD"), key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert answer.json["conflict"] == {
        "idempotencyKey": "k",
        "resource": "wallet",
        "id": first.json["id"],
    }
    assert Wallet.objects.count() == 2


def test_refused_order_does_not_use_its_key(api, alice):
    people.block(alice)
    assert api.post("wallets", body(alice), key="k").status == 409
    type(alice).objects.update(status="ACTIVATED")
    answer = api.post("wallets", body(alice), key="k")
    assert answer.status == 201
    assert "Idempotent-Replayed" not in answer.headers


# --- PUT -----------------------------------------------------------------------------------------


def test_put_creates_a_wallet_with_the_given_id(api, alice):
    path = f"wallets/{UNKNOWN}"
    answer = api.put(path, body(alice, currency="USD", alias="Trips"))
    assert (answer.status, answer.headers["Location"]) == (201, f"{HOST}/{path}")
    assert (answer.json["id"], answer.json["currency"]) == (str(UNKNOWN), "USD")
    assert answer.json == api.get(path).json


def test_second_put_replaces_the_changeable_fields(api, alice):
    path = f"wallets/{UNKNOWN}"
    api.put(path, body(alice, alias="Trips", dltAddress="0xabc"))
    for _ in range(2):
        answer = api.put(path, body(alice, dltNetwork="ALASTRIA"))
        assert answer.status == 200
        assert "Location" not in answer.headers
        fields = (answer.json["alias"], answer.json["dltAddress"], answer.json["dltNetwork"])
        assert fields == (None, None, "ALASTRIA")
    assert Wallet.objects.count() == 2


def test_the_user_and_the_currency_never_change(api, alice, bob, wallet):
    for changed, field in ((body(bob), "userId"), (body(alice, currency="USD"), "currency")):
        answer = api.put(wallet, changed)
        assert (answer.status, answer.code) == (409, "immutable")
        assert answer.json["conflict"] == {"field": field, "walletId": wallet.split("/")[1]}


def test_put_is_refused_for_a_blocked_or_unknown_user(api, alice):
    people.block(alice)
    assert api.put(f"wallets/{UNKNOWN}", body(alice)).code == "user_not_active"
    assert api.put(f"wallets/{UNKNOWN}", {"userId": str(UNKNOWN)}).code == "user_not_found"


def test_put_of_a_sixth_wallet_is_refused(api, alice):
    for _ in range(4):
        people.a_wallet(alice)
    assert api.put(f"wallets/{UNKNOWN}", body(alice)).code == "wallet_limit_reached"


def test_put_of_a_closed_wallet_is_refused(api, alice):
    wallet = people.first_wallet(alice)
    people.close(wallet)
    answer = api.put(f"wallets/{wallet.id}", body(alice, alias="Trips"))
    assert (answer.status, answer.code) == (409, "wallet_not_ready")


# --- PATCH ---------------------------------------------------------------------------------------


def test_patch_changes_only_the_given_fields(api, alices, wallet):
    assert api.patch(wallet, {"alias": "Trips"}).json["alias"] == "Trips"
    assert api.patch(wallet, {}).json["alias"] == "Trips"
    answer = api.patch(wallet, {"alias": None})
    assert (answer.status, answer.json["alias"]) == (200, None)
    assert answer.json == api.get(wallet).json


def test_empty_wallet_is_closed_permanently(api, bobs):
    path = f"wallets/{bobs.id}"
    for _ in range(2):
        answer = api.patch(path, {"status": "UNSUBSCRIBED"})
        assert (answer.status, answer.json["status"]) == (200, "UNSUBSCRIBED")
    answer = api.patch(path, {"alias": "Trips"})
    assert (answer.status, answer.code) == (409, "wallet_not_ready")
    assert answer.json["conflict"] == {"walletId": str(bobs.id), "status": "UNSUBSCRIBED"}


def test_a_wallet_with_money_is_not_closed(api, alices, wallet):
    answer = api.patch(wallet, {"status": "UNSUBSCRIBED", "alias": "Trips"})
    assert (answer.status, answer.code) == (409, "wallet_not_empty")
    assert answer.json["conflict"] == {
        "walletId": str(alices.id),
        "balance": "100.00",
        "currency": "EUR",
    }
    shown = api.get(wallet).json
    assert (shown["status"], shown["alias"]) == ("READY", None)


@pytest.mark.parametrize(
    ("wrong_body", "wrong"),
    [
        ({"status": "READY"}, {"status": "invalid_choice"}),
        ({"status": "BLOCKED"}, {"status": "invalid_choice"}),
        ({"status": None}, {"status": "null"}),
        ({"alias": "", "status": 1}, {"alias": "blank", "status": "invalid_choice"}),
        (
            {"balance": "1.00", "currency": "USD", "userId": str(UNKNOWN), "iban": "ES91"},
            dict.fromkeys(("balance", "currency", "userId", "iban"), "unknown_field"),
        ),
    ],
)
def test_all_invalid_fields_of_a_patch_are_reported(api, wallet, wrong_body, wrong):
    answer = api.patch(wallet, wrong_body)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
