"""What staff have done: acts that become orders of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from users.acts import by
from wallets import ledger, life, posting
from wallets.admin.forms import MovementForm
from wallets.models import Movement, Wallet
from wallets.orders import CashOutOrder, HoldOrder, Order


def common(request: HttpRequest, thing: Any) -> dict[str, Any]:
    return {"client_id": thing.client_id, "by": by(request)}


def submitted(make: Callable[..., Order], words: str) -> Any:
    """An act that submits the order that `make` makes of the thing and the form, once."""

    def do(request: HttpRequest, thing: Any, values: dict[str, Any]) -> str:
        order = values | common(request, thing) | {"key": f"staff-{values['key']}"}
        posting.submit(make(thing, **order))
        return words

    return do


def move(request: HttpRequest, wallet: Wallet, values: dict[str, Any]) -> str:
    """The cash-in and the adjustment of the back office. The form's key makes it happen once."""
    order: dict[str, Any] = {
        **common(request, wallet),
        "key": f"staff-{values['key']}",
        "amount": values["amount"],
        "concept": values["concept"],
    }
    if values["kind"] == MovementForm.CASH_IN:
        posting.submit(ledger.CashIn(wallet_id=wallet.id, **order))
    else:
        is_debit = values["kind"] == MovementForm.DOWN
        posting.submit(ledger.Adjust(wallet_id=wallet.id, is_debit=is_debit, **order))
    return f"{values['amount']} {wallet.currency}: done."


def give_back(movement: Movement, **values: Any) -> Order:
    return ledger.Reverse(**movement.reversible, **values)


def about_hold(order: type[HoldOrder]) -> Callable[..., Order]:
    return lambda hold, **values: order(wallet_id=hold.wallet_id, hold_id=hold.id, **values)


def about_user(order: type[life.BlockUser]) -> Callable[..., Order]:
    return lambda user, **values: order(user_id=user.id, **values)


def about_wallet(order: type[life.BlockWallet]) -> Callable[..., Order]:
    return lambda wallet, **values: order(wallet_id=wallet.id, **values)


def about_movement(order: type[CashOutOrder]) -> Callable[..., Order]:
    return lambda movement, **values: order(
        wallet_id=movement.wallet_id, movement_id=movement.id, **values
    )
