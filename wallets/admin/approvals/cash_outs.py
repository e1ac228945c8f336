"""The ends of cash-outs that were sent to the bank, by themselves or in a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.approvals.actions import ActionFact, amount_text, register_action
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets.admin.approvals.bank_files import (
    LINE_FACTS,
    facts_in_file,
    lock_file_of,
    require_end_by_hand,
)
from wallets.admin.approvals.money import MoneyAction, movement_of, wallet_now, which_movement
from wallets.admin.closing import finish_paid
from wallets.admin.facts import read_again
from wallets.orders.bank_files import RejectByBank, SettleByBank
from wallets.orders.base import Order
from wallets.orders.cash_outs import RejectCashOut, SettleCashOut


class CashOutAction(MoneyAction):
    """The end of a cash-out that was sent to the bank, by itself or in a file."""

    permission = "wallets.settle_cash_out"
    is_exclusive = True
    settles: ClassVar[bool]

    def lock(self, asked: Approval) -> None:
        lock_file_of(movement_of(asked))
        super().lock(asked)

    def about_others(self, asked: Approval) -> Collection[str]:
        return LINE_FACTS

    def rehearse(self, asked: Approval, by: By) -> None:
        require_end_by_hand(movement_of(asked))
        super().rehearse(asked, by)

    def perform(self, asked: Approval, by: By) -> UUID | None:
        require_end_by_hand(movement_of(asked))
        return super().perform(asked, by)

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        movement = movement_of(asked)
        wallet = read_again(movement.wallet_id)
        after = wallet.balance + (movement.amount if self.settles else 0)
        sent = movement.sent_at.isoformat(timespec="seconds") if movement.sent_at else ""
        return [
            *wallet_now(wallet),
            ActionFact("balance_after", amount_text(after, wallet.currency)),
            *which_movement(movement),
            ActionFact("movement_status", movement.status),
            ActionFact("sent", sent),
            ActionFact("iban", movement.iban or ""),
            ActionFact("holder", movement.holder_name or ""),
            *facts_in_file(movement),
        ]


@register_action
class SettlementAction(CashOutAction):
    kind = ApprovalKind.SETTLE_CASH_OUT
    label = _("Settlement by hand")
    settles = True

    def order(self, asked: Approval, **envelope: Any) -> Order:
        movement = movement_of(asked)
        kind = SettleByBank if movement.bank_file_id else SettleCashOut
        return kind(**envelope, wallet_id=movement.wallet_id, movement_id=movement.id)

    def effect(self, asked: Approval) -> str:
        text = gettext("%(amount)s leaves the wallet of %(name)s for good.")
        return text % self.values(asked)

    def finish(self, asked: Approval) -> None:
        """If it was the last payment of a closing, close the user."""
        if asked.user_id:
            finish_paid([asked.user_id], By(f"staff:{asked.asked_by_id}"))


@register_action
class RejectionAction(CashOutAction):
    kind = ApprovalKind.REJECT_CASH_OUT
    label = _("Rejection by hand")
    settles = False

    def order(self, asked: Approval, **envelope: Any) -> Order:
        movement = movement_of(asked)
        kind = RejectByBank if movement.bank_file_id else RejectCashOut
        return kind(
            **envelope,
            wallet_id=movement.wallet_id,
            movement_id=movement.id,
            reason=(asked.texts or {}).get("reason", ""),
        )

    def effect(self, asked: Approval) -> str:
        text = gettext("%(amount)s becomes available again to %(name)s.")
        return text % self.values(asked)
