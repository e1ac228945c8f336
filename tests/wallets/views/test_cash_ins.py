"""Cash-ins over the API."""

from __future__ import annotations

import pytest

from tests.support import bank, people
from tests.support.people import Api, cash, to

pytestmark = pytest.mark.django_db


def test_cash_in_increases_the_balance(api, alices, path):
    answer = api.post(path, cash(concept="Card"))
    assert answer.status == 201
    assert (answer.json["type"], answer.json["direction"]) == ("CASH_IN", "IN")
    assert (answer.json["amount"], answer.json["balanceAfter"]) == ("10.00", "110.00")
    assert answer.json["counterpartyWalletId"] is None
    assert "counterpartyWallet" not in answer.json["_links"]
    assert people.balances(alices) == [110_00]


def test_a_cash_in_needs_a_scope_of_its_own(client_demo, alices, bobs, path):
    api = Api(people.a_key(client_demo, "movements:write"))
    answer = api.post(path, cash())
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert "cash-in:write" in answer.json["detail"]
    assert people.balances(alices) == [100_00]
    assert api.post(path, to(bobs)).status == 201
    both = Api(people.a_key(client_demo, "movements:write", "cash-in:write"))
    assert both.post(path, cash()).status == 201


def test_the_scope_of_cash_in_alone_is_not_enough(client_demo, path):
    answer = Api(people.a_key(client_demo, "cash-in:write")).post(path, cash())
    assert answer.status == 403
    assert "movements:write" in answer.json["detail"]


@pytest.mark.parametrize("is_batch", [False, True])
def test_client_of_the_bank_orders_no_cash_in(api, client_demo, wallet, alices, is_batch):
    body = {"type": "CASH_IN", "amount": "1.00"}
    path = f"{wallet}/movements"
    assert api.post(path, body, key="one").status == 201
    bank.agree_to_source(client_demo, "BANK")
    sent = {"movements": [body]} if is_batch else body
    answer = api.post(f"{path}/batch" if is_batch else path, sent, key="two")
    if is_batch:
        assert (answer.status, answer.code) == (409, "batch_refused")
        assert answer.json["conflict"]["items"][0]["code"] == "cash_ins_from_bank"
    else:
        assert (answer.status, answer.code) == (403, "cash_ins_from_bank")
    alices.refresh_from_db()
    assert alices.balance == 101_00
