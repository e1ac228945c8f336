"""Submit the orders of the ledger that actions of staff ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import money
from iocash.http import problems
from users.actions import Facts, by
from users.models import idempotency
from wallets import posting
from wallets.admin.facts import amount_facts, read_again, wallet_facts, with_currency
from wallets.admin.forms import MovementForm
from wallets.models import Movement, Wallet
from wallets.orders.base import Order, Outcome, UserOrder, WalletOrder
from wallets.orders.cash_outs import CashOutOrder, RejectCashOut
from wallets.orders.holds import HoldOrder
from wallets.orders.payments import Adjust, CashIn, Reverse


@dataclass(frozen=True, slots=True)
class Submission:
    """The function of an action: it submits the order that `make` builds, once.

    `make` gets the object and the form's values. `words` is the confirmation, or a function that
    writes it from the same arguments. A database that does not answer is a refusal.
    """

    make: Callable[..., Order]
    words: Any

    def __call__(self, request: HttpRequest, obj: Any, values: dict[str, Any]) -> str:
        self.post(posting.submit, request, obj, values)
        return self.words(obj, **values) if callable(self.words) else str(self.words)

    def check(self, request: HttpRequest, obj: Any, values: dict[str, Any]) -> Outcome:
        """Submit the order as a dry run: it is refused as it would be, and changes nothing."""
        return self.post(posting.dry_run, request, obj, values)

    def post(
        self,
        send: Callable[[Order], Outcome],
        request: HttpRequest,
        obj: Any,
        values: dict[str, Any],
    ) -> Outcome:
        envelope = {
            "client_id": obj.client_id,
            "by": by(request),
            "key": idempotency.staff_key(values["key"]),
        }
        try:
            return send(self.make(obj, **values | envelope))
        except DatabaseError as error:
            raise problems.refusal(error, request) from error


def cash_in_or_adjustment(obj: Wallet, *, kind: str, wallet: Any = None, **values: Any) -> Order:
    """Build the cash-in or the adjustment. `wallet` is in forms that select the wallet: unused."""
    if kind == MovementForm.CASH_IN:
        return CashIn(wallet_id=obj.id, **values)
    return Adjust(wallet_id=obj.id, is_debit=kind == MovementForm.DOWN, **values)


RECORDED = {
    MovementForm.CASH_IN: _("Cash-in of %(amount)s to %(name)s recorded."),
    MovementForm.UP: _("Adjustment up of %(amount)s for %(name)s recorded."),
    MovementForm.DOWN: _("Adjustment down of %(amount)s for %(name)s recorded."),
}
INTENDED = {
    MovementForm.CASH_IN: _("%(amount)s will be created in the wallet of %(name)s."),
    MovementForm.UP: _("%(amount)s will be added to the wallet of %(name)s, as a correction."),
    MovementForm.DOWN: _("%(amount)s will be taken from the wallet of %(name)s, as a correction."),
}


def confirm_movement(obj: Wallet, *, kind: str, amount: Decimal, **values: Any) -> str:
    """The confirmation of a cash-in or an adjustment: amount and owner of the wallet."""
    shown = with_currency(money.to_minor(amount, obj.currency), obj.currency)
    return str(RECORDED[kind]) % {"amount": shown, "name": obj.user.display_name}


ADD = Submission(cash_in_or_adjustment, confirm_movement)


def rehearse_movement(request: HttpRequest, obj: Wallet, values: dict[str, Any]) -> Facts:
    """What is confirmed before a cash-in or an adjustment: the wallet, the amount, the effect."""
    ADD.check(request, obj, values)
    kind, wallet = values["kind"], read_again(obj.id)
    minor = money.to_minor(values["amount"], wallet.currency)
    signed = -minor if kind == MovementForm.DOWN else minor
    shown = {"amount": with_currency(minor, wallet.currency), "name": wallet.user.display_name}
    return [
        *wallet_facts(wallet),
        *amount_facts(signed, wallet.currency),
        (_("Concept"), values["concept"]),
        (_("Balance afterwards"), with_currency(wallet.balance + signed, wallet.currency)),
        (_("What will happen"), str(INTENDED[kind]) % shown),
    ]


def reversal(movement: Movement, **values: Any) -> Order:
    return Reverse(**movement.reversible, **values)


REVERSE = Submission(reversal, _("Movement reversed."))


def rehearse_reversal(request: HttpRequest, obj: Movement, values: dict[str, Any]) -> Facts:
    """What is confirmed before a reversal: who gives back, to whom, and how much."""
    REVERSE.check(request, obj, values)
    left = Movement.objects.seen().get(id=obj.id)
    amount = values["amount"]
    minor = (
        money.to_minor(amount, obj.currency) if amount else left.magnitude - left.reversed_amount
    )
    if not amount:  # what was confirmed is what will be done
        values["amount"] = money.to_text(minor, obj.currency)
    payee = read_again(obj.wallet_id if obj.amount > 0 else obj.counterparty_id)
    facts = [
        *wallet_facts(payee, _("Gives back")),
        *amount_facts(minor, obj.currency),
        (_("Concept"), values["concept"] or "-"),
    ]
    shown = {"amount": with_currency(minor, obj.currency), "payee": payee.user.display_name}
    if obj.counterparty_id is None:
        text = gettext("%(amount)s leaves the wallet of %(payee)s: the cash-in is undone.")
    else:
        payer = read_again(obj.wallet_id if obj.amount < 0 else obj.counterparty_id)
        shown["payer"] = payer.user.display_name
        text = gettext("%(amount)s goes back from %(payee)s to %(payer)s.")
    return [*facts, (_("What will happen"), text % shown)]


def hold_order(order: type[HoldOrder]) -> Callable[..., Order]:
    return lambda hold, **values: order(wallet_id=hold.wallet_id, hold_id=hold.id, **values)


def user_order(order: type[UserOrder]) -> Callable[..., Order]:
    return lambda user, **values: order(user_id=user.id, **values)


def wallet_order(order: type[WalletOrder]) -> Callable[..., Order]:
    return lambda wallet, **values: order(wallet_id=wallet.id, **values)


def rejection(movement: Movement, *, version: str, **values: Any) -> Order:
    """The rejection of a cash-out that is still as the form showed it."""
    seen = frozenset({version}) if version else None
    return cash_out_order(RejectCashOut)(movement, if_match=seen, **values)


def cash_out_order(order: type[CashOutOrder]) -> Callable[..., Order]:
    return lambda movement, **values: order(
        wallet_id=movement.wallet_id, movement_id=movement.id, **values
    )
