"""A wallet outlives its currency: what was opened stays readable and usable."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client as Browser

from iocash import money
from iocash.db.backend import safety
from tests.support import people
from wallets.models.currencies import unknown_currencies

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


def test_readyz_names_currencies_that_are_unknown(bob, monkeypatch):
    """A withdrawn currency stays known; one of another release is not."""
    monkeypatch.setattr(safety, "ASKED_ONCE", [unknown_currencies])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE wallets_wallet SET currency = 'BGN' WHERE user_id = %s", [bob.id])
        assert [*unknown_currencies()] == []
        cursor.execute("UPDATE wallets_wallet SET currency = 'ZZQ' WHERE user_id = %s", [bob.id])
        answer = Browser().get("/readyz")
        cursor.execute("UPDATE wallets_wallet SET currency = 'EUR' WHERE user_id = %s", [bob.id])
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.json()["detail"].endswith("does not know: ZZQ.")


def test_wallets_ask_for_unknown_currencies_at_the_start(monkeypatch):
    monkeypatch.setattr(safety, "ASKED_ONCE", [])
    apps.get_app_config("wallets").ready()
    (question,) = safety.ASKED_ONCE
    assert question is unknown_currencies
