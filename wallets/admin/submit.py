"""The actions of staff that become orders of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.http import HttpRequest

from iocash import money
from users.actions import by
from wallets import posting
from wallets.admin.forms import MovementForm
from wallets.models import Movement, Wallet
from wallets.orders import (
    Adjust,
    BlockUser,
    BlockWallet,
    CashIn,
    CashOutOrder,
    HoldOrder,
    Order,
    Reverse,
)


def submitted(make: Callable[..., Order], words: str | Callable[..., str]) -> Any:
    """An act that submits the order that `make` makes of the thing and the form, once.

    `words` confirm it; a function writes them from the thing and the form's values.
    """

    def do(request: HttpRequest, thing: Any, values: dict[str, Any]) -> str:
        envelope = {
            "client_id": thing.client_id,
            "by": by(request),
            "key": f"staff-{values['key']}",
        }
        posting.submit(make(thing, **values | envelope))
        return words if isinstance(words, str) else words(thing, **values)

    return do


def add_movement(thing: Wallet, *, kind: str, wallet: Any = None, **values: Any) -> Order:
    """The cash-in and the adjustment of the back office; a form may name the wallet once more."""
    if kind == MovementForm.CASH_IN:
        return CashIn(wallet_id=thing.id, **values)
    return Adjust(wallet_id=thing.id, is_debit=kind == MovementForm.DOWN, **values)


def recorded(thing: Wallet, *, kind: str, amount: Decimal, **values: Any) -> str:
    """Confirm a cash-in or an adjustment, with its amount and the owner of the wallet."""
    name = dict(MovementForm.KINDS)[kind]
    shown = f"{amount:,.{money.decimals(thing.currency)}f} {thing.currency}"
    target = "to" if kind == MovementForm.CASH_IN else "for"
    return f"{name} of {shown} {target} {thing.user.user_name} recorded."


def give_back(movement: Movement, **values: Any) -> Order:
    return Reverse(**movement.reversible, **values)


def about_hold(order: type[HoldOrder]) -> Callable[..., Order]:
    return lambda hold, **values: order(wallet_id=hold.wallet_id, hold_id=hold.id, **values)


def about_user(order: type[BlockUser]) -> Callable[..., Order]:
    return lambda user, **values: order(user_id=user.id, **values)


def about_wallet(order: type[BlockWallet]) -> Callable[..., Order]:
    return lambda wallet, **values: order(wallet_id=wallet.id, **values)


def about_movement(order: type[CashOutOrder]) -> Callable[..., Order]:
    return lambda movement, **values: order(
        wallet_id=movement.wallet_id, movement_id=movement.id, **values
    )
