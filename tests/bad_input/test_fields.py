"""Fields that are wrong, missing, or none, and ids in bodies."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests import cast
from tests.bad_input.refusing import refused

pytestmark = pytest.mark.django_db

# --- Fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"type": "transfer"}, {"type": "invalid_choice"}),
        ({"type": "REVERSAL"}, {"type": "invalid_choice"}),
        ({"type": "ADJUSTMENT"}, {"type": "invalid_choice"}),
        ({"type": None}, {"type": "null"}),
        ({"type": 1}, {"type": "invalid_choice"}),
        ({"type": ["TRANSFER"]}, {"type": "invalid_choice"}),
        ({"concept": ""}, {"concept": "blank"}),
        ({"concept": "  "}, {"concept": "blank"}),
        ({"concept": 1}, {"concept": "invalid"}),
        ({"concept": True}, {"concept": "invalid"}),
        ({"concept": ["Lunch"]}, {"concept": "invalid"}),
        ({"concept": "x" * 141}, {"concept": "max_length"}),
        ({"metadata": "a=1"}, {"metadata": "invalid"}),
        ({"metadata": ["a"]}, {"metadata": "invalid"}),
        ({"metadata": {"a": 1}}, {"metadata.a": "not_a_string"}),
        ({"metadata": {"a": None}}, {"metadata.a": "not_a_string"}),
        ({"metadata": {"a": {"b": "c"}}}, {"metadata.a": "not_a_string"}),
        ({"metadata": {"a": "x" * 501}}, {"metadata.a": "max_length"}),
        ({"metadata": {"": "a"}}, {"metadata": "key"}),
        ({"metadata": {"k" * 41: "a"}}, {"metadata": "key"}),
        ({"metadata": {f"k{n}": "a" for n in range(21)}}, {"metadata": "max_pairs"}),
        ({"color": "red"}, {"color": "unknown_field"}),
        ({"Amount": "1.00"}, {"Amount": "unknown_field"}),
        ({"target_wallet_id": "x"}, {"target_wallet_id": "unknown_field"}),
        ({"": "x"}, {"": "unknown_field"}),
        ({"amount.value": "1"}, {"amount.value": "unknown_field"}),
        ({"__proto__": {}}, {"__proto__": "unknown_field"}),
        ({"currency": "EUR"}, {"currency": "unknown_field"}),
        ({"status": "SUCCESS"}, {"status": "unknown_field"}),
        ({"id": "1"}, {"id": "unknown_field"}),
        ({"walletId": "1"}, {"walletId": "unknown_field"}),
        ({"balanceAfter": "1.00"}, {"balanceAfter": "unknown_field"}),
        ({"createdAt": "2026-01-01T00:00:00Z"}, {"createdAt": "unknown_field"}),
        ({"direction": "IN"}, {"direction": "unknown_field"}),
        ({"_links": {}}, {"_links": "unknown_field"}),
        (
            {"amount": "x", "concept": 1, "color": "red", "targetWalletId": "1"},
            {
                "amount": "invalid",
                "concept": "invalid",
                "color": "unknown_field",
                "targetWalletId": "invalid",
            },
        ),
    ],
)
def test_a_wrong_field_of_a_movement_is_named(change, errors, api, path, order):
    answer = refused(api.post(path, order | change), 400, "invalid_fields")
    assert answer.wrong == errors


def test_a_movement_needs_a_type(api, path, order):
    del order["type"]
    answer = refused(api.post(path, order), 400, "invalid_fields")
    assert answer.wrong == {"type": "required"}


def test_a_transfer_needs_a_target(api, path):
    body = {"type": "TRANSFER", "amount": "1.00"}
    answer = refused(api.post(path, body), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "required"}


def test_a_cash_in_has_no_target(api, path, order):
    answer = refused(api.post(path, order | {"type": "CASH_IN"}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "unknown_field"}


def test_a_missing_target_is_named_together_with_a_wrong_amount(api, path):
    answer = refused(api.post(path, {"type": "TRANSFER", "amount": "x"}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "required", "amount": "invalid"}


def test_a_wallet_never_pays_itself(api, path, order, alices):
    body = order | {"targetWalletId": str(alices.id)}
    answer = refused(api.post(path, body), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "same_wallet"}


# --- Ids ----------------------------------------------------------------------------------------

BAD_IDS = [
    "1",
    "x",
    "{bare}",
    "{upper}",
    "{{{id}}}",
    "urn:uuid:{id}",
    "{id}0",
    "{short}",
    "{id} ",
    "zzzzzzzz-zzzz-7zzz-8zzz-zzzzzzzzzzzz",
    "00000000-0000-0000-0000-00000000000\uff10",
]


def bad(template: str, known: UUID) -> str:
    text = str(known)
    return template.format(id=text, bare=text.replace("-", ""), upper=text.upper(), short=text[:-1])


@pytest.mark.parametrize("template", [*BAD_IDS, "", " "])
def test_a_bad_id_in_a_body_is_400(template, api, path, order, bobs):
    body = order | {"targetWalletId": bad(template, bobs.id)}
    answer = refused(api.post(path, body), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "invalid"}


@pytest.mark.parametrize("value", [1, True, ["x"], {}, 1.5])
def test_an_id_of_another_type_is_400(value, api, path, order):
    answer = refused(api.post(path, order | {"targetWalletId": value}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "invalid"}


@pytest.mark.parametrize("template", BAD_IDS)
def test_a_bad_id_in_a_path_is_404(template, api, alices, order):
    wallet, user = bad(template, alices.id), bad(template, alices.user_id)
    for answer in (
        api.post(f"wallets/{wallet}/movements", order),
        api.get(f"wallets/{wallet}/movements"),
        api.get(f"wallets/{wallet}/movements/{wallet}"),
        api.get(f"wallets/{wallet}"),
        api.patch(f"users/{user}", {"firstName": "Alicia"}),
        api.get(f"users/{user}"),
    ):
        refused(answer, 404, "not_found")


def test_an_id_that_nobody_has_is_404(api, path, order):
    body = order | {"targetWalletId": str(cast.unknown_id())}
    refused(api.post(path, body), 404, "target_wallet_not_found")
    refused(api.post(f"wallets/{cast.unknown_id()}/movements", order), 404, "not_found")
    refused(api.get(f"users/{cast.unknown_id()}"), 404, "not_found")
