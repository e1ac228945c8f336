"""What the forms of the ledger ask for if somebody else must approve it."""

from __future__ import annotations

from typing import Any

from iocash import money
from users.models import Approval
from users.models.approvals import ApprovalKind
from wallets.admin.approvals.money import asked_about, asked_movement
from wallets.admin.reversals import amount_left
from wallets.models import Movement, Wallet


def ask_for_movement(wallet: Wallet, values: dict[str, Any]) -> Approval:
    """A cash-in or an adjustment."""
    return asked_movement(
        wallet, kind=values["kind"], amount=values["amount"], concept=values["concept"]
    )


def ask_for_reversal(movement: Movement, values: dict[str, Any]) -> Approval:
    """A reversal; without an amount, of all that is left."""
    amount = values["amount"]
    minor = money.to_minor(amount, movement.currency) if amount else amount_left(movement)
    values["amount"] = amount or money.to_text(minor, movement.currency)  # what was shown is asked
    return asked_about(movement, ApprovalKind.REVERSAL, minor, concept=values["concept"])


def ask_for_settlement(movement: Movement, values: dict[str, Any]) -> Approval:
    return asked_about(movement, ApprovalKind.SETTLE_CASH_OUT)


def ask_for_rejection(movement: Movement, values: dict[str, Any]) -> Approval:
    return asked_about(movement, ApprovalKind.REJECT_CASH_OUT, reason=values["reason"])
