"""The currency that a body names: accepted if it is the wallet's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import people
from tests.support.ibans import IBAN
from tests.support.refusals import state

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["cash-in", "cash-out", "transfer", "hold", "execution", "reversal"])
def order(request, alices, bobs) -> tuple[str, dict[str, Any]]:
    """An address, and a body that is accepted there."""
    wallet = f"wallets/{alices.id}"
    movements = f"{wallet}/movements"
    match request.param:
        case "cash-in":
            return movements, {"type": "CASH_IN", "amount": "1.50"}
        case "cash-out":
            body = {"type": "CASH_OUT", "amount": "1.50", "iban": {"accountNumber": IBAN}}
            return movements, body
        case "transfer":
            return movements, people.to(bobs, "1.50")
        case "hold":
            return f"{wallet}/holds", {"targetWalletId": str(bobs.id), "amount": "1.50"}
        case "execution":
            hold = people.place(alices, bobs, 5_00)
            return f"{wallet}/holds/{hold.id}/executions", {"amount": "1.50"}
    movement = people.transfer(alices, bobs, 5_00)
    return f"{movements}/{movement.id}/reversal", {}


def test_currency_of_the_wallet_is_accepted(api, order):
    path, body = order
    assert api.post(path, body | {"currency": "EUR"}).status in {201, 202}


@pytest.mark.parametrize("currency", ["USD", "JPY"])  # no decimals in JPY
def test_other_currency_gets_409_and_changes_nothing(api, alices, order, currency):
    path, body = order
    before = state()
    answer = api.post(path, body | {"currency": currency}, key="k")
    assert (answer.status, answer.code) == (409, "currency_mismatch")
    assert answer.json["conflict"] == {
        "walletId": str(alices.id),
        "currency": "EUR",
        "orderCurrency": currency,
    }
    assert state() == before


@pytest.mark.parametrize("currency", ["EURO", "eur", "", None, 978])
def test_invalid_currency_gets_400(api, order, currency):
    path, body = order
    answer = api.post(path, body | {"currency": currency})
    assert answer.wrong == {"currency": "null" if currency is None else "invalid_choice"}


def test_same_key_with_and_without_currency_replays_the_order(api, order):
    path, body = order
    first = api.post(path, body, key="k")
    again = api.post(path, body | {"currency": "EUR"}, key="k")
    assert (again.status, again.json["id"]) == (first.status, first.json["id"])
    assert again.headers["Idempotent-Replayed"] == "true"


def test_batch_names_the_item_with_another_currency(api, path, bobs):
    items = [people.to(bobs, "1.00"), people.to(bobs, "1.00", currency="JPY")]
    answer = api.post(f"{path}/batch", {"movements": items})
    assert answer.code == "batch_refused"
    (item,) = answer.json["conflict"]["items"]
    assert (item["index"], item["code"], item["orderCurrency"]) == (1, "currency_mismatch", "JPY")
