"""Limits for the tests of them: every cap is another amount."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from iocash import errors
from tests.support import people
from tests.support.ibans import IBAN
from users.models import User
from wallets import posting
from wallets.models import Wallet
from wallets.orders.base import Order
from wallets.orders.cash_outs import CashOut
from wallets.orders.payments import Adjust
from wallets.orders.wallets import PutWallet

LEVELS = {
    "EUR": {
        "0": {"balance": "150", "cashIn": "200", "cashOut": "90"},
        "1": {"balance": "2500", "cashIn": "2600", "cashOut": "1000"},
    },
    "JPY": {"0": {"balance": "15000", "cashIn": "20000", "cashOut": "9000"}},
}


def a_cash_out(source: Wallet, amount: int, **details: Any) -> CashOut:
    amounts = {"amount": people.decimal(amount, source.currency), "iban": IBAN}
    return CashOut(**people.about(source) | amounts | details)


def adjust(wallet: Wallet, amount: int) -> None:
    """Have staff give the wallet so much, whatever its user may have."""
    given = {"amount": people.decimal(amount, wallet.currency), "is_debit": False}
    posting.submit(Adjust(**people.about(wallet) | given))


def limit(order: Order) -> tuple[str, str, str, str]:
    """Which limit refuses the order, and by which amounts."""
    with pytest.raises(errors.LimitExceeded) as refused:
        posting.submit(order)
    facts: dict[str, Any] = dict(refused.value.facts)
    return facts["limit_type"], facts["limit"], facts["used"], facts["requested"]


def put(wallet_id: UUID, user: User) -> PutWallet:
    """An order that opens a wallet of the user at an id."""
    return PutWallet(client_id=user.client_id, by=people.BY, user_id=user.id, wallet_id=wallet_id)
