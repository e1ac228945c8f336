"""Paying out again in a closing that is under way: what its approval still covers, or with another.

An approval covers its amounts, for ORDER_LIFETIME from the decision on. A cash-out that was
rejected or cancelled does not use it up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q

from iocash import errors
from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.models import Approval, Event
from users.models.approvals import ApprovalKind
from users.models.events import By, EventKind
from wallets.admin import closing
from wallets.admin.approvals.customers import locked_owner
from wallets.models import Closing, ClosingPayment, Movement

ORDER_LIFETIME: Final = timedelta(days=1)
"""How long after the decision an approval covers cash-outs that are ordered."""
FIND_PAYMENT: Final = "SELECT FROM wallets_closingpayment WHERE id = %s"
PAID: Final = (Movement.Status.PENDING, Movement.Status.SUCCESS)


def amounts_of(asked: Approval) -> dict[UUID, int]:
    """The most that a request pays of each wallet, in minor units."""
    amounts: dict[str, int] = asked.payload.get("amounts", {})
    return {UUID(wallet_id): amount for wallet_id, amount in amounts.items()}


def valid_approval(found: Closing) -> Approval | None:
    """The last approval to pay in a closing, unless its time is over."""
    approved = Approval.objects.filter(
        Q(id=found.id) | Q(payload__closing=str(found.id)),
        client=found.client_id,
        kind=ApprovalKind.PAY_OUT,
        subject_id=str(found.user_id),
        state=Approval.State.APPROVED,
        decided_at__gt=clock.now() - ORDER_LIFETIME,
    )
    return approved.order_by("-decided_at").first()


def amounts_left(approval: Approval, found: Closing) -> Counter[UUID]:
    """What an approval still covers of each wallet, in minor units."""
    steps = closing.steps_of_closing(found)
    paid = {each.movement.id: each for each in steps if each.movement}
    named = Event.objects.filter(
        client=found.client_id,
        subject_id__in=[*paid],
        kind=EventKind.MOVEMENT_PENDING,
        data__approval=str(approval.id),
    )
    left = Counter(amounts_of(approval))
    for movement_id in named.values_list("subject_id", flat=True):
        step = paid[movement_id]
        if step.movement and step.movement.status in PAID:
            left[step.payment.wallet_id] -= step.payment.amount
    return left


def amounts_to_order(found: Closing) -> dict[UUID, int]:
    """What the wallets have in which no cash-out of the closing is pending, in minor units."""
    last = closing.last_steps(found)
    amounts = closing.amounts_to_pay(found.user)
    return {
        wallet_id: amount
        for wallet_id, amount in amounts.items()
        if wallet_id not in last or not last[wallet_id].is_pending
    }


def approved_to_pay(found: Closing, amounts: Mapping[UUID, int], by: By) -> By:
    """Who orders these amounts, with the approval that covers them. The wallets are locked.

    Raises:
        ApprovalRequired: no approval of the closing covers them now.
    """
    approval = valid_approval(found)
    left = amounts_left(approval, found) if approval else Counter[UUID]()
    if approval is None or any(amount > left[each] for each, amount in amounts.items()):
        raise errors.ApprovalRequired("Somebody else must approve this.")
    return By(by.actor, by.request_id, approval.id)


def order_again(found: Closing, by: By) -> None:
    """Order cash-outs of what the wallets have, where none is pending: all of them or none.

    The user and its wallets are locked, and then the closing.

    Raises:
        InvalidFields: the closing has ended.
        ApprovalRequired: its approval does not cover all of this, or its time is over.
        Refused: a rule does not allow a cash-out.
        DatabaseError: nothing was changed.
    """
    with single_transaction():
        locked_owner(found.user_id)
        found = closing.locked_closing(found)
        amounts = amounts_to_order(found)
        order_amounts(found, amounts, approved_to_pay(found, amounts, by))


def order_approved(asked: Approval, by: By) -> None:
    """Order what another approval of a closing covers, in its transaction.

    Raises:
        InvalidFields: the closing has ended.
        Refused: a rule does not allow a cash-out.
        DatabaseError: nothing was changed.
    """
    found = closing.locked_closing(Closing(id=UUID(asked.payload["closing"])))
    order_amounts(found, amounts_of(asked), by)


def order_amounts(found: Closing, amounts: Mapping[UUID, int], by: By) -> None:
    """Order cash-outs of at most these amounts. The wallets and the closing are locked."""
    last = closing.last_steps(found)
    for wallet, amount in closing.covered_amounts(found.user, amounts):
        step = last.get(wallet.id)
        attempt = step.payment.attempt + 1 if step else 1
        new: ClosingPayment = closing.payment_from(found, wallet, amount, by, attempt)
        new.save(force_insert=True)
        note_witness(Witness(FIND_PAYMENT, [new.id]))
        closing.order_payment(found, new, by)
