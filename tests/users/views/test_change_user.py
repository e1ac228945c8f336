"""`PATCH /users/{id}`, and the end of a user."""

from __future__ import annotations

import pytest

from tests.support import people, threads
from tests.support.people import Api
from tests.support.user_bodies import ALICE, BOB, NEW, due, path_of, retry_at
from users.models import Event, Otp, User
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

# --- PATCH /users/{id} --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"userName": "alicia"},
        {"firstName": "Alicia"},
        {"lastName": "Sample"},
        {"email": "alice@example.com"},
        {"userName": "alicia", "firstName": "Alicia", "lastName": "Sample"},
    ],
)
def test_patch_changes_only_its_fields(change, api, newcomer_path):
    before = api.get(newcomer_path).json
    answer = api.patch(newcomer_path, change)
    assert api.get(newcomer_path).json == answer.json
    assert answer.json["updatedAt"] >= before.pop("updatedAt")
    assert (answer.status, answer.json) == (200, answer.json | before | change)


def test_empty_patch_changes_nothing(api, newcomer):
    before = api.get(path_of(newcomer)).json
    answer = api.patch(path_of(newcomer), {})
    assert (answer.status, answer.json) == (200, before)
    assert Event.objects.about(newcomer.id).count() == 1


@pytest.mark.slow
def test_patch_with_null_clears_the_email(api, newcomer_path):
    api.patch(newcomer_path, {"email": "alice@example.com"})
    assert api.patch(newcomer_path, {"email": None}).json["email"] is None


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"userName": None}, {"userName": "null"}),
        ({"userName": ""}, {"userName": "blank"}),
        ({"firstName": None}, {"firstName": "null"}),
        ({"lastName": "x" * 101}, {"lastName": "max_length"}),
        ({"companyName": "Example Ltd"}, {"companyName": "unknown_field"}),
        ({"email": "x"}, {"email": "invalid"}),
        ({"mobilePhone": None}, {"mobilePhone": "null"}),
        ({"mobilePhone": "1"}, {"mobilePhone": "invalid"}),
        ({"kind": "NATURAL"}, {"kind": "unknown_field"}),
        ({"dltAddress": "0x1"}, {"dltAddress": "unknown_field"}),
        ({"status": "BLOCKED"}, {"status": "invalid_choice"}),
        ({"status": "ACTIVATED"}, {"status": "invalid_choice"}),
        ({"status": None}, {"status": "null"}),
        ({"a": 1, "userName": ""}, {"a": "unknown_field", "userName": "blank"}),
    ],
)
def test_patch_names_the_wrong_field(change, errors, api, newcomer_path):
    before = api.get(newcomer_path).json
    answer = api.patch(newcomer_path, change)
    assert (answer.status, answer.code) == (400, "invalid_fields")
    assert answer.wrong == errors
    assert api.get(newcomer_path).json == before


@pytest.mark.slow
@pytest.mark.parametrize("field", ["userName", "mobilePhone"])
def test_patch_with_a_value_of_another_user_gets_409(field, api, newcomer, bob):
    answer = api.patch(path_of(newcomer), {field: BOB[field]})
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": field, "userId": str(bob.id)}


@pytest.mark.slow
def test_new_number_must_be_verified(api, alice, codes):
    answer = api.patch(path_of(alice), {"mobilePhone": NEW})
    assert (answer.status, answer.json["status"]) == (200, "ACTIVATED")
    assert (answer.json["mobilePhone"], answer.json["unverifiedPhone"]) == ("+34600000001", NEW)
    verified = api.post(path_of(alice, "/validate-otp"), {"otp": codes[0].code})
    assert (verified.status, verified.json["mobilePhone"]) == (200, NEW)
    assert verified.json["unverifiedPhone"] is None


@pytest.mark.slow
def test_verification_gets_409_when_another_user_took_the_number(api, alice, codes, clock):
    api.patch(path_of(alice), {"mobilePhone": NEW})
    clock.go(61)
    other = api.post("users", BOB | {"mobilePhone": NEW}).json["id"]
    answer = api.post(path_of(alice, "/validate-otp"), {"otp": codes[0].code})
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": "mobilePhone", "userId": other}
    assert api.get(path_of(alice)).json["mobilePhone"] == "+34600000001"


@pytest.mark.slow
def test_return_to_a_number_within_a_minute_gets_409_with_retry_at(api, newcomer_path):
    api.patch(newcomer_path, {"mobilePhone": NEW})
    answer = api.patch(newcomer_path, {"mobilePhone": "+34600000001"})
    assert (answer.status, answer.code) == (409, "otp_too_soon")
    assert retry_at(answer) == due("+34600000001")


# --- The end of a user --------------------------------------------------------------------------


END = {"status": "UNSUBSCRIBED"}


def test_unsubscription_closes_empty_wallets(api, alice):
    people.a_wallet(alice, "USD")
    answer = api.patch(path_of(alice), END)
    assert (answer.status, answer.json["status"]) == (200, "UNSUBSCRIBED")
    assert list(Wallet.objects.values_list("status", flat=True)) == ["UNSUBSCRIBED"] * 2


def test_unsubscription_records_an_event_for_the_user_and_each_wallet(api, alice):
    api.patch(path_of(alice), END)
    kinds = list(Event.objects.order_by("position").values_list("kind", flat=True))
    assert sorted(kinds[-2:]) == ["user.unsubscribed", "wallet.unsubscribed"]


def test_unsubscription_of_a_user_with_money_gets_409(api, alices):
    answer = api.patch(f"users/{alices.user_id}", END)
    assert (answer.status, answer.code) == (409, "wallet_not_empty")
    assert answer.json["conflict"] == {
        "walletId": str(alices.id),
        "balance": "100.00",
        "currency": "EUR",
    }
    assert User.objects.get().status == "ACTIVATED"


def test_refused_unsubscription_leaves_all_wallets_open(api, alices):
    people.a_wallet(alices.user, "USD")
    assert api.patch(f"users/{alices.user_id}", END).status == 409
    assert set(Wallet.objects.values_list("status", flat=True)) == {"READY"}


def test_user_can_unsubscribe_after_paying_out_the_money(api, alices, bobs):
    people.transfer(alices, bobs, 100_00)
    assert api.patch(f"users/{alices.user_id}", END).status == 200


def test_second_unsubscription_changes_nothing(api, alice):
    first = api.patch(path_of(alice), END)
    events = Event.objects.count()
    again = api.patch(path_of(alice), END)
    assert (again.status, again.json) == (200, first.json)
    assert Event.objects.count() == events


def test_unsubscription_with_a_change_may_be_repeated(api, alice):
    body = END | {"firstName": "Alicia"}
    answers = [api.patch(path_of(alice), body) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]


def test_unsubscription_of_a_created_user_voids_its_code(api, newcomer, codes):
    assert api.patch(path_of(newcomer), END).json["status"] == "UNSUBSCRIBED"
    assert [otp.digest for otp in Otp.objects.all()] == [None]
    answer = api.post(path_of(newcomer, "/validate-otp"), {"otp": "123456"})
    assert (answer.status, answer.code) == (409, "already_verified")


def test_refused_unsubscription_applies_no_change_of_the_same_patch(api, alices):
    answer = api.patch(f"users/{alices.user_id}", END | {"firstName": "Alicia"})
    assert answer.status == 409
    assert User.objects.get().first_name == "Alice"


@pytest.mark.parametrize("change", [{"firstName": "Alicia"}, {"mobilePhone": NEW}])
def test_patch_of_an_unsubscribed_user_gets_409(change, api, alice, codes):
    api.patch(path_of(alice), END)
    answer = api.patch(path_of(alice), change)
    assert (answer.status, answer.code) == (409, "user_not_active")
    expected = {"userId": str(alice.id), "status": "UNSUBSCRIBED"}
    assert answer.json["conflict"] == expected
    assert not codes


def test_put_of_an_unsubscribed_user_gets_409(api, alice):
    api.patch(path_of(alice), END)
    answer = api.put(path_of(alice), ALICE | {"firstName": "Alicia"})
    assert (answer.status, answer.code) == (409, "user_not_active")


def test_unsubscription_of_another_clients_user_gets_404(stranger, alice):
    assert stranger.patch(path_of(alice), END).status == 404
    assert User.objects.get().status == "ACTIVATED"


@pytest.mark.django_db(transaction=True)
def test_concurrent_unsubscription_and_cash_in_never_trap_money(codes):
    client = people.a_client()
    api = Api(people.a_key(client))
    user = people.a_user(client, people.ALICE)
    path = f"wallets/{people.first_wallet(user).id}/movements"
    end, paid = threads.at_once(
        lambda: api.patch(path_of(user), END),
        lambda: api.post(path, {"type": "CASH_IN", "amount": "1.00"}),
    )
    assert (end.status, paid.status) in {(200, 409), (409, 201)}
    wallet = Wallet.objects.get()
    assert (wallet.status, wallet.balance) in {("UNSUBSCRIBED", 0), ("READY", 1_00)}
