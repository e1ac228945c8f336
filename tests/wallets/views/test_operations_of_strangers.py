"""A wallet of another client in an operation or a batch is refused as one that does not exist."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from uuid import UUID

import pytest

from iocash import errors
from tests.support import people
from tests.support.people import Answer, Api
from users.models import Key
from wallets.models import Wallet
from wallets.orders.base import Outcome
from wallets.posting import group

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()


@pytest.fixture
def yens() -> Wallet:
    """A wallet of another client with 100 JPY, in which no amount has decimals."""
    wallet = people.a_wallet(people.a_user(people.a_client("Another"), people.ALICE), "JPY")
    people.cash_in(wallet, 100)
    return wallet


def pay(source: Any, target: Any, amount: str = "1.50", **values: Any) -> dict[str, Any]:
    return {"sourceWalletId": source, "targetWalletId": target, "amount": amount, **values}


NAMED: dict[str, list[dict[str, Any]]] = {
    "source": [pay("THEIRS", "BOBS")],
    "target": [pay("ALICES", "THEIRS")],
    "both": [pay("THEIRS", "THEIRS")],
    "source and more than it has": [pay("THEIRS", "BOBS", "1000000")],
    "target and more than there is": [pay("ALICES", "THEIRS", "1000000")],
    "source with many decimals": [pay("THEIRS", "BOBS", "0.001")],
    "target with many decimals": [pay("ALICES", "THEIRS", "0.001")],
    "source with its currency": [pay("THEIRS", "BOBS", "1", currency="JPY")],
    "source with another currency": [pay("THEIRS", "BOBS", "1", currency="USD")],
    "target with its currency": [pay("ALICES", "THEIRS", "1", currency="JPY")],
    "after others": [pay("ALICES", "BOBS"), pay("THEIRS", "BOBS"), pay("BOBS", "THEIRS")],
    "among others that are refused": [pay("THEIRS", "BOBS"), pay("ALICES", "BOBS", "1000000")],
}


@pytest.mark.parametrize("query", ["", "?dryRun=true"])
@pytest.mark.parametrize("name", NAMED)
def test_wallet_of_another_client_is_refused_as_an_unknown_one(
    api: Api, alices: Wallet, bobs: Wallet, yens: Wallet, name: str, query: str
):
    def sent(theirs: UUID) -> tuple[int, str]:
        ids = {"ALICES": alices.id, "BOBS": bobs.id, "THEIRS": theirs}
        text = json.dumps({"transfers": NAMED[name]})
        for word, wallet_id in ids.items():
            text = text.replace(f'"{word}"', f'"{wallet_id}"')
        answer: Answer = api.post(f"operations{query}", raw=text.encode(), key="k")
        body = {each: value for each, value in answer.json.items() if each != "requestId"}
        return answer.status, json.dumps(body).replace(str(theirs), "THEIRS")

    status, body = sent(yens.id)
    assert (status, body) == sent(UNKNOWN)
    assert status in {400, 409}
    assert "JPY" not in body or "JPY" in json.dumps(NAMED[name])
    assert people.balances(alices, bobs, yens) == [100_00, 0, 100]
    assert not Key.objects.exists()


def test_first_wallet_is_unknown_by_its_code(api: Api, alices: Wallet, bobs: Wallet, yens: Wallet):
    transfers = [pay(str(yens.id), str(bobs.id)), pay(str(alices.id), str(yens.id))]
    answer = api.post("operations", {"transfers": transfers})
    assert [item["code"] for item in answer.json["conflict"]["items"]] == [
        "source_wallet_not_found",
        "target_wallet_not_found",
    ]


@pytest.mark.parametrize("place", ["source", "target"])
def test_wallet_stays_unknown_beside_an_order_of_its_client(
    alices: Wallet, bobs: Wallet, yens: Wallet, place: str
):
    """In a group of orders the wallet is locked for its own client."""

    def refused(theirs: Wallet) -> dict[str, Any]:
        pair = (theirs, bobs) if place == "source" else (alices, theirs)
        item = dataclasses.replace(people.a_transfer(*pair, 1), client_id=alices.client_id)
        answer, made = group.post([people.an_operation(item), people.a_cash_in(yens, 1)])
        assert isinstance(made, Outcome)
        assert isinstance(answer, errors.BatchRefused)
        (found,) = answer.facts["items"]
        return {**found, "detail": found["detail"].replace(str(theirs.id), "THEIRS")}

    known = refused(yens)
    unknown = refused(Wallet(id=UNKNOWN, client_id=yens.client_id, currency="JPY"))
    name = f"{place}_wallet_id"
    assert (known.pop(name), unknown.pop(name)) == (yens.id, UNKNOWN)
    assert known == unknown
    assert known["code"] == f"{place}_wallet_not_found"
    assert people.balances(alices, bobs) == [100_00, 0]
