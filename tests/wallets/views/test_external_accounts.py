"""External accounts over the API: kept once, removed for ever, and paid out to by their ids."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.support import people
from tests.support.cash_outs import money_of
from tests.support.ibans import IBAN, OTHER_IBAN
from users.models import Client, Event, Key
from wallets.models import ExternalAccount, Movement

pytestmark = pytest.mark.django_db

HOST = "http://testserver/api/v1"
UNKNOWN = people.unknown_id()
REMOVED = {"status": "REMOVED"}


@pytest.fixture
def kept(wallet):
    return f"{wallet}/external-accounts"


def bank(iban: Any = IBAN, **values: Any) -> dict[str, Any]:
    return {"iban": iban, **values}


def at(account: ExternalAccount) -> str:
    return f"wallets/{account.wallet_id}/external-accounts/{account.id}"


def cash_out(account_id: Any, **values: Any) -> dict[str, Any]:
    return {"type": "CASH_OUT", "amount": "30.00", "externalAccountId": str(account_id), **values}


# --- POST ----------------------------------------------------------------------------------------


def test_added_account_has_all_fields_and_links(api, alices, wallet, kept):
    body = bank("ES91 2100 0418 4502 0005 1332", alias="Rent", metadata={"contract": "7"})
    answer = api.post(kept, body)
    account = ExternalAccount.objects.get()
    assert (answer.status, answer.headers["Location"]) == (201, f"{HOST}/{kept}/{account.id}")
    assert api.get(answer.headers["Location"]).json == answer.json
    assert answer.json.pop("createdAt") == answer.json.pop("updatedAt")
    assert answer.json == {
        "id": str(account.id),
        "walletId": str(alices.id),
        "alias": "Rent",
        "iban": IBAN,
        "holderName": None,
        "status": "ACTIVE",
        "metadata": {"contract": "7"},
        "_links": {
            "self": {"href": f"{HOST}/{kept}/{account.id}"},
            "wallet": {"href": f"{HOST}/{wallet}"},
        },
    }


@pytest.mark.parametrize("given", [{}, {"alias": None}])
def test_alias_can_be_omitted(api, kept, given):
    answer = api.post(kept, bank(**given))
    assert (answer.status, answer.json["alias"]) == (201, None)


def test_event_has_the_actor_and_no_personal_data(api, kept):
    api.post(kept, bank(alias="Rent"), headers={"X-Request-Id": "mine"})
    event = Event.objects.get(kind="external_account.added")
    assert (event.request_id, event.data) == ("mine", {"balance": 100_00, "held": 0, "seq": 1})
    assert event.actor.startswith("key:")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"iban": "required"}),
        (bank(None), {"iban": "null"}),
        ({"iban": 1}, {"iban": "invalid"}),
        ({"iban": {}}, {"iban.accountNumber": "required"}),
        ({"externalIban": {}}, {"externalIban.accountNumber": "required"}),
        (bank("ES9121000418450200051333"), {"iban": "invalid"}),
        (bank("ES912100041845020005133"), {"iban": "invalid"}),
        (bank("XX9121000418450200051332"), {"iban": "invalid"}),
        (bank(IBAN.lower()), {"iban": "invalid"}),
        (bank(holderName="a" * 71), {"holderName": "max_length"}),
        (bank(externalIban=IBAN), {"externalIban": "unknown_field"}),
        (
            {
                "externalIban": {"accountNumber": "x", "bic": "x"},
                "alias": "a" * 101,
                "holderName": " ",
                "status": "ACTIVE",
                "walletId": "x",
            },
            {
                "externalIban.accountNumber": "invalid",
                "externalIban.bic": "unknown_field",
                "alias": "max_length",
                "holderName": "blank",
                "status": "unknown_field",
                "walletId": "unknown_field",
            },
        ),
        (bank(alias=" "), {"alias": "blank"}),
    ],
)
def test_all_invalid_fields_are_reported(api, kept, body, wrong):
    answer = api.post(kept, body, key="k")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert not ExternalAccount.objects.exists()


def test_duplicate_account_gets_409_with_the_id_of_the_first(api, kept, account, caplog):
    answer = api.post(kept, bank(alias="Other"), key="k")
    assert (answer.status, answer.code) == (409, "already_exists")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert answer.json["conflict"] == {
        "field": "iban",
        "externalAccountId": str(account.id),
    }
    assert not Key.objects.exists()


def test_another_wallet_can_add_the_same_account(api, bobs, account):
    assert api.post(f"wallets/{bobs.id}/external-accounts", bank()).status == 201


def test_removed_account_can_be_added_again_with_a_new_id(api, kept, account):
    api.patch(at(account), REMOVED)
    answer = api.post(kept, bank())
    assert answer.status == 201
    assert answer.json["id"] != str(account.id)
    assert api.post(kept, bank()).json["conflict"]["externalAccountId"] == answer.json["id"]


def test_closed_wallet_cannot_add_an_account(api, bobs):
    path = f"wallets/{bobs.id}/external-accounts"
    people.block(bobs)
    assert api.post(path, bank(OTHER_IBAN)).status == 201, "a blocked one does"
    type(bobs).objects.filter(id=bobs.id).update(status="READY")
    people.close(bobs)
    answer = api.post(path, bank())
    assert (answer.status, answer.code) == (409, "wallet_not_ready")
    assert answer.json["conflict"] == {"walletId": str(bobs.id), "status": "UNSUBSCRIBED"}


def test_same_key_adds_one_account_and_returns_its_current_state(api, kept):
    first = api.post(kept, bank(), key="k")
    removed = api.patch(first.headers["Location"], REMOVED)
    again = api.post(kept, bank(alias=None), key="k")
    assert (again.status, again.json) == (201, removed.json)
    assert again.headers["ETag"] == removed.headers["ETag"] != first.headers["ETag"]
    assert again.headers["Idempotent-Replayed"] == "true"


# --- GET -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [OTHER_IBAN, IBAN]),
        ("sort=createdAt,asc", [IBAN, OTHER_IBAN]),
        ("size=1", [OTHER_IBAN]),
        ("status=ACTIVE", [OTHER_IBAN]),
        ("status=REMOVED", [IBAN]),
        (f"iban={IBAN}", [IBAN]),
        ("iban=DE89%203704%200044%200532%200130%2000", [OTHER_IBAN]),
        (f"iban={IBAN}&status=ACTIVE", []),
        ("metadata[branch]=2", [OTHER_IBAN]),
        ("metadata[branch]=2&metadata[ä🪙]='\"\\ %25s", [OTHER_IBAN]),
        ("metadata[branch]=2&status=REMOVED", []),
        ("metadata[branch]=2&metadata[contract]=8", []),
        ("metadata[contract]=2", []),
    ],
)
def test_accounts_are_listed_and_filtered(api, bobs, kept, account, query, found):
    metadata = {"branch": "2", "contract": "7", "ä🪙": "'\"\\ %s"}
    api.patch(at(account), REMOVED)
    api.post(kept, bank(OTHER_IBAN, metadata=metadata))
    api.post(f"wallets/{bobs.id}/external-accounts", bank(metadata=metadata))
    shown = api.get(f"{kept}?{query}").json["_embedded"]["externalAccounts"]
    assert [each["iban"] for each in shown] == found
    assert all(each == api.get(each["_links"]["self"]["href"]).json for each in shown)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("status=GONE&iban=x", {"status": "invalid_choice", "iban": "invalid"}),
        ("alias=Rent", {"alias": "unknown_parameter"}),
        ("iban=", {"iban": "blank"}),
    ],
)
def test_invalid_parameter_is_reported(api, kept, query, wrong):
    answer = api.get(f"{kept}?{query}")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_parameters", wrong)


# --- PATCH ---------------------------------------------------------------------------------------


def test_removal_of_an_account_can_be_repeated(api, account):
    first, again = (api.patch(at(account), REMOVED) for _ in range(2))
    assert (first.status, first.json["status"]) == (200, "REMOVED")
    assert (again.status, again.json) == (200, first.json)
    assert api.get(at(account)).json == first.json
    assert Event.objects.filter(kind="external_account.removed").count() == 1


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"status": "required"}),
        ({"status": "ACTIVE"}, {"status": "invalid_choice"}),
        ({"status": None, "alias": "x"}, {"status": "null", "alias": "unknown_field"}),
        ({"status": "REMOVED", "metadata": {}}, {"metadata": "one_only"}),
        ({"metadata": {"a": 1}}, {"metadata.a": "not_a_string"}),
    ],
)
def test_invalid_change_of_an_account_gets_400(api, account, body, wrong):
    answer = api.patch(at(account), body)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    account.refresh_from_db()
    assert account.status == "ACTIVE"


@pytest.mark.parametrize(
    ("metadata", "shown"), [({"contract": "7"}, {"contract": "7"}), ({}, None), (None, None)]
)
def test_metadata_of_an_account_are_replaced(api, kept, metadata, shown):
    where = api.post(kept, bank(metadata={"contract": "1", "branch": "2"})).headers["Location"]
    answer = api.patch(where, {"metadata": metadata})
    assert (answer.status, answer.json["metadata"]) == (200, shown)
    assert api.get(where).json == answer.json
    event = Event.objects.get(kind="external_account.changed")
    assert event.data == {"balance": 100_00, "held": 0, "seq": 1}


def test_present_metadata_of_an_account_change_nothing(api, kept):
    where = api.post(kept, bank(metadata={"contract": "7"})).headers["Location"]
    before = api.patch(where, REMOVED).json
    answer = api.patch(where, {"metadata": {"contract": "7"}})
    assert (answer.status, answer.json) == (200, before)
    assert not Event.objects.filter(kind="external_account.changed").exists()


def test_removed_account_keeps_its_metadata(api, account):
    api.patch(at(account), REMOVED)
    answer = api.patch(at(account), {"metadata": {"contract": "7"}})
    assert (answer.status, answer.code) == (409, "external_account_removed")
    assert answer.json["conflict"] == {"externalAccountId": str(account.id)}
    assert api.get(at(account)).json["metadata"] is None


def test_account_of_a_closed_wallet_keeps_its_metadata(api, bobs):
    where = api.post(f"wallets/{bobs.id}/external-accounts", bank()).headers["Location"]
    people.close(bobs)
    answer = api.patch(where, {"metadata": {"contract": "7"}})
    assert (answer.status, answer.code) == (409, "wallet_not_ready")
    assert api.patch(where, {"metadata": None}).status == 200


def test_removal_keeps_the_metadata_of_an_account(api, kept):
    where = api.post(kept, bank(metadata={"contract": "7"})).headers["Location"]
    assert api.patch(where, REMOVED).json["metadata"] == {"contract": "7"}
    assert api.get(where).json["metadata"] == {"contract": "7"}


# --- Paid out to ---------------------------------------------------------------------------------


def test_cash_out_uses_the_iban_of_an_external_account(api, alices, path, account):
    answer = api.post(path, cash_out(account.id))
    assert (answer.status, answer.json["status"], answer.json["iban"]) == (202, "PENDING", IBAN)
    assert money_of(alices) == (100_00, 30_00)
    api.patch(at(account), REMOVED)
    assert api.get(answer.headers["Location"]).json == answer.json, "it keeps its IBAN"


def test_same_key_replays_a_cash_out_after_its_account_was_removed(api, alices, path, account):
    first = api.post(path, cash_out(account.id), key="k")
    api.patch(at(account), REMOVED)
    again = api.post(path, cash_out(account.id), key="k")
    assert (again.status, again.json) == (202, first.json)
    assert money_of(alices) == (100_00, 30_00)


def test_cash_out_to_an_unknown_account_gets_404(api, stranger, bobs, path, account):
    theirs = people.first_wallet(people.a_user(Client.objects.get(name="Another"), people.ALICE))
    for caller, where, account_id in (
        (api, path, UNKNOWN),
        (api, f"wallets/{bobs.id}/movements", account.id),
        (stranger, f"wallets/{theirs.id}/movements", account.id),
    ):
        answer = caller.post(where, cash_out(account_id))
        assert (answer.status, answer.code) == (404, "external_account_not_found")
        assert str(account_id) in answer.json["detail"]
    assert Movement.objects.count() == 1


def test_cash_out_to_a_removed_account_gets_409(api, alices, path, account):
    api.patch(at(account), REMOVED)
    answer = api.post(path, cash_out(account.id))
    assert (answer.status, answer.code) == (409, "external_account_removed")
    assert answer.json["conflict"] == {"externalAccountId": str(account.id)}
    assert money_of(alices) == (100_00, 0)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"iban": {"accountNumber": IBAN}}, {"externalAccountId": "one_only"}),
        (
            {"iban": {"accountNumber": "x"}},
            {"iban.accountNumber": "invalid", "externalAccountId": "one_only"},
        ),
        ({"externalAccountId": "x"}, {"externalAccountId": "invalid"}),
        ({"externalAccountId": None}, {"externalAccountId": "null"}),
        ({"type": "CASH_IN"}, {"externalAccountId": "unknown_field"}),
        (
            {"type": "TRANSFER"},
            {"externalAccountId": "unknown_field", "targetWalletId": "required"},
        ),
    ],
)
def test_cash_out_requires_exactly_one_account(api, alices, path, account, change, wrong):
    answer = api.post(path, cash_out(account.id) | change)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert money_of(alices) == (100_00, 0)


def test_cash_out_without_an_account_gets_400(api, path):
    answer = api.post(path, {"type": "CASH_OUT", "amount": "0"})
    assert answer.wrong == {"iban": "required", "amount": "min_value"}
