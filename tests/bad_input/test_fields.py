"""Fields that are wrong, missing, or none, and ids in bodies."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.support import people
from tests.support.refusals import refused
from tests.support.resources import BELOW_A_WALLET

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
        ({"reference": ""}, {"reference": "blank"}),
        ({"reference": 1001}, {"reference": "invalid"}),
        ({"reference": "x" * 65}, {"reference": "max_length"}),
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
        ({"currency": "euro"}, {"currency": "invalid_choice"}),
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
def test_wrong_field_of_a_movement_is_named_in_the_400(change, errors, api, path, order):
    answer = refused(api.post(path, order | change), 400, "invalid_fields")
    assert answer.wrong == errors
    items = {"movements": [order, order | change]}
    answer = refused(api.post(f"{path}/batch", items), 400, "invalid_fields")
    named = {f".{name}" if name else "": code for name, code in errors.items()}
    assert answer.wrong == {f"movements[1]{name}": code for name, code in named.items()}


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"concept": ""}, {"concept": "blank"}),
        ({"concept": ["Lunch"]}, {"concept": "invalid"}),
        ({"concept": "x" * 141}, {"concept": "max_length"}),
        ({"metadata": ["a"]}, {"metadata": "invalid"}),
        ({"metadata": {"a": {"b": "c"}}}, {"metadata.a": "not_a_string"}),
        ({"type": "TRANSFER"}, {"type": "unknown_field"}),
        ({"target_wallet_id": "x"}, {"target_wallet_id": "unknown_field"}),
        ({"": "x"}, {"": "unknown_field"}),
        ({"__proto__": {}}, {"__proto__": "unknown_field"}),
        (
            {"status": "SUCCESS", "holdId": "x"},
            dict.fromkeys(("status", "holdId"), "unknown_field"),
        ),
        ({"balance": "1", "_links": {}}, dict.fromkeys(("balance", "_links"), "unknown_field")),
        ({"concept": 1, "color": "red"}, {"concept": "invalid", "color": "unknown_field"}),
    ],
)
def test_wrong_field_of_a_hold_execution_or_reversal_is_named_in_the_400(
    change, errors, api, doors
):
    worded = [door for door in doors if door[1].endswith(("/holds", "/executions", "/reversal"))]
    assert len(worded) == 3
    for _, address, body in worded:
        answer = refused(api.post(address, body | change), 400, "invalid_fields")
        assert answer.wrong == errors


@pytest.mark.parametrize("value", [1, "true", None, [], {}, "yes", 0])
def test_non_boolean_flag_is_refused(value, api, there):
    address = f"wallets/{there['wallet']}/holds/{there['hold']}/executions"
    answer = refused(api.post(address, {"keepOpen": value}), 400, "invalid_fields")
    assert answer.wrong == {"keepOpen": "null" if value is None else "invalid"}


def test_empty_change_gets_the_required_field_named(api, there):
    changes = [each for each in BELOW_A_WALLET if each.method == "PATCH"]
    assert len(changes) >= 3
    for endpoint in changes:
        answer = refused(api.patch(endpoint.at(there), {}), 400, "invalid_fields")
        assert answer.wrong == {"status": "required"}


@pytest.mark.parametrize(
    "body", [None, [], "x", 1, {}, [[]], [1], {"0": {}}, [None], ["x", {}, 1.5, True]]
)
def test_items_that_are_not_a_list_of_objects_are_refused(body, api, path):
    for address, name in ((f"{path}/batch", "movements"), ("operations", "transfers")):
        answer = refused(api.post(address, {name: body}), 400, "invalid_fields")
        assert all(field.startswith(name) for field in answer.wrong)


@pytest.mark.parametrize(
    "iban",
    [
        "",
        " ",
        "x",
        "ES",
        "ES0000000000000000000000",
        "es9121000418450200051332",
        "ES91-2100-0418-4502-0005-1332",
        "ES91\uff12100041845020005133",
        "\u0395\u03a39121000418450200051332",
        "ZZ9121000418450200051332",
        "ES9121000418450200051332" * 2,
        "9" * 5_000,
        1,
        True,
        ["ES9121000418450200051332"],
    ],
)
def test_invalid_iban_is_refused(iban, api, path, there):
    answer = api.post(path, {"type": "CASH_OUT", "amount": "1", "iban": iban})
    assert refused(answer, 400, "invalid_fields").wrong == {"iban": "invalid"}
    kept = {"iban": iban}
    answer = api.post(f"wallets/{there['wallet']}/external-accounts", kept)
    assert refused(answer, 400, "invalid_fields").wrong == {"iban": "invalid"}


def test_movement_needs_a_type(api, path, order):
    del order["type"]
    answer = refused(api.post(path, order), 400, "invalid_fields")
    assert answer.wrong == {"type": "required"}


def test_transfer_needs_a_target(api, path):
    body = {"type": "TRANSFER", "amount": "1.00"}
    answer = refused(api.post(path, body), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "required"}


def test_cash_in_with_a_target_is_refused(api, path, order):
    answer = refused(api.post(path, order | {"type": "CASH_IN"}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "unknown_field"}


def test_missing_target_and_wrong_amount_are_named_together(api, path):
    answer = refused(api.post(path, {"type": "TRANSFER", "amount": "x"}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "required", "amount": "invalid"}


def test_transfer_to_the_same_wallet_is_refused(api, path, order, alices):
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
def test_bad_id_in_a_body_gets_400(template, api, alices, path, order, bobs):
    named = {"targetWalletId": bad(template, bobs.id)}
    promise = {"amount": "1"} | named
    for answer in (
        api.post(path, order | named),
        api.post(f"wallets/{alices.id}/holds", promise),
    ):
        refused(answer, 400, "invalid_fields")
        assert answer.wrong == {"targetWalletId": "invalid"}
    cash_out = {"type": "CASH_OUT", "amount": "1", "externalAccountId": bad(template, bobs.id)}
    answer = refused(api.post(path, cash_out), 400, "invalid_fields")
    assert answer.wrong == {"externalAccountId": "invalid"}


@pytest.mark.parametrize("value", [1, True, ["x"], {}, 1.5])
def test_id_of_another_json_type_gets_400(value, api, path, order):
    answer = refused(api.post(path, order | {"targetWalletId": value}), 400, "invalid_fields")
    assert answer.wrong == {"targetWalletId": "invalid"}


@pytest.mark.parametrize("template", BAD_IDS)
def test_bad_id_in_a_path_gets_404(template, api, alices, order):
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


@pytest.mark.parametrize("template", BAD_IDS)
def test_bad_id_anywhere_in_a_path_gets_404(template, api, there, doors):
    for method, address, body in doors:
        for known in there.values():
            if f"/{known}" in address:
                wrong = address.replace(str(known), bad(template, known))
                refused(api.call(method, wrong, body), 404, "not_found")


def test_unknown_id_gets_404(api, path, order):
    body = order | {"targetWalletId": str(people.unknown_id())}
    refused(api.post(path, body), 404, "target_wallet_not_found")
    refused(api.post(f"wallets/{people.unknown_id()}/movements", order), 404, "not_found")
    refused(api.get(f"users/{people.unknown_id()}"), 404, "not_found")


@pytest.mark.slow
def test_number_of_named_wrong_fields_is_limited(api, path):
    """Otherwise a small request would get a large answer."""
    unknown = {f"field{number}": 1 for number in range(5_000)}
    for address, body, most in (
        (path, unknown, 102),
        (f"{path}/batch", {"movements": [unknown] * 20}, 1_000),
        (f"{path}/batch", {"movements": [{}] * 1_000}, 1_000),
    ):
        answer = refused(api.post(address, body), 400, "invalid_fields")
        assert len(answer.json["errors"]) == most
