"""Asking for approvals and deciding about them, as two members of staff do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support import people
from users.approvals.acts import act_of_approval, digest_of_facts
from users.approvals.asking import ask_for_approval
from users.approvals.deciding import approve_request
from users.approvals.thresholds import asked_threshold
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.ids import new_id
from wallets.admin.approvals.money import asked_movement
from wallets.models import Wallet


def ask(asked: Approval, by: Any, reason: str = "The bank's letter of today") -> Approval:
    return ask_for_approval(asked, by=by, reason=reason, key=new_id())


def a_request(wallet: Wallet, minor: int, by: Any, kind: str = "CASH_IN") -> Approval:
    """What `by` asks for: a cash-in (CASH_IN) or an adjustment (UP, DOWN)."""
    amount: Decimal = people.decimal(minor, wallet.currency)
    return ask(asked_movement(wallet, kind=kind, amount=amount, concept="Paid in"), by)


def seen_now(asked: Approval) -> str:
    """The digest that the page of the approval has now."""
    return digest_of_facts(act_of_approval(asked).facts(asked))


def approve(asked: Approval, by: Any) -> Approval:
    return approve_request(asked.id, by=by, seen=seen_now(asked))


def raise_threshold(
    kind: ApprovalKind, minor: int, asker: Any, second: Any, currency: str = "EUR"
) -> None:
    """Two people let one person do acts of a kind, up to a sum in 24 hours."""
    approve(ask(asked_threshold(kind, currency, minor), asker), second)
