"""The ends of approved files that the bank does not end: what two people approve.

A file that was handed over to nobody is taken back as a whole. After that, its payments can only be
ended one by one, since the bank may have paid them.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.models.events import By
from wallets.bank.answers import NEVER_SENT
from wallets.bank.files import (
    TAKEN_BACK,
    change_all_or_none,
    file_refusal,
    locked,
    record_on_file,
)
from wallets.models import BankAccount, BankFile, BankLine, BankPayment, Movement
from wallets.orders.bank_files import RecallFromFile

HANDED_OVER: Final = errors.Message(
    "This file was handed over, so the bank may pay. Its payments can be ended one by one."
)
NOT_HANDED_OVER: Final = errors.Message("The bank does not have the file. Take the file back.")


def require_not_handed_over(file: BankFile) -> None:
    """Require that a locked file is approved, and that nobody has had its content.

    Raises:
        InvalidFields: it is not.
    """
    if file.state != BankFile.State.APPROVED:
        words = HANDED_OVER if file.sent_by else errors.Message("This file is not approved.")
        raise file_refusal(words)


def take_back(*, file_id: UUID, reason: str, approval_id: UUID, by: By) -> BankFile:
    """Take an approved file back: its cash-outs wait in the queue, and are not sent any more.

    Handing a file over locks its row and changes its state first, so a file in the state APPROVED
    was not handed over.

    Raises:
        InvalidFields: it was handed over, or one of its payments has ended.
    """
    with single_transaction():
        file = locked(file_id)
        require_not_handed_over(file)
        file.state, file.reason, file.discarded_by = (
            BankFile.State.TAKEN_BACK,
            reason[:140],
            by.actor,
        )
        file.approval_id, file.ended_at = approval_id, clock.now()
        file.save(update_fields=["state", "reason", "discarded_by", "approval_id", "ended_at"])
        if refused := change_all_or_none(file, RecallFromFile, by):
            words = "{count} of its payments have ended, so the bank may have it."
            raise file_refusal(errors.Message(words, count=len(refused)))
        record_on_file(file, by, TAKEN_BACK)
        return file


def require_handed_over(file: BankFile) -> None:
    """Require that a file was handed over: else it is taken back as a whole.

    Raises:
        InvalidFields: it was not.
    """
    if file.state in NEVER_SENT:
        raise file_refusal(NOT_HANDED_OVER)


def last_answer(movement: Movement) -> BankPayment | None:
    """The payment of a cash-out in its file, with what the bank said last of it."""
    return BankPayment.objects.filter(file=movement.bank_file_id, movement=movement).first()


def lines_about(movement: Movement, file: BankFile) -> QuerySet[BankLine]:
    """The bank lines that can be about a cash-out: by its id, or by its account and amount."""
    names = [movement.id.hex, str(movement.id)]
    since = (file.sent_at or file.created_at).date()
    is_named = Q(end_to_end__in=[*names, *(each.upper() for each in names)])
    is_like_it = Q(account=file.account_id, sign=BankLine.Sign.DEBIT, amount=-movement.amount)
    accounts = BankAccount.objects.filter(Q(clients=movement.client_id) | Q(id=file.account_id))
    rows = BankLine.objects.filter(account__in=accounts, booking_date__gte=since)
    return rows.filter(is_named | is_like_it).order_by("booking_date", "id")
