"""Amounts that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.support.refusals import refused

pytestmark = pytest.mark.django_db

Asking = tuple[str, Callable[[str], dict[str, Any]], str]


@pytest.fixture
def asking(there: dict[str, UUID], order: dict[str, Any]) -> list[Asking]:
    """Where an amount is asked for: the address, a body with an amount, and what the amount is."""
    wallet = f"wallets/{there['wallet']}"
    movements, hold = f"{wallet}/movements", f"{wallet}/holds/{there['hold']}"
    cash_out = {"type": "CASH_OUT", "externalAccountId": str(there["account"])}
    promise = {"targetWalletId": order["targetWalletId"]}
    transfer = {"sourceWalletId": str(there["wallet"]), "amount": "1.00", **promise}

    def having(rest: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
        return lambda amount: rest | {"amount": amount}

    return [
        (movements, having(order), "amount"),
        (movements, having({"type": "CASH_IN"}), "amount"),
        (movements, having(cash_out), "amount"),
        (f"{movements}/{there['movement']}/reversal", having({}), "amount"),
        (f"{wallet}/holds", having(promise), "amount"),
        (f"{hold}/executions", having({}), "amount"),
        (
            f"{movements}/batch",
            lambda amount: {"movements": [order, order | {"amount": amount}]},
            "movements[1].amount",
        ),
        (
            "operations",
            lambda amount: {"transfers": [transfer, transfer | {"amount": amount}]},
            "transfers[1].amount",
        ),
    ]


AMOUNTS: list[tuple[str, str]] = [
    ("true", "invalid"),
    ("false", "invalid"),
    ("null", "null"),
    ("[]", "invalid"),
    ('["1.00"]', "invalid"),
    ("{}", "invalid"),
    ('{"value": "1.00"}', "invalid"),
    ("1e2", "invalid"),
    ("1E2", "invalid"),
    ("1.5e1", "invalid"),
    ("1e-2", "invalid"),
    ("1e999999999", "invalid"),
    ("-1", "invalid"),
    ("-0", "invalid"),
    ("-0.01", "invalid"),
    ("0", "min_value"),
    ("0.0", "min_value"),
    ("0.00", "min_value"),
    ("0.001", "max_decimal_places"),
    ("0.10000000000000000555", "max_decimal_places"),
    ("9999999999999999", "max_digits"),
    ("99999999999999.99", "max_digits"),
    ('"1e2"', "invalid"),
    ('"1E2"', "invalid"),
    ('"NaN"', "invalid"),
    ('"sNaN"', "invalid"),
    ('"Infinity"', "invalid"),
    ('"-Infinity"', "invalid"),
    ('"-1"', "invalid"),
    ('"-1.00"', "invalid"),
    ('"+1"', "invalid"),
    ('"-0"', "invalid"),
    ('"0"', "min_value"),
    ('"0.00"', "min_value"),
    ('"0.001"', "max_decimal_places"),
    ('"1.001"', "max_decimal_places"),
    ('"0.00001"', "max_decimal_places"),
    ('""', "invalid"),
    ('" "', "invalid"),
    ('" 1"', "invalid"),
    ('"1 "', "invalid"),
    ('"1 000"', "invalid"),
    ('"1\\u00a0000"', "invalid"),
    ('"1,00"', "invalid"),
    ('"1,000.00"', "invalid"),
    ('"1_000"', "invalid"),
    ('".5"', "invalid"),
    ('"5."', "invalid"),
    ('"01"', "invalid"),
    ('"00.10"', "invalid"),
    ('"1.0.0"', "invalid"),
    ('"0x10"', "invalid"),
    ('"10.00 EUR"', "invalid"),
    ('"\\u20ac10"', "invalid"),
    ('"ten"', "invalid"),
    ('"true"', "invalid"),
    ('"\\uff11\\uff10"', "invalid"),
    ('"1\\uff0e00"', "invalid"),
    ('"1\\uff10"', "invalid"),
    ('"1.\\u0660"', "invalid"),
    ('"\\u0661\\u0660"', "invalid"),
    ('"\\u00b2"', "invalid"),
    ('"\\u221210"', "invalid"),
    ('"9999999999999999"', "max_digits"),
    ('"99999999999999.99"', "max_digits"),
    ('"' + "9" * 5_000 + '"', "max_digits"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("amount", "code"), AMOUNTS, ids=[each[0][:30] for each in AMOUNTS])
def test_wrong_amount_is_refused(amount, code, api, asking):
    for address, body, name in asking:
        raw = json.dumps(body("AMOUNT")).replace('"AMOUNT"', amount).encode()
        answer = refused(api.post(address, raw=raw), 400, "invalid_fields")
        assert answer.wrong == {name: code}


@pytest.mark.parametrize("amount", ["1.000", "10.0000"])
def test_too_many_decimals_are_refused_even_as_zeros(amount, api, asking):
    for address, body, name in asking:
        answer = refused(api.post(address, body(amount)), 400, "invalid_fields")
        assert answer.wrong == {name: "max_decimal_places"}


def test_amount_is_required(api, path, order):
    del order["amount"]
    answer = refused(api.post(path, order), 400, "invalid_fields")
    assert answer.wrong == {"amount": "required"}


@pytest.mark.parametrize("amount", ["99999999999999", "9999999999999.999"])
def test_amount_of_too_many_minor_units_is_refused(amount, api, path, order):
    answer = refused(api.post(path, order | {"amount": amount}), 400, "invalid_fields")
    assert set(answer.wrong) == {"amount"}


def test_too_long_amount_gets_max_digits(api, asking):
    for address, body, name in asking:
        answer = refused(api.post(address, body("99999999999999")), 400, "invalid_fields")
        assert answer.wrong == {name: "max_digits"}


@pytest.mark.parametrize("amount", ["0.1", "1.5", "100.01"])
def test_decimals_are_limited_by_the_wallets_currency(amount, api, yen):
    order = {"type": "CASH_IN", "amount": amount}
    answer = refused(api.post(f"wallets/{yen.id}/movements", order), 400, "invalid_fields")
    assert answer.wrong == {"amount": "max_decimal_places"}
