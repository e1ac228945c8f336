"""What is not money is written to the row that an order names: these columns, and no others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from iocash.db import clock
from tests.support import people
from users.models import Otp, User
from wallets import posting
from wallets.models import ExternalAccount, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.orders.external_accounts import AddExternalAccount, RemoveExternalAccount
from wallets.orders.ibans import CreateIban
from wallets.orders.users import ActivateUser, BlockUser, UnblockUser, UnsubscribeUser
from wallets.orders.wallets import BlockWallet, ChangeWallet, OpenWallet, PutWallet, UnblockWallet
from wallets.posting import group

pytestmark = pytest.mark.django_db

IBAN, OTHER_IBAN = "ES9121000418450200051332", "DE89370400440532013000"
NEW_PHONE = "+34600000009"
TABLES: tuple[Any, ...] = (User, Otp, Wallet, ExternalAccount)
Rows = dict[UUID, dict[str, Any]]
MONEY = {"balance", "held", "seq", "head", "settled_at", "received", "next_expiry"}


@pytest.fixture(autouse=True)
def labelled(alice, bob, alices, bobs):
    """Alice and Bob have labels, an account, a new phone and a one-time password each."""
    for user, phone in (alice, NEW_PHONE), (bob, "+34600000008"):
        User.objects.filter(id=user.id).update(unverified_phone=phone)
        now = clock.now()
        times = {"sent_at": now, "expires_at": now + timedelta(minutes=1)}
        Otp.objects.update_or_create(
            client=user.client, user=user, defaults={"mobile_phone": phone, "digest": b"x", **times}
        )
    for wallet in (alices, bobs):
        change(wallet, alias="Savings", metadata={"colour": "blue"})
        add(wallet, IBAN)


def about(user: User, **values: Any) -> dict[str, Any]:
    return {"client_id": user.client_id, "by": people.BY, "user_id": user.id, **values}


def change(wallet: Wallet, **values: Any) -> Outcome:
    return posting.submit(ChangeWallet(**people.about(wallet), **values))


def add(wallet: Wallet, iban: str) -> ExternalAccount:
    order = AddExternalAccount(**people.about(wallet), iban=iban, alias="Rent")
    return ExternalAccount.objects.get(id=posting.submit(order).id)


def rows() -> Rows:
    return {row["id"]: row for table in TABLES for row in table.objects.values()}


def changed(*orders: Order) -> Rows:
    """Post the orders together; return the columns that changed, by row, and all new rows.

    `updated_at` changes with any column but those of money, and is left out.
    """
    before = rows()
    outcomes = group.post(orders)
    assert all(isinstance(each, Outcome) for each in outcomes), outcomes
    found = {}
    for row_id, row in rows().items():
        old = before.get(row_id, {})
        if columns := {name: row[name] for name in row if row[name] != old.get(name, ...)}:
            is_dated = columns.pop("updated_at", None) is not None
            assert is_dated is ("updated_at" in row and bool(columns.keys() - MONEY))
            found[row_id] = columns
    return found


def otp_of(user: User) -> UUID:
    return Otp.objects.get(user=user).id


# --- Users ---------------------------------------------------------------------------------------


def test_verified_phone_is_written_and_its_otp_voided(alice, bob):
    assert changed(ActivateUser(**about(alice, phone=NEW_PHONE))) == {
        alice.id: {"mobile_phone": NEW_PHONE, "unverified_phone": ""},
        otp_of(alice): {"digest": None},
    }


def test_activated_user_and_first_wallet_are_written(alice):
    User.objects.filter(id=alice.id).update(status="CREATED", dlt_address="0x1", dlt_network="A")
    found = changed(ActivateUser(**about(alice, phone=NEW_PHONE)))
    assert found.pop(alice.id) == {
        "status": "ACTIVATED",
        "mobile_phone": NEW_PHONE,
        "unverified_phone": "",
    }
    assert found.pop(otp_of(alice)) == {"digest": None}
    ((wallet_id, wallet),) = found.items()
    assert (wallet["user_id"], wallet["dlt_address"], wallet["dlt_network"]) == (
        alice.id,
        "0x1",
        "A",
    )
    assert wallet["id"] == wallet_id


def test_unsubscribed_user_and_closed_wallets_are_written(bob, bobs):
    found = changed(UnsubscribeUser(**about(bob)))
    assert found[bob.id].pop("unsubscribed_at")
    assert found == {
        bob.id: {"status": "UNSUBSCRIBED", "unverified_phone": ""},
        otp_of(bob): {"digest": None},
        bobs.id: {"status": "UNSUBSCRIBED"},
    }


def test_blocked_and_unblocked_user_is_written(alice):
    assert changed(BlockUser(**about(alice, reason="OTHER"))) == {alice.id: {"status": "BLOCKED"}}
    assert changed(UnblockUser(**about(alice, reason="OTHER"))) == {
        alice.id: {"status": "ACTIVATED"}
    }


# --- Wallets -------------------------------------------------------------------------------------


def test_opened_wallet_is_written_with_its_labels(alice):
    labels = {"alias": "Trips", "dlt_address": "0x2", "dlt_network": "B", "metadata": {"a": "1"}}
    order = OpenWallet(**about(alice, currency="USD", **labels))
    ((wallet_id, wallet),) = changed(order).items()
    assert wallet.pop("created_at")
    assert wallet == labels | {
        "id": wallet_id,
        "client_id": alice.client_id,
        "user_id": alice.id,
        "currency": "USD",
        "status": "READY",
        "iban": None,
        "alert_below": None,
        "balance": 0,
        "held": 0,
        "received": 0,
        "next_expiry": None,
        "seq": 0,
        "head": b"",
        "settled_at": None,
    }


@pytest.mark.parametrize("metadata", [None, {}])
def test_wallet_opened_without_metadata_has_null(alice, metadata):
    (wallet,) = changed(OpenWallet(**about(alice), metadata=metadata)).values()
    assert (wallet["metadata"], wallet["alias"]) == (None, "")


def test_put_writes_all_labels_of_the_wallet(alice, alices):
    labels = {"alias": "Trips", "dlt_address": "0x2", "dlt_network": "B"}
    order = PutWallet(**about(alice, wallet_id=alices.id, **labels))
    assert changed(order) == {alices.id: labels | {"metadata": None}}


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ({"alias": ""}, {"alias": ""}),
        ({"metadata": {"a": "1"}}, {"metadata": {"a": "1"}}),
        ({"metadata": {}}, {"metadata": None}),
        ({"alias": "A", "metadata": {"a": "1"}}, {"alias": "A", "metadata": {"a": "1"}}),
    ],
)
def test_change_writes_only_the_labels_that_it_names(alices, values, written):
    assert changed(ChangeWallet(**people.about(alices), **values)) == {alices.id: written}


def test_changes_of_one_wallet_in_a_group_are_all_written(alices, bobs):
    orders = [
        ChangeWallet(**people.about(alices), alias="A"),
        ChangeWallet(**people.about(alices), metadata={"a": "1"}),
        ChangeWallet(**people.about(bobs), alias="B"),
        BlockWallet(**people.about(bobs), reason="OTHER"),
    ]
    assert changed(*orders) == {
        alices.id: {"alias": "A", "metadata": {"a": "1"}},
        bobs.id: {"alias": "B", "status": "BLOCKED"},
    }


def test_last_change_of_a_wallet_is_written_when_a_batch_comes_between(alices, bobs):
    """A batch replaces the wallet's row in the books, so two rows have the wallet's changes."""
    batch = Batch(**people.about(alices), items=(people.a_transfer(alices, bobs, 1_00),))
    for alias, last in ("A", "B"), ("Y", "Z"):
        orders = [ChangeWallet(**people.about(alices), alias=each) for each in (alias, last)]
        written = changed(orders[0], batch, orders[1])
        assert written[alices.id]["alias"] == last


def test_unblocked_wallet_is_written(alices):
    people.block(alices)
    order = UnblockWallet(**people.about(alices), reason="RESOLVED")
    assert changed(order) == {alices.id: {"status": "READY"}}


def test_wallet_that_a_group_empties_can_be_closed_in_it(alices, bobs):
    closing = ChangeWallet(**people.about(alices), closing=True)
    found = changed(people.a_transfer(alices, bobs, 100_00), closing)
    assert (found[alices.id]["status"], found[alices.id]["balance"]) == ("UNSUBSCRIBED", 0)
    assert "status" not in found[bobs.id]


def test_iban_is_written(alices):
    found = changed(CreateIban(**people.about(alices)))
    assert found.keys() == {alices.id}
    assert found[alices.id].keys() == {"iban"}


# --- External accounts ---------------------------------------------------------------------------


def test_added_account_is_written(alices):
    order = AddExternalAccount(
        **people.about(alices), iban=OTHER_IBAN, alias="Gym", holder_name="Bob"
    )
    ((account_id, account),) = changed(order).items()
    assert account.pop("created_at")
    assert account == {
        "id": account_id,
        "client_id": alices.client_id,
        "wallet_id": alices.id,
        "alias": "Gym",
        "iban": OTHER_IBAN,
        "holder_name": "Bob",
        "status": "ACTIVE",
        "metadata": None,
    }


def test_removed_account_is_written(alices):
    account = ExternalAccount.objects.get(wallet=alices)
    add(alices, OTHER_IBAN)
    order = RemoveExternalAccount(**people.about(alices), account_id=account.id)
    assert changed(order) == {account.id: {"status": "REMOVED"}}
