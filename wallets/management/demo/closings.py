"""The closings of the demo: a member of staff pays a user out, and then closes it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from uuid_utils.compat import uuid7

from users.models.events import By
from wallets.admin import closing
from wallets.management.demo.actions import Orders
from wallets.management.demo.history import Action, History
from wallets.management.demo.members import Member
from wallets.models import Closing
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut

SYSTEM: Final = By("system:seed_demo")
"""Orders the cash-outs, which no member of staff orders alone."""


def pay_out_and_close(member: Member, *, is_answered: bool) -> Action:
    """Order the closing, and send its cash-outs to the bank, which may answer a day later."""

    def action(history: History) -> Orders:
        if member.user:
            by = history.staff[0]
            begun = closing.start(
                member.user,
                iban=member.iban,
                holder_name=member.name,
                amounts=closing.amounts_to_pay(member.user),
                by=by,
                key=uuid7(),
            )
            closing.order_payments(begun, SYSTEM)
            history.plan(history.after(hours=2), send_payments(begun, by))
            if is_answered:
                history.plan(history.after(hours=24), settle_payments(begun, by))
        return iter(())

    return action


def send_payments(begun: Closing, by: By) -> Action:
    def action(history: History) -> Orders:
        for fields in orders_of_pending(begun, by):
            yield MarkCashOutSent(**fields), None

    return action


def settle_payments(begun: Closing, by: By) -> Action:
    """Settle the cash-outs; then the user is closed, as on the page of payments out."""

    def action(history: History) -> Orders:
        for fields in orders_of_pending(begun, by):
            yield SettleCashOut(**fields), partial(finish_closing, begun, by)

    return action


def finish_closing(begun: Closing, by: By, _: Outcome) -> None:
    closing.finish_paid([begun.user_id], by)


def orders_of_pending(begun: Closing, by: By) -> list[dict[str, Any]]:
    """The fields of orders about the cash-outs of a closing that are pending."""
    return [
        {
            "client_id": begun.client_id,
            "by": by,
            "wallet_id": each.payment.wallet_id,
            "movement_id": each.movement.id,
        }
        for each in closing.steps_of_closing(begun)
        if each.movement and each.is_pending
    ]
