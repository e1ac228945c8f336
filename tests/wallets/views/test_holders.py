"""The IBAN and the name of the holder of a bank account: in bodies, answers and the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tests.support.ibans import IBAN, OTHER_IBAN
from wallets.books import chain
from wallets.models import ExternalAccount, Movement

pytestmark = pytest.mark.django_db

PUBLISHED = "/api/v1/public"
NESTED = {"accountNumber": IBAN}


def out(**bank: Any) -> dict[str, Any]:
    return {"type": "CASH_OUT", "amount": "1.00", **bank}


@pytest.mark.parametrize("iban", [IBAN, "ES91 2100 0418 4502 0005 1332", NESTED])
def test_cash_out_takes_the_iban_as_a_string_or_nested(api, path, iban):
    answer = api.post(path, out(iban=iban, holderName="Bob Example"))
    assert answer.status == 202
    assert (answer.json["iban"], answer.json["holderName"]) == (IBAN, "Bob Example")
    assert api.get(answer.headers["Location"]).json == answer.json


def test_forms_of_an_iban_are_one_request(api, path):
    first = api.post(path, out(iban=IBAN), key="k")
    again = api.post(path, out(iban=NESTED), key="k")
    assert (again.status, again.json["id"]) == (202, first.json["id"])


def test_holder_is_part_of_the_request_of_a_key(api, path):
    api.post(path, out(iban=IBAN, holderName="Bob"), key="k")
    assert api.post(path, out(iban=IBAN, holderName="Alice"), key="k").code == (
        "idempotency_key_reused"
    )


def test_cash_out_without_a_holder_has_none(api, path):
    assert api.post(path, out(iban=IBAN, holderName=None)).json["holderName"] is None


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (out(iban=IBAN, holderName="a" * 71), {"holderName": "max_length"}),
        (out(iban=IBAN, holderName=" "), {"holderName": "blank"}),
        (out(iban={"accountNumber": "x"}), {"iban.accountNumber": "invalid"}),
        ({"type": "CASH_IN", "amount": "1", "holderName": "Bob"}, {"holderName": "unknown_field"}),
    ],
)
def test_invalid_holder_or_iban_is_reported(api, path, body, wrong):
    assert api.post(path, body).wrong == wrong


def test_external_account_has_its_own_holder(api, wallet, path):
    body = {"iban": OTHER_IBAN, "holderName": "Bob Example"}
    kept = api.post(f"{wallet}/external-accounts", body)
    assert (kept.json["iban"], kept.json["holderName"]) == (OTHER_IBAN, "Bob Example")
    assert api.get(kept.headers["Location"]).json == kept.json
    made = api.post(path, out(externalAccountId=kept.json["id"]))
    assert (made.json["iban"], made.json["holderName"]) == (OTHER_IBAN, "Bob Example")
    named = api.post(path, out(externalAccountId=kept.json["id"], holderName="Alice"))
    assert named.wrong == {"holderName": "with_iban_only"}


def test_external_account_takes_the_published_name_too(api, wallet):
    kept = api.post(f"{wallet}/external-accounts", {"externalIban": NESTED})
    assert (kept.status, kept.json["iban"]) == (201, IBAN)
    assert "externalIban" not in kept.json


@pytest.mark.parametrize("iban", [IBAN, NESTED])
def test_published_paths_take_both_forms(api, alices, iban):
    wallet = f"{PUBLISHED}/wallets/{alices.id}"
    made = api.post(f"{wallet}/cashOuts", {"amount": "1.00", "iban": iban})
    assert (made.status, made.json["iban"]) == (202, IBAN)
    kept = api.post(f"{wallet}/favourite-external-accounts", {"externalIban": iban})
    assert (kept.status, kept.json["externalIban"]) == (201, NESTED)
    listed = api.get(f"{wallet}/favourite-external-accounts").json["_embedded"]
    assert listed["externalAccounts"] == [kept.json]
    own = api.get(f"{wallet}/favourite-external-accounts/{kept.json['id']}")
    assert own.json == kept.json


# --- The ledger -----------------------------------------------------------------------------------


def sealed(api: Any, path: str, **texts: Any) -> tuple[bytes, bytes]:
    """Cash out with these texts; return the stored salt and digest."""
    made = api.post(path, out(iban=IBAN, **texts))
    rows = Movement.objects.filter(id=made.json["id"]).values_list("salt", "details_digest")
    salt, digest = rows.get()
    return bytes(salt or b""), bytes(digest or b"")


def test_holder_is_sealed_in_the_digest(api, path):
    salt, digest = sealed(api, path, holderName="Bob", concept="Rent", metadata={"a": "1"})
    assert digest == chain.digest_details(salt, "Rent", IBAN, {"a": "1"}, "Bob")


def test_digest_covers_a_holder_alone(api, path):
    salt, digest = sealed(api, path, holderName="Bob")
    assert digest != chain.digest_details(salt, None, IBAN, None)


@pytest.mark.parametrize("name", ["Alice", None])
def test_database_refuses_another_holder(api, path, name):
    made = api.post(path, out(iban=IBAN, holderName="Bob"))
    with (
        pytest.raises(IntegrityError, match="erased together"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE wallets_movement SET holder_name = %s WHERE id = %s", [name, made.json["id"]]
        )


def test_account_without_a_holder_is_stored_blank(account):
    assert ExternalAccount.objects.get(id=account.id).holder_name == ""
