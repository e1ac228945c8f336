"""A freeze that an authority has asked for is lifted by two people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.approvals.actions import ActionFact, register_action
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets.admin.approvals.money import LABELS, MoneyAction, wallet_now
from wallets.admin.facts import read_again
from wallets.models import Hold
from wallets.orders.base import Order
from wallets.orders.freezes import LiftFreeze


def freeze_of(asked: Approval) -> Hold:
    """The freeze that it is about, with its case.

    Raises:
        NotFound: there is none.
    """
    found = Hold.objects.frozen().filter(client=asked.client_id, id=asked.subject_id)
    freeze = found.select_related("case").first()
    if freeze is None:
        raise errors.NotFound()
    return freeze


@register_action
class LiftFreezeAction(MoneyAction):
    """The whole amount of a freeze becomes available again."""

    kind = ApprovalKind.LIFT_FREEZE
    label = _("Lifting of a freeze")
    permission = "wallets.freeze_amount"
    is_exclusive = True
    labels: ClassVar[Any] = LABELS | {
        "case": _("Case"),
        "frozen": _("Frozen"),
        "freeze_status": _("Status of the freeze"),
        "reason_of_freeze": _("Reason of the freeze"),
    }

    def order(self, asked: Approval, **envelope: Any) -> Order:
        return LiftFreeze(
            **envelope,
            wallet_id=UUID(asked.payload["wallet"]),
            freeze_id=UUID(asked.subject_id),
            reason=(asked.texts or {}).get("reason", ""),
        )

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        freeze = freeze_of(asked)
        return [
            *wallet_now(read_again(freeze.wallet_id)),
            ActionFact("case", freeze.case.number if freeze.case else ""),
            ActionFact("frozen", freeze.created_at.isoformat(timespec="seconds")),
            ActionFact("freeze_status", freeze.status),
            ActionFact("reason_of_freeze", freeze.concept or ""),
        ]

    def effect(self, asked: Approval) -> str:
        return gettext("%(amount)s becomes available again to %(name)s.") % self.values(asked)

    def perform(self, asked: Approval, by: By) -> None:
        """Lift it. It makes no movement."""
        super().perform(asked, by)


def ask_to_lift(freeze: Hold, values: dict[str, Any]) -> Approval:
    return Approval(
        kind=ApprovalKind.LIFT_FREEZE,
        client_id=freeze.client_id,
        user_id=freeze.wallet.user_id,
        subject="hold",
        subject_id=str(freeze.id),
        currency=freeze.currency,
        amount=freeze.amount,
        payload={"wallet": str(freeze.wallet_id)},
        texts={"reason": values["reason"]},
    )
