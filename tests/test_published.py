"""ioCash's published calls, word for word: what they say is understood, and answered as ours is."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import get_resolver

from iocash.published import urls as published
from iocash.published.wallet_serializers import PublishedMoment
from tests.support import people
from tests.users.conftest import Sent, codes
from users import demo_documents, kyc
from users.kyc import Kind
from wallets.models import ExternalAccount, Hold

pytestmark = pytest.mark.django_db
__all__ = ["codes"]  # a fixture of the tests of users

IBAN = "ES9121000418450200051332"
PERSON = {
    "userName": "alice",
    "firstName": "Alice",
    "lastName": "Example",
    "email": "alice@example.com",
    "mobilePhone": "+34600000001",
    "dltAddress": "0x1",
    "dltNetwork": "IOB",
}
COMPANY = {"userName": "example", "companyName": "Example Ltd", "mobilePhone": "+34600000003"}


@pytest.fixture(params=["v1", "v2"])
def either(request: pytest.FixtureRequest) -> str:
    """Where they are: both versions are served by the same patterns."""
    return f"/api/{request.param}/public"


@pytest.fixture
def base() -> str:
    return "/api/v1/public"


@pytest.fixture
def wallet(base, alices):
    """Alice's wallet, with 100.00 EUR, by its published path."""
    return f"{base}/wallets/{alices.id}"


@pytest.fixture
def hold(alices, bobs) -> Hold:
    return people.place(alices, bobs, 10_00)


# --- Users --------------------------------------------------------------------------------------


def test_person_is_created_and_verified(api, base, codes: list[Sent]):
    made = api.post(f"{base}/users/natural", PERSON)
    assert (made.status, made.json["kind"], made.json["status"]) == (202, "NATURAL", "CREATED")
    path = f"{base}/users/{made.json['id']}"
    answer = api.post(f"{path}/validate-otp", {"otp": codes[0].code})
    assert (answer.status, answer.json["status"]) == (200, "ACTIVATED")
    wallets = api.get(f"{base}/wallets?userId={made.json['id']}").json["_embedded"]["wallets"]
    assert [wallet["dltAddress"] for wallet in wallets] == ["0x1"]


def test_company_is_created(api, base):
    made = api.post(f"{base}/users/juridical", COMPANY)
    assert (made.status, made.json["kind"]) == (202, "JURIDICAL")


def test_path_determines_the_kind_and_the_accepted_names(api, base):
    assert api.post(f"{base}/users/natural", PERSON | {"kind": "NATURAL"}).wrong == {
        "kind": "unknown_field"
    }
    assert api.post(f"{base}/users/natural", COMPANY).wrong == {
        "firstName": "required",
        "lastName": "required",
        "companyName": "unknown_field",
    }
    assert api.post(f"{base}/users/juridical", PERSON).wrong == {
        "firstName": "unknown_field",
        "lastName": "unknown_field",
        "companyName": "required",
    }


def test_each_kind_is_listed_and_found_at_its_own_path(api, base, alice):
    company = api.post(f"{base}/users/juridical", COMPANY).json["id"]

    def listed(path: str) -> set[str]:
        return {user["id"] for user in api.get(f"{base}/{path}").json["_embedded"]["users"]}

    assert listed("users") == {company, str(alice.id)}
    assert listed("users/natural") == {str(alice.id)}
    assert listed("users/juridical") == {company}
    assert api.get(f"{base}/users/{company}").status == 200
    assert api.get(f"{base}/users/juridical/{company}").status == 200
    assert api.get(f"{base}/users/natural/{company}").code == "not_found"
    assert api.patch(f"{base}/users/natural/{company}", {}).code == "not_found"
    assert api.get(f"{base}/users/natural/{company}/compliance").code == "not_found"
    assert api.post(f"{base}/users/natural/{company}/request-otp").code == "not_found"


def test_patch_of_a_person_accepts_personal_names_only(api, base, alice):
    path = f"{base}/users/natural/{alice.id}"
    assert api.patch(path, {"firstName": "Alicia"}).json["firstName"] == "Alicia"
    assert api.patch(path, {"companyName": "Example Ltd"}).wrong == {"companyName": "unknown_field"}


@pytest.mark.parametrize("place", ["users/natural", "users"])
def test_new_phone_number_needs_verification(api, base, alice, place, codes):
    path = f"{base}/{place}/{alice.id}/mobile-phone"
    answer = api.patch(path, {"mobilePhone": "+34600000009"})
    assert (answer.status, answer.json["unverifiedPhone"]) == (200, "+34600000009")
    assert [sent.phone for sent in codes] == ["+34600000009"]
    assert api.patch(path, {"firstName": "Alicia"}).wrong == {"firstName": "unknown_field"}


def test_code_request_needs_no_body(api, base, codes, client_demo):
    created = api.post(f"{base}/users/natural", PERSON).json["id"]
    assert api.post(f"{base}/users/{created}/request-otp").code == "otp_too_soon"


BLOCKS = {
    "identity": {
        "identityType": "DNI",
        "identityNumber": "12345678Z",
        "nationality": "ES",
        "issueDate": "2024-03-01",
        "expiryDate": "2099-03-01",
        "birthDate": "1990-05-17",
    },
    "home-address": {
        "address": "Calle Mayor 1",
        "city": "Madrid",
        "countryCode": "ES",
        "postalCode": "28013",
        "province": "Madrid",
    },
    "external-iban": {"externalIban": IBAN},
    "financial-information": {"incomeLevel": "A"},
    "occupation": {"occupationCode": "2511"},
}


@pytest.mark.parametrize("name", BLOCKS)
def test_block_is_sent_read_and_replaced(api, base, alice, name):
    path = f"{base}/users/natural/{alice.id}/{name}"
    assert api.post(path, BLOCKS[name]).status == 201
    assert api.put(path, BLOCKS[name]).status == 200
    read = api.get(f"{base}/users/{alice.id}/{name}").json
    assert {field: read[field] for field in BLOCKS[name]} == BLOCKS[name]


FILES = {
    "identity-file?side=front": Kind.DOCUMENT_IDENTITY_FRONT,
    "identity-file?side=back": Kind.DOCUMENT_IDENTITY_BACK,
    "external-iban-file": Kind.DOCUMENT_EXTERNAL_IBAN,
    "income-tax-file": Kind.DOCUMENT_INCOME_TAX,
}


@pytest.mark.parametrize("name", FILES)
def test_file_is_sent_and_returned_as_base64(api, base, alice, name):
    path = f"{base}/users/natural/{alice.id}/{name}"
    body = {"content": base64.b64encode(demo_documents.draw_picture("Alice").content).decode()}
    made = api.post(path, body)
    assert made.status == 201
    assert made.headers["Location"].endswith(f"/api/v1/users/{alice.id}/{FILES[name].path}")
    assert api.get(path).json["content"] == body["content"]
    assert api.put(path, body).status == 200
    assert [*kyc.current_documents(alice)] == [FILES[name]]


@pytest.mark.parametrize("query", ["", "?side=left", "?side=front&side=back"])
def test_identity_file_requires_one_valid_side(api, base, alice, query):
    path = f"{base}/users/{alice.id}/identity-file{query}"
    assert api.get(path).code == "invalid_parameters"
    assert api.post(path, {"content": "AAAA"}).code == "invalid_parameters"


def test_compliance_returns_the_kyc_level(api, base, alice):
    assert api.get(f"{base}/users/natural/{alice.id}/compliance").json["kycLevel"] == 0


# --- Wallets ------------------------------------------------------------------------------------


def test_wallet_is_opened_read_and_given_an_iban(api, base, alice):
    body = {"userId": str(alice.id), "dltAddress": "0x2", "dltNetwork": "IOB"}
    made = api.post(f"{base}/wallets", body)
    assert made.status == 201
    path = f"{base}/wallets/{made.json['id']}"
    assert api.get(path).json["dltAddress"] == "0x2"
    assert api.post(f"{path}/create-iban").status == 201


def test_transfer_is_accepted(api, wallet, bobs):
    body = {"amount": "0.1", "targetWalletId": str(bobs.id), "concept": "Lunch"}
    answer = api.post(f"{wallet}/transfer", body, key="k")
    assert (answer.status, answer.json["type"], answer.json["amount"]) == (202, "TRANSFER", "0.10")
    assert api.get(answer.headers["Location"]).json["id"] == answer.json["id"]
    again = api.post(f"{wallet}/transfer", body, key="k")
    assert (again.status, again.json["id"]) == (202, answer.json["id"])
    assert again.headers["Idempotent-Replayed"] == "true"


def test_key_replays_between_alias_and_resource(api, wallet, alices, bobs):
    body = {"amount": "1", "targetWalletId": str(bobs.id)}
    first = api.post(f"{wallet}/transfer", body, key="k").json["id"]
    ours = api.post(f"wallets/{alices.id}/movements", body | {"type": "TRANSFER"}, key="k")
    assert (ours.status, ours.json["id"]) == (201, first)
    assert people.balances(bobs) == [1_00]


def test_amount_may_be_a_number(api, either, alices, bobs):
    body = {"amount": 0.1, "targetWalletId": str(bobs.id)}
    answer = api.post(f"{either}/wallets/{alices.id}/transfer", body)
    assert (answer.status, answer.json["amount"]) == (202, "0.10")


def test_cash_out_is_accepted(api, wallet):
    body = {"amount": "0.1", "iban": {"accountNumber": IBAN}, "concept": "Rent"}
    answer = api.post(f"{wallet}/cashOuts", body)
    assert (answer.status, answer.json["type"], answer.json["iban"]) == (202, "CASH_OUT", IBAN)


def test_favourite_account_is_stored_and_paid(api, wallet):
    body = {"alias": "Rent", "externalIban": {"accountNumber": IBAN}}
    made = api.post(f"{wallet}/favourite-external-accounts", body)
    assert made.status == 201
    kept = ExternalAccount.objects.get()
    listed = api.get(f"{wallet}/favourite-external-accounts").json["_embedded"]
    assert [account["id"] for account in listed["externalAccounts"]] == [str(kept.id)]
    assert api.get(f"{wallet}/favourite-external-accounts/{kept.id}").json["alias"] == "Rent"
    paid = {"amount": "2", "favouriteExternalAccountId": str(kept.id)}
    answer = api.post(f"{wallet}/cashout-to-favourite-external-account", paid)
    assert (answer.status, answer.json["iban"]) == (202, IBAN)


@pytest.mark.parametrize("name", ["transfer", "cashOuts", "cashout-to-favourite-external-account"])
def test_payment_names_all_wrong_fields_and_refuses_a_type(api, wallet, name):
    wrong = api.post(f"{wallet}/{name}", {"type": "CASH_IN", "amount": "-1"}).wrong
    assert wrong["type"] == "unknown_field"
    assert wrong["amount"] == "invalid"
    assert "required" in wrong.values()


# --- Movements and their days ---------------------------------------------------------------------


def test_movements_are_filtered_by_dates_in_the_published_format(api, wallet, alices):
    query = "startDate=2020-02-28 12:00:00&endDate=2099-04-05 7:00:00&status=SUCCESS"
    page = api.get(f"{wallet}/movements?{query}")
    (movement,) = page.json["_embedded"]["movements"]
    assert movement["type"] == "CASH_IN"
    assert api.get(f"{wallet}/movements/{movement['id']}").json == movement
    assert api.get(page.json["_links"]["self"]["href"]).json == page.json


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2020-04-05 7:00:00", 7),
        ("2020-04-05 07:00:00", 7),
        ("2020-04-05T15:10:23+02", 13),
        ("2020-04-05 15:10:23-03", 18),
        ("2020-04-05T15:10:23+02:00", 13),
        ("2020-04-05T15:10:23Z", 15),
    ],
)
def test_instant_is_read_in_the_published_formats(written, hour):
    read = PublishedMoment().to_internal_value(written)
    assert (read.hour, read.tzinfo) == (hour, UTC)


@pytest.mark.parametrize("written", ["2020-04", "2020-04-05 25:00:00", "2020-4-5 07:00:00", "7"])
def test_invalid_instant_is_refused(api, wallet, written):
    assert api.get(f"{wallet}/movements?startDate={written}").wrong == {"startDate": "invalid"}


# --- Holds --------------------------------------------------------------------------------------


def test_hold_is_placed_and_listed(api, wallet, bobs):
    soon = datetime.now(UTC) + timedelta(hours=3)
    body = {
        "amount": "1",
        "targetWallet": str(bobs.id),
        "concept": "Deposit",
        "expiration": f"{soon:%Y-%m-%dT%H:%M:%S}+00",
    }
    made = api.post(f"{wallet}/holds", body)
    assert (made.status, made.json["targetWalletId"]) == (201, str(bobs.id))
    assert made.json["expiration"] == f"{soon:%Y-%m-%dT%H:%M:%S}.000Z"
    assert api.get(f"{wallet}/holds/{made.json['id']}").json == made.json
    assert len(api.get(f"{wallet}/holds").json["_embedded"]["holds"]) == 1


def test_hold_for_its_own_wallet_is_refused_with_the_sent_field_name(api, wallet, alices):
    body = {"amount": "1", "targetWallet": str(alices.id)}
    assert api.post(f"{wallet}/holds", body).wrong == {"targetWallet": "same_wallet"}
    ours = {"amount": "1", "targetWalletId": str(alices.id)}
    assert api.post(f"wallets/{alices.id}/holds", ours).wrong == {"targetWalletId": "same_wallet"}


def test_wrong_fields_of_a_hold_have_the_sent_field_names(api, wallet, bobs):
    sent = {"amount": "0", "targetWallet": "x", "expiration": "7", "targetWalletId": str(bobs.id)}
    assert api.post(f"{wallet}/holds", sent).wrong == {
        "amount": "min_value",
        "targetWallet": "invalid",
        "expiration": "invalid",
        "targetWalletId": "unknown_field",
    }
    past = {"amount": "1", "targetWallet": str(bobs.id), "expiration": "2020-02-28 12:00:00"}
    assert api.post(f"{wallet}/holds", past).wrong == {"expiration": "not_in_the_future"}


def test_hold_for_an_unknown_wallet_gets_404(api, wallet):
    body = {"amount": "1", "targetWallet": str(people.unknown_id())}
    answer = api.post(f"{wallet}/holds", body)
    assert (answer.status, answer.code) == (404, "target_wallet_not_found")
    assert str(people.unknown_id()) in answer.json["detail"]


def test_partial_execution_releases_the_rest(api, wallet, hold, bobs):
    answer = api.post(f"{wallet}/holds/{hold.id}/executeHold", {"amount": "4", "concept": "Part"})
    assert (answer.status, answer.json["holdId"]) == (201, str(hold.id))
    assert (people.balances(bobs), people.seen(hold.id).standing) == ([4_00], "EXECUTED")


def test_partial_execution_may_keep_the_hold_open(api, wallet, hold):
    path = f"{wallet}/holds/{hold.id}/executeHoldAndKeepOpen"
    assert api.post(path, {"amount": "4"}, key="k").status == 201
    assert api.post(path, {"amount": "4"}, key="k").headers["Idempotent-Replayed"] == "true"
    kept = people.seen(hold.id)
    assert (kept.standing, kept.left) == ("OPEN", 6_00)
    assert api.post(path, {"amount": "1", "keepOpen": False}).wrong == {"keepOpen": "unknown_field"}


@pytest.mark.parametrize("body", [None, {}, {"concept": "Never mind"}])
def test_hold_is_released(api, wallet, hold, body):
    answer = api.post(f"{wallet}/holds/{hold.id}/releaseHold", body)
    assert (answer.status, answer.json["status"]) == (200, "RELEASED")
    again = api.post(f"{wallet}/holds/{hold.id}/releaseHold", body)
    assert (again.status, again.json) == (200, answer.json)


def test_hold_is_renewed(api, wallet, hold):
    path = f"{wallet}/holds/{hold.id}/renewHold"
    answer = api.post(path, {"expiration": "2099-08-05T15:10:23+02"})
    assert (answer.status, answer.json["expiration"]) == (200, "2099-08-05T13:10:23.000Z")
    assert api.post(path, {"expiration": None}).json["expiration"] is None
    assert api.post(path, {}).wrong == {"expiration": "required"}


# --- All of them ----------------------------------------------------------------------------------


def addresses() -> list[str]:
    return [str(entry.pattern) for entry in published.patterns]


NAMED = ("user_id", "wallet_id", "hold_id", "movement_id", "account_id", "schedule_id")
"""The ids in the addresses."""


def called(route: str, thing: Any) -> str:
    for name in NAMED:
        route = route.replace(f"<uuid:{name}>", str(thing))
    return route


@pytest.mark.parametrize("route", addresses())
def test_request_without_a_key_gets_401_and_delete_is_not_allowed(api, nobody, either, route):
    path = f"{either}/{called(route, people.unknown_id())}"
    assert nobody.get(path).status in {400, 401}  # 400: it can't be read
    assert nobody.post(path, {}).status in {400, 401}
    answer = api.call("DELETE", path)
    assert (answer.status, answer.code) == (400, "method_not_allowed")


@pytest.mark.parametrize("route", [each for each in addresses() if "<" in each])
def test_resource_of_another_client_is_not_found(either, route, alice, alices, stranger):
    known = alice.id if "user_id" in route else alices.id
    query = "?side=front" if route.endswith("identity-file") else ""
    answer = stranger.get(f"{either}/{called(route, known)}{query}")
    assert answer.code in {"not_found", "method_not_allowed"}


def test_two_versions_have_the_same_addresses():
    routes = [str(entry.pattern) for entry in get_resolver().url_patterns]
    assert {"api/v1/public/", "api/v2/public/"} <= {*routes}
