"""What a body may carry beside what: the document says it, and the server does it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import openapi
from tests.support.people import Answer, Api
from tests.support.resources import NEW_USER
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

ID = "01980000-0000-7000-8000-000000000001"
IBAN = "ES9121000418450200051332"
COMPANY = {"kind": "JURIDICAL", "userName": "example", "mobilePhone": "+34600000009"}


def agreed(schema: str, body: Any, answer: Answer) -> bool:
    """Whether a body is taken, which the document and the server say alike."""
    fits = bool(openapi.validator(f"/components/schemas/{schema}").is_valid(body))
    assert fits is (answer.status != 400), answer.json
    return fits


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"type": "CASH_IN", "amount": "1.00"}, True),
        ({"type": "CASH_IN", "amount": "1.00", "targetWalletId": ID}, False),
        ({"type": "TRANSFER", "amount": "1.00", "targetWalletId": ID}, True),
        ({"type": "TRANSFER", "amount": "1.00"}, False),
        ({"type": "TRANSFER", "amount": "1.00", "targetWalletId": ID, "iban": IBAN}, False),
        ({"type": "CASH_OUT", "amount": "1.00", "iban": IBAN}, True),
        ({"type": "CASH_OUT", "amount": "1.00", "externalAccountId": ID}, True),
        ({"type": "CASH_OUT", "amount": "1.00", "iban": IBAN, "holderName": "Bob"}, True),
        ({"type": "TRANSFER", "amount": "1.00", "targetWalletId": ID, "holderName": "B"}, False),
        ({"type": "CASH_IN", "amount": "1.00", "holderName": "B"}, False),
    ],
    ids=str,
)
def test_each_type_of_movement_has_its_own_fields(api: Api, alices: Wallet, body, taken):
    movements = f"wallets/{alices.id}/movements"
    assert agreed("MovementBody", body, api.post(movements, body)) is taken
    batch = {"movements": [body]}
    assert agreed("BatchBody", batch, api.post(f"{movements}/batch", batch)) is taken


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"iban": IBAN, "externalAccountId": ID},
        {"holderName": "Bob", "externalAccountId": ID},
    ],
)
def test_cash_out_needs_one_destination_named_in_its_description(api: Api, alices: Wallet, more):
    body = {"type": "CASH_OUT", "amount": "1.00", **more}
    assert api.post(f"wallets/{alices.id}/movements", body).status == 400
    assert openapi.validator("/components/schemas/MovementBody").is_valid(body)
    described = openapi.document()["components"]["schemas"]["CashOutBody"]["description"]
    assert "one of the two" in described


def test_number_is_accepted_as_an_amount_though_not_documented(api: Api, alices: Wallet):
    body = {"type": "CASH_IN", "amount": 10.5}
    assert api.post(f"wallets/{alices.id}/movements", body).json["amount"] == "10.50"
    assert not openapi.validator("/components/schemas/MovementBody").is_valid(body)


@pytest.mark.parametrize("count", [0, 1_001])
def test_batch_has_one_to_a_thousand_movements(api: Api, alices: Wallet, count):
    body = {"movements": [{"type": "CASH_IN", "amount": "0.01"}] * count}
    assert not agreed("BatchBody", body, api.post(f"wallets/{alices.id}/movements/batch", body))


@pytest.mark.parametrize("count", [0, 1, 100, 101])
def test_operation_has_one_to_a_hundred_transfers(api: Api, alices: Wallet, bobs: Wallet, count):
    ids = {"sourceWalletId": str(alices.id), "targetWalletId": str(bobs.id)}
    body = {"transfers": [{"amount": "0.01", **ids}] * count}
    assert agreed("OperationBody", body, api.post("operations", body)) is (1 <= count <= 100)


@pytest.mark.parametrize(
    ("amount", "taken"),
    [
        ("0.01", True),
        ("10", True),
        ("0", False),
        ("0.00", False),
        (0, False),
        (-1, False),
        ("01.00", False),
        ("1.", False),
        ("1e2", False),
        (" 1", False),
        ("1234567890123456", False),
    ],
)
def test_amount_must_be_positive(api: Api, alices: Wallet, amount, taken):
    body = {"type": "CASH_IN", "amount": amount}
    assert agreed("MovementBody", body, api.post(f"wallets/{alices.id}/movements", body)) is taken


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (NEW_USER, True),
        (NEW_USER | {"companyName": "Example Ltd"}, False),
        ({name: NEW_USER[name] for name in NEW_USER if name != "lastName"}, False),
        (COMPANY | {"companyName": "Example Ltd"}, True),
        (COMPANY, False),
        (COMPANY | {"companyName": "Example Ltd", "firstName": "Bob"}, False),
        (NEW_USER | {"firstName": " "}, False),
        (NEW_USER | {"firstName": "Al\u0085ice"}, False),
        (NEW_USER | {"firstName": "Al\tice"}, False),
        (NEW_USER | {"firstName": "Al ice"}, True),
    ],
)
def test_person_requires_two_names_and_a_company_one(api: Api, body, taken):
    assert agreed("UserBody", body, api.post("users", body)) is taken


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"status": "RELEASED"}, True),
        ({"expiration": None}, True),
        ({"status": "RELEASED", "expiration": None}, False),
        ({}, False),
    ],
)
def test_hold_change_must_release_or_renew(api: Api, alices: Wallet, bobs: Wallet, body, taken):
    promise = {"targetWalletId": str(bobs.id), "amount": "1.00"}
    hold = api.post(f"wallets/{alices.id}/holds", promise).json["id"]
    answer = api.patch(f"wallets/{alices.id}/holds/{hold}", body)
    assert agreed("HoldChange", body, answer) is taken
