"""What may be required of a wallet's row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from iocash import errors, money
from tests.support.books import a_wallet
from wallets.books.rows import MOST_RECEIVED, LockedWallet


def a_row(**values: Any) -> LockedWallet:
    """A wallet with 100.00 EUR, of which 30.00 are set aside."""
    row: dict[str, Any] = {"balance": 100_00, "held": 30_00, "seq": 1, "head": b"head"}
    return a_wallet(**row | values)


def test_available_is_balance_minus_held():
    assert a_row().available == 70_00


def test_whole_available_balance_can_be_taken():
    a_row().require_available(70_00)


def test_held_money_cannot_be_taken():
    row = a_row()
    with pytest.raises(errors.InsufficientFunds) as refused:
        row.require_available(70_01)
    assert refused.value.facts == {
        "wallet_id": row.id,
        "available": "70.00",
        "required": "70.01",
        "currency": "EUR",
    }


@pytest.mark.parametrize("status", ["BLOCKED", "UNSUBSCRIBED"])
def test_blocked_or_closed_wallet_is_not_ready(status):
    row = a_row(status=status)
    with pytest.raises(errors.WalletNotReady) as refused:
        row.require_ready()
    assert refused.value.facts == {"wallet_id": row.id, "status": status}


@pytest.mark.parametrize("owner", ["", "CREATED", "VERIFIED", "BLOCKED", "UNSUBSCRIBED"])
def test_a_wallet_is_ready_only_while_its_owner_is_active(owner):
    row = a_row(owner=owner)
    with pytest.raises(errors.UserNotActive) as refused:
        row.require_ready()
    assert refused.value.facts == {"user_id": row.user_id, "status": owner}


def test_a_ready_wallet_of_an_active_user_is_ready():
    a_row().require_ready()


def test_balance_can_reach_but_not_exceed_its_maximum():
    row = a_row(balance=money.MAX_BALANCE - 1)
    row.require_room(1)
    with pytest.raises(errors.LimitExceeded, match="Balance limit exceeded") as refused:
        row.require_room(2)
    assert refused.value.facts == {
        "wallet_id": row.id,
        "limit_type": "walletBalance",
        "resets_at": None,
        "limit": "1000000000000000.00",
        "used": "999999999999999.99",
        "requested": "0.02",
        "currency": "EUR",
    }


def test_wallet_without_money_is_empty():
    a_row(balance=0, held=0).require_empty()


def test_a_wallet_with_a_cent_is_not_empty():
    row = a_row(balance=1, held=0)
    with pytest.raises(errors.WalletNotEmpty) as refused:
        row.require_empty()
    assert refused.value.facts == {"wallet_id": row.id, "balance": "0.01", "currency": "EUR"}


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("0.01", "EUR", 1),
        ("1", "EUR", 1_00),
        ("1.50", "EUR", 1_50),
        ("9999999999999.99", "EUR", 999_999_999_999_999),
        ("10", "JPY", 10),
        ("0.001", "KWD", 1),
    ],
)
def test_amounts_are_counted_in_minor_units(amount, currency, minor):
    assert a_row(currency=currency).to_minor(Decimal(amount)) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        ("0", "EUR", "min_value"),
        ("-1", "EUR", "min_value"),
        ("0.001", "EUR", "max_decimal_places"),
        ("1.000", "EUR", "max_decimal_places"),
        ("0.5", "JPY", "max_decimal_places"),
        ("1.0", "JPY", "max_decimal_places"),
        ("10000000000000", "EUR", "max_digits"),
        ("1000000000000", "KWD", "max_digits"),
    ],
)
def test_invalid_amount_for_the_currency_is_an_invalid_field(amount, currency, code):
    with pytest.raises(errors.InvalidFields) as refused:
        a_row(currency=currency).to_minor(Decimal(amount))
    assert [(error.field, error.code) for error in refused.value.errors] == [("amount", code)]


def test_received_total_cannot_exceed_its_maximum():
    wallet = a_wallet(received=MOST_RECEIVED - 5)
    wallet.require_room(5)
    with pytest.raises(errors.LimitExceeded) as refused:
        wallet.require_room(6)
    assert str(refused.value) == (
        "Limit of receipts exceeded: 92233720368547758.07 EUR per wallet in total,"
        " 92233720368547758.02 EUR already used, 0.06 EUR requested."
    )
    assert refused.value.facts == {
        "wallet_id": wallet.id,
        "limit_type": "walletReceived",
        "resets_at": None,
        "limit": "92233720368547758.07",
        "used": "92233720368547758.02",
        "requested": "0.06",
        "currency": "EUR",
    }
