"""Asking for approvals and deciding about them, as two members of staff do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client as Browser

from tests.support import people, staff
from tests.support.ibans import IBAN
from users.admin.approved_staff import about_member
from users.approvals.actions import action_of_approval, digest_of_facts
from users.approvals.asking import ask_for_approval
from users.approvals.deciding import approve_request
from users.approvals.thresholds import asked_threshold
from users.models import Approval
from users.models.approvals import CEILINGS, ApprovalKind, ceiling_of
from users.models.events import By
from users.models.ids import new_id
from wallets import posting
from wallets.admin.approvals.money import asked_movement
from wallets.models import Movement, Wallet
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CashOut, MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.payments import Adjust, CashIn, Reverse


def ask(asked: Approval, by: Any, reason: str = "The bank's letter of today") -> Approval:
    return ask_for_approval(asked, by=by, reason=reason, key=new_id())


def a_request(wallet: Wallet, minor: int, by: Any, kind: str = "CASH_IN") -> Approval:
    """What `by` asks for: a cash-in (CASH_IN) or an adjustment (UP, DOWN)."""
    amount: Decimal = people.decimal(minor, wallet.currency)
    return ask(asked_movement(wallet, kind=kind, amount=amount, concept="Paid in"), by)


def balance_of(wallet: Wallet) -> int:
    wallet.refresh_from_db()
    return wallet.balance


def seen_now(asked: Approval) -> str:
    """The digest that the page of the approval has now."""
    return digest_of_facts(action_of_approval(asked).facts(asked))


def approve(asked: Approval, by: Any) -> Approval:
    return approve_request(asked.id, by=by, seen=seen_now(asked))


def raise_threshold(
    kind: ApprovalKind, minor: int, asker: Any, second: Any, currency: str = "EUR"
) -> None:
    """Two people let one person do actions of a kind, up to a sum in 24 hours."""
    approve(ask(asked_threshold(kind, currency, minor), asker), second)


def let_one_person_act(currency: str = "EUR") -> None:
    """Raise all thresholds to their ceilings, as two other members of staff agree."""
    asker, second = (
        staff.a_member(staff.SUPERVISOR, name=name) for name in ("thresholds", "approver")
    )
    for kind in CEILINGS:
        raise_threshold(kind, ceiling_of(kind, currency), asker, second, currency)


def a_colleague() -> Any:
    """Somebody else, who may decide about everything."""
    members = get_user_model().objects
    found = members.filter(username="colleague of all").first()
    return found or members.create_superuser("colleague of all", password=None)


def staff_action_approved(kind: ApprovalKind, member: Any, asker: Any, **values: Any) -> None:
    """What `asker` asked to be done to a member of staff, after a colleague has approved it."""
    approve(ask(about_member(kind)(member, values), asker), a_colleague())


def password_reset_approved(member: Any, asker: Any) -> None:
    """The password of the member is void, and `asker` may make a link."""
    staff_action_approved(ApprovalKind.RESET_PASSWORD, member, asker)


def post_and_approve(browser: Browser, address: str, form: dict[str, Any]) -> Approval:
    """Send the form of an action that needs a second person, ask for it, and have it approved."""
    assert "Somebody else must approve this" in browser.post(address, form).content.decode()
    asking = form | {"ask": "1", "approval_reason": "Letter"}
    assert browser.post(address, asking).status_code == 302
    return approve(Approval.objects.waiting().get(), a_colleague())


def watched_orders(wallet: Wallet, member: Any) -> list[Any]:
    """The orders that a member of staff may not submit alone, about what the wallet has."""
    about: dict[str, Any] = {
        "client_id": wallet.client_id,
        "by": By(f"staff:{member.pk}"),
        "wallet_id": wallet.id,
    }
    amount = people.decimal(1_00)
    received = Movement.objects.filter(wallet=wallet).earliest("id")
    cash_out = CashOut(**about | {"by": people.BY}, amount=amount, iban=IBAN)
    sent = posting.submit(cash_out).id
    about_sent: dict[str, Any] = {**about, "movement_id": sent}
    posting.submit(MarkCashOutSent(**about_sent | {"by": people.BY}))
    cash_in = CashIn(**about, amount=amount)
    return [
        cash_in,
        Adjust(**about, amount=amount, is_debit=False),
        Adjust(**about, amount=amount, is_debit=True),
        Reverse(**about, movement_id=received.id, amount=amount),
        SettleCashOut(**about_sent),
        RejectCashOut(**about_sent, reason="Returned"),
        Batch(**about, items=(cash_in,)),
    ]
