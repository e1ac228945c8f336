"""Submit the orders of the ledger that actions of staff ask for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.http import HttpRequest

from iocash import money
from users.actions import by
from users.models import idempotency
from wallets import posting
from wallets.admin.forms import MovementForm
from wallets.models import Movement, Wallet
from wallets.orders.base import Order, UserOrder, WalletOrder
from wallets.orders.cash_outs import CashOutOrder
from wallets.orders.holds import HoldOrder
from wallets.orders.payments import Adjust, CashIn, Reverse


def submitted(make: Callable[..., Order], words: str | Callable[..., str]) -> Any:
    """The function of an action: it submits the order that `make` builds, once.

    `make` gets the object and the form's values. `words` is the confirmation, or a function that
    writes it from the same arguments.
    """

    def do(request: HttpRequest, obj: Any, values: dict[str, Any]) -> str:
        envelope = {
            "client_id": obj.client_id,
            "by": by(request),
            "key": idempotency.staff_key(values["key"]),
        }
        posting.submit(make(obj, **values | envelope))
        return words if isinstance(words, str) else words(obj, **values)

    return do


def cash_in_or_adjustment(obj: Wallet, *, kind: str, wallet: Any = None, **values: Any) -> Order:
    """Build the cash-in or the adjustment. `wallet` is in forms that select the wallet: unused."""
    if kind == MovementForm.CASH_IN:
        return CashIn(wallet_id=obj.id, **values)
    return Adjust(wallet_id=obj.id, is_debit=kind == MovementForm.DOWN, **values)


def confirmation(obj: Wallet, *, kind: str, amount: Decimal, **values: Any) -> str:
    """The confirmation of a cash-in or an adjustment: amount and owner of the wallet."""
    name = dict(MovementForm.KINDS)[kind]
    shown = f"{amount:,.{money.decimals(obj.currency)}f} {obj.currency}"
    target = "to" if kind == MovementForm.CASH_IN else "for"
    return f"{name} of {shown} {target} {obj.user.user_name} recorded."


def reversal(movement: Movement, **values: Any) -> Order:
    return Reverse(**movement.reversible, **values)


def hold_order(order: type[HoldOrder]) -> Callable[..., Order]:
    return lambda hold, **values: order(wallet_id=hold.wallet_id, hold_id=hold.id, **values)


def user_order(order: type[UserOrder]) -> Callable[..., Order]:
    return lambda user, **values: order(user_id=user.id, **values)


def wallet_order(order: type[WalletOrder]) -> Callable[..., Order]:
    return lambda wallet, **values: order(wallet_id=wallet.id, **values)


def cash_out_order(order: type[CashOutOrder]) -> Callable[..., Order]:
    return lambda movement, **values: order(
        wallet_id=movement.wallet_id, movement_id=movement.id, **values
    )
