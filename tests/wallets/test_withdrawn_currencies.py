"""A wallet outlives its currency: what was opened stays readable and usable."""

from __future__ import annotations

import pytest

from iocash import money
from tests.support import people

pytestmark = pytest.mark.django_db

GONE = "SEK"


@pytest.fixture
def kronor(bob):
    """Bob's wallet with 5.00 SEK."""
    wallet = people.a_wallet(bob, GONE)
    people.cash_in(wallet, 5_00)
    return wallet


@pytest.fixture
def withdrawn(kronor, monkeypatch):
    """ISO 4217 has withdrawn the currency since."""
    left = tuple(code for code in money.currencies() if code != GONE)
    monkeypatch.setattr(money, "currencies", lambda: left)
    return f"wallets/{kronor.id}"


def test_wallet_in_a_withdrawn_currency_is_read(withdrawn, api):
    assert api.get(withdrawn).json["balance"] == "5.00"
    assert api.get(f"{withdrawn}/balance").json["balance"] == "5.00"
    assert api.get(f"{withdrawn}/statement").json["closingBalance"] == "5.00"
    assert api.get(f"{withdrawn}/movements").status == 200


def test_lists_include_wallets_in_a_withdrawn_currency(withdrawn, api):
    for query in ("", f"?currency={GONE}"):
        wallets = api.get(f"wallets{query}").json["_embedded"]["wallets"]
        assert GONE in {each["currency"] for each in wallets}


def test_money_in_a_withdrawn_currency_still_moves(withdrawn, api):
    assert api.post(f"{withdrawn}/movements", people.cash("1.50")).status == 201


def test_wallet_in_a_withdrawn_currency_can_be_put_again(withdrawn, api, bob):
    body = {"userId": str(bob.id), "currency": GONE, "alias": "Old"}
    assert api.put(withdrawn, body).status == 200


@pytest.mark.parametrize("code", [GONE, "BGN"])
def test_no_wallet_is_opened_in_a_withdrawn_currency(code, withdrawn, api, bob):
    body = {"userId": str(bob.id), "currency": code}
    assert api.post("wallets", body).wrong == {"currency": "invalid_choice"}
    assert api.put(f"wallets/{people.unknown_id()}", body).wrong == {"currency": "invalid_choice"}


def test_key_that_opened_a_wallet_replays_after_the_currency_was_withdrawn(api, bob, monkeypatch):
    body = {"userId": str(bob.id), "currency": GONE}
    opened = api.post("wallets", body, key="k").json
    monkeypatch.setattr(money, "currencies", lambda: ("EUR",))
    assert api.post("wallets", body, key="k").json["id"] == opened["id"]
