"""A PATCH or PUT that asks for the state that is there already is 200 and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import people
from tests.support.ibans import IBAN
from tests.support.refusals import state

pytestmark = pytest.mark.django_db

WALLET = {"alias": "Trips", "metadata": {"a": "1", "b": "2"}}
LABELS = [
    {"alias": "Trips"},
    {"metadata": {"b": "2", "a": "1"}},
    {"alias": "Trips", "metadata": {"a": "1", "b": "2"}},
    {},
]


def again(api: people.Api, method: str, path: str, body: Any) -> None:
    """Send a change that was made before; nothing is written, and no event."""
    seen, before = api.get(path), state()
    answer = api.call(method, path, body)
    assert (answer.status, answer.json) == (200, seen.json)
    assert answer.headers.get("ETag") == seen.headers.get("ETag")
    assert state() == before


@pytest.mark.parametrize("body", LABELS)
def test_present_labels_of_a_wallet_change_nothing(api, alices, body):
    path = f"wallets/{alices.id}"
    api.patch(path, WALLET)
    again(api, "PATCH", path, body)


def test_one_new_label_is_one_change(api, alices):
    path = f"wallets/{alices.id}"
    api.patch(path, WALLET)
    before = state()
    assert api.patch(path, {"alias": "Trips", "metadata": {"a": "1"}}).json["metadata"] == {
        "a": "1"
    }
    assert state()["users_event"][0] == before["users_event"][0] + 1


def test_put_of_the_present_wallet_changes_nothing(api, alice):
    path, body = f"wallets/{people.unknown_id()}", WALLET | {"userId": str(alice.id)}
    assert api.put(path, body).status == 201
    again(api, "PUT", path, body)


@pytest.mark.parametrize("body", [{"status": "UNSUBSCRIBED"}, {"alias": "Trips"}, {}])
def test_present_state_of_a_closed_wallet_changes_nothing(api, bobs, body):
    path = f"wallets/{bobs.id}"
    api.patch(path, WALLET | {"status": "UNSUBSCRIBED"})
    again(api, "PATCH", path, body)
    assert api.patch(path, {"alias": "Rent"}).code == "wallet_not_ready"


@pytest.mark.parametrize(
    "body",
    [
        {"firstName": "Alice"},
        {"userName": "alice", "email": None},
        {"mobilePhone": "+34600000001"},
        {},
    ],
)
def test_present_values_of_a_user_change_nothing(api, alice, body):
    again(api, "PATCH", f"users/{alice.id}", body)


def test_closing_a_closed_user_changes_nothing(api, bob):
    path, body = f"users/{bob.id}", {"status": "UNSUBSCRIBED"}
    api.patch(path, body)
    again(api, "PATCH", path, body)


def test_removing_a_removed_account_changes_nothing(api, account):
    path, body = (
        f"wallets/{account.wallet_id}/external-accounts/{account.id}",
        {"status": "REMOVED"},
    )
    api.patch(path, body)
    again(api, "PATCH", path, body)


def test_cancelling_a_cancelled_cash_out_changes_nothing(api, path):
    order = {"type": "CASH_OUT", "amount": "1.00", "iban": {"accountNumber": IBAN}}
    made, body = api.post(path, order), {"status": "CANCELLED"}
    own = f"{path}/{made.json['id']}"
    api.patch(own, body)
    again(api, "PATCH", own, body)
