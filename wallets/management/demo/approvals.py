"""The approvals of the demo: thresholds that two people have raised, and requests that wait."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from users.approvals.actions import action_of_approval, digest_of_facts
from users.approvals.asking import ask_for_approval
from users.approvals.deciding import approve_request
from users.approvals.thresholds import asked_threshold
from users.models import Approval
from users.models.approvals import ApprovalKind, ceiling_of
from users.models.ids import new_id
from wallets.admin.approvals.money import asked_movement
from wallets.models import Wallet

BY_HAND: Final = (ApprovalKind.SETTLE_CASH_OUT, ApprovalKind.REJECT_CASH_OUT)
REQUESTS: Final = (
    ("bob", "CASH_IN", "2500.00", "Transfer 4711", "The bank's statement of today, line 12."),
    ("bob", "CASH_IN", "180.00", "Transfer 4715", "The bank's statement of today, line 16."),
    ("alice", "DOWN", "12.50", "Counted twice", "Complaint of the owner, and the receipt."),
)
"""Who asks, for what, how much, the concept, and why."""


def let_staff_settle(asker: Any, second: Any) -> None:
    """Let one person settle and reject the payments out of a day, as two have agreed."""
    for kind in BY_HAND:
        asked = asked_threshold(kind, "EUR", ceiling_of(kind, "EUR"))
        reason = "The payments of a day are compared with the bank's statement."
        asked = ask_for_approval(asked, by=asker, reason=reason, key=new_id())
        seen = digest_of_facts([*action_of_approval(asked).facts(asked)])
        approve_request(asked.id, by=second, seen=seen)


def ask_for_some(client_id: UUID, members: dict[str, Any]) -> None:
    """Add requests that wait for a colleague, if there are none."""
    if Approval.objects.waiting().exists():
        return
    wallets = Wallet.objects.filter(client=client_id, status=Wallet.Status.READY, currency="EUR")
    rich = wallets.filter(balance__gt=100_00, held=0, user__status="ACTIVATED")
    found = rich.filter(user__kyc_level=2).select_related("user").order_by("id")
    for wallet, (name, kind, amount, concept, reason) in zip(found, REQUESTS, strict=False):
        asked = asked_movement(wallet, kind=kind, amount=Decimal(amount), concept=concept)
        ask_for_approval(asked, by=members[name], reason=reason, key=new_id())
