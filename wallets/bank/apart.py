"""Movements from or to the outside that no bank line will ever explain: set apart by two people.

Each is an outcome without a line. So a constraint keeps a movement from being set apart and having
a line, whoever comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import IntegrityError
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from iocash import errors, money
from iocash.db.transactions import single_transaction
from users.models.events import By
from wallets.models import BankOutcome, Movement


class WhyApart(TextChoices):
    """Why no line is expected. The report repeats the code, which names nobody."""

    NEVER_PAID = "NEVER_PAID", _("The money never came to the bank, or never left it")
    OWN_FUNDS = "OWN_FUNDS", _("The institution has added or taken the money")
    CORRECTION = "CORRECTION", _("It corrects an error in the wallets")
    OTHER = "OTHER", _("Another reason, as the approval says")


SET_APART: Final = """
    SELECT outcome.reason, sum(movement.amount)::bigint, count(*), min(movement.settled_at)
    FROM wallets_bankoutcome AS outcome
    JOIN wallets_movement AS movement
        ON movement.client_id = outcome.client_id AND movement.id = outcome.movement_id
    WHERE outcome.status = 'APART' AND outcome.client_id = ANY(%(clients)s)
      AND movement.currency = %(currency)s AND movement.settled_at >= %(begin)s
    GROUP BY outcome.reason ORDER BY outcome.reason
"""
"""The movements since the beginning that are set apart, by the reason."""


@dataclass(frozen=True, slots=True)
class ApartSum:
    """The movements that are set apart for one reason: their sum, in signed minor units, their
    number, and when the oldest settled."""

    reason: str
    amount: int
    count: int
    oldest: datetime


def set_apart(
    movement: Movement, pair: Movement | None, *, why: str, approval_id: UUID, by: By
) -> None:
    """Set a movement apart, or two that add up to 0, in the transaction of the approval.

    The wallets are locked.

    Raises:
        InvalidFields: they can't be set apart, or one of them has an outcome.
    """
    require_can_be_apart(movement, pair)
    rows = [
        BankOutcome(
            status=BankOutcome.Status.APART,
            client_id=each.client_id,
            wallet_id=each.wallet_id,
            movement=each,
            approval_id=approval_id,
            reason=why,
            actor=by.actor,
        )
        for each in (movement, pair)
        if each is not None
    ]
    try:
        with single_transaction():
            BankOutcome.objects.bulk_create(rows)
    except IntegrityError:
        raise apart_refusal(
            errors.Message("The movement belongs to a bank line, or was set apart.")
        ) from None


def require_can_be_apart(movement: Movement, pair: Movement | None) -> None:
    """Require that a movement, and its pair, are settled, cross the border, and have no outcome.

    Raises:
        InvalidFields: as its text says.
    """
    require_no_line(movement, "movement")
    if pair is None:
        return
    require_no_line(pair, "pair")
    if pair.id == movement.id:
        raise apart_refusal(errors.Message("Name another movement."), "pair")
    if (pair.client_id, pair.currency) != (movement.client_id, movement.currency):
        raise apart_refusal(
            errors.Message("Both movements must be of one client and one currency."), "pair"
        )
    if movement.amount + pair.amount:
        words = errors.Message(
            "The two movements must add up to 0, and they add up to {sum} {currency}.",
            sum=money.to_text(movement.amount + pair.amount, movement.currency),
            currency=movement.currency,
        )
        raise apart_refusal(words, "pair")


def require_no_line(movement: Movement, field: str) -> None:
    """
    Raises:
        InvalidFields: the movement is between wallets, or not settled, or has an outcome.
    """
    if movement.counterparty_id is not None or movement.status != Movement.Status.SUCCESS:
        words = errors.Message("Only a settled movement from or to the outside can be set apart.")
        raise apart_refusal(words, field)
    if BankOutcome.objects.filter(movement=movement).exists():
        raise apart_refusal(
            errors.Message("The movement belongs to a bank line, or was set apart."), field
        )


def apart_refusal(words: errors.Message, field: str = "movement") -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError(field, "refused", words))
