"""Files for the bank: build them from pending cash-outs, approve them by a second person.

Each act is one transaction: the row of the file is locked first, then the wallets of its cash-outs,
and every cash-out is changed by an order of the ledger. So a process that is killed leaves nothing
half done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from iocash import errors, money
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.models.events import STAFF, By
from users.staff.records import note_about
from wallets.bank.messages import pain001
from wallets.bank.messages.pain001 import CreditTransfer, Debtor
from wallets.models import BankAccount, BankFile, BankPayment, Movement
from wallets.orders.bank_files import AddToFile, FileOrder, RemoveFromFile, SendInFile
from wallets.orders.base import Outcome, Result
from wallets.posting import group

MOST: Final = 5_000
"""The most payments of a file."""

LeftOut = tuple[Movement, str]
"""A cash-out that is not in the file, and why: the code of a refusal, or one of these."""
OTHER_ACCOUNT: Final = "other_account"
NO_ADDRESS: Final = "address_needed"


@dataclass(frozen=True, slots=True)
class Built:
    """A file that was built, and the selected cash-outs that are not in it."""

    file: BankFile
    left_out: Sequence[LeftOut]


def refuse(words: str) -> errors.InvalidFields:
    """A refusal in the words of staff."""
    return errors.InvalidFields(errors.FieldError("file", "refused", words))


# --- Building -------------------------------------------------------------------------------------


def build(
    *, file_id: UUID, account: BankAccount, ids: Iterable[UUID], execution_date: date, by: By
) -> Built:
    """Build a file of the cash-outs with these ids that can be in it, in their sequence.

    `file_id` is chosen by the form, so a form that is sent twice builds one file. Cash-outs of
    other clients or currencies than the account's, and those whose payee needs an address, are
    left out, as are those that the ledger refuses.

    Raises:
        InvalidFields: none can be in it, there are too many, the account is closed, or the date
            has passed.
    """
    with single_transaction():
        if known := BankFile.objects.filter(id=file_id).first():
            return Built(known, [])
        account = BankAccount.objects.select_for_update(no_key=True).get(id=account.id)
        now = clock.now()
        if not account.is_open:
            raise refuse("The bank account is closed.")
        if execution_date < now.date():
            raise refuse("The execution date has passed.")
        fitting, left_out = fitting_in(account, ids)
        orders = [order_of(AddToFile, each, file_id, by) for each in fitting]
        answers = group.post(orders) if orders else []
        chosen = [each for each, answer in paired(fitting, answers) if answer is None]
        left_out += [(each, refused.code) for each, refused in paired(fitting, answers) if refused]
        if not chosen:
            if known := BankFile.objects.filter(id=file_id).first():  # the same form, meanwhile
                return Built(known, [])
            raise refuse("None of the selected payments can be in a file.")
        content = pain001.write(
            message_id=file_id.hex,
            created_at=now,
            debtor=Debtor(name=account.holder_name, iban=account.iban, bic=account.bic),
            transfers=[transfer_of(each, execution_date) for each in chosen],
        )
        file = BankFile.objects.create(
            id=file_id,
            message_id=file_id.hex,
            account=account,
            currency=account.currency,
            execution_date=execution_date,
            count=len(chosen),
            control_sum=-sum(each.amount for each in chosen),
            sha256=hashlib.sha256(content).digest(),
            content=content,
            created_by=by.actor,
        )
        BankPayment.objects.bulk_create(
            payment_of(file, number, each) for number, each in enumerate(chosen, 1)
        )
        record(file, by, BUILT)
    return Built(file, left_out)


def fitting_in(account: BankAccount, ids: Iterable[UUID]) -> tuple[list[Movement], list[LeftOut]]:
    """The cash-outs that the account can pay in a file, and those that it can't.

    Raises:
        InvalidFields: there are more than MOST.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST:
        raise refuse(errors.Message("A file has at most {most} payments.", most=MOST))
    found = Movement.objects.filter(type=Movement.Type.CASH_OUT).select_related("wallet__user")
    by_id = found.in_bulk(wanted)
    clients = set(account.clients.values_list("id", flat=True))
    fitting, left_out = [], []
    for movement in (by_id[each] for each in wanted if each in by_id):
        if movement.client_id not in clients or movement.currency != account.currency:
            left_out.append((movement, OTHER_ACCOUNT))
        elif pain001.needs_an_address(movement.iban or ""):
            left_out.append((movement, NO_ADDRESS))
        else:
            fitting.append(movement)
    return fitting, left_out


def transfer_of(movement: Movement, execution_date: date) -> CreditTransfer:
    """A cash-out as the bank reads it; without a holder, the payee is the user."""
    return CreditTransfer(
        end_to_end_id=movement.id.hex,
        amount=Decimal(money.to_text(-movement.amount, movement.currency)),
        currency=movement.currency,
        execution_date=execution_date,
        name=movement.holder_name or movement.wallet.user.display_name,
        iban=movement.iban or "",
        text=movement.concept or "",
    )


def payment_of(file: BankFile, number: int, movement: Movement) -> BankPayment:
    return BankPayment(
        file=file,
        number=number,
        client_id=movement.client_id,
        wallet_id=movement.wallet_id,
        movement=movement,
        currency=movement.currency,
        amount=-movement.amount,
    )


# --- Approving and discarding ---------------------------------------------------------------------


def approve(*, file_id: UUID, sha256: str, by: By) -> BankFile:
    """Approve the file with this hash: all its cash-outs are sent.

    If one of them can't be sent any more, none is: the file is discarded with the reason, and they
    wait in the queue again. See the state of the file that is returned.

    Raises:
        InvalidFields: it does not wait for approval, has another hash, or was built by the caller.
    """
    with single_transaction():
        file = locked(file_id)
        require_built(file)
        if file.created_by == by.actor:
            raise refuse("You have built this file. Somebody else must approve it.")
        if file.hash != sha256:
            raise refuse("The file is another one than the page showed.")
        if refused := change_all_or_none(file, SendInFile, by):
            return end(file, reason_of(refused), by)
        file.state, file.approved_by = BankFile.State.APPROVED, by.actor
        file.approved_at = clock.now()
        file.save(update_fields=["state", "approved_by", "approved_at"])
        record(file, by, APPROVED)
        return file


def discard(*, file_id: UUID, reason: str, by: By) -> BankFile:
    """Discard a file that was not approved: its cash-outs wait in the queue again.

    Raises:
        InvalidFields: it does not wait for approval.
    """
    with single_transaction():
        file = locked(file_id)
        require_built(file)
        return end(file, reason, by)


def end(file: BankFile, reason: str, by: By) -> BankFile:
    """Discard a locked file; only its orders take cash-outs out of it, so none is refused."""
    if refused := change_all_or_none(file, RemoveFromFile, by):
        raise errors.Inconsistent(f"a cash-out has left its file: {refused[0].code}")
    file.state, file.reason, file.discarded_by = BankFile.State.DISCARDED, reason, by.actor
    file.ended_at = clock.now()
    file.save(update_fields=["state", "reason", "discarded_by", "ended_at"])
    record(file, by, DISCARDED)
    return file


def change_all_or_none(file: BankFile, order: type[FileOrder], by: By) -> Sequence[errors.Refused]:
    """Post an order for each cash-out of a locked file; if one is refused, nothing is changed."""
    movements = [each.movement for each in BankPayment.objects.of(file)]
    orders = [order_of(order, each, file.id, by) for each in movements]
    try:
        with transaction.atomic():
            answers = group.post(orders)
            refused = [each for each in answers if isinstance(each, errors.Refused)]
            if refused:
                raise Undo
    except Undo:
        return refused
    return []


class Undo(Exception):
    """Rolls back the orders of a file."""


def order_of(order: type[FileOrder], movement: Movement, file_id: UUID, by: By) -> FileOrder:
    return order(
        client_id=movement.client_id,
        by=by,
        wallet_id=movement.wallet_id,
        movement_id=movement.id,
        file_id=file_id,
    )


def paired(
    movements: Sequence[Movement], answers: Sequence[Result]
) -> list[tuple[Movement, errors.Refused | None]]:
    """The cash-outs with the refusals of their orders; None: done."""
    return [
        (movement, None if isinstance(answer, Outcome) else answer)
        for movement, answer in zip(movements, answers, strict=True)
    ]


def reason_of(refused: Sequence[errors.Refused]) -> str:
    """Why a file was discarded when it was to be approved."""
    codes = ", ".join(sorted({each.code for each in refused}))
    return f"{len(refused)} of its payments could not be sent: {codes}"[:140]


def locked(file_id: UUID) -> BankFile:
    """The locked row of a file.

    Raises:
        NotFound: there is none.
    """
    file = BankFile.objects.locked().filter(id=file_id).first()
    if file is None:
        raise errors.NotFound()
    return file


def require_built(file: BankFile) -> None:
    if not file.is_built:
        raise refuse("This file does not wait for approval any more.")


# --- Handing over ---------------------------------------------------------------------------------


def take(*, file_id: UUID, by: By) -> tuple[BankFile, bytes]:
    """Return the content of an approved file, to be taken to the bank; the first time it is sent.

    Raises:
        InvalidFields: it was not approved, or its content was erased.
    """
    with single_transaction():
        file = locked(file_id)
        if not file.approved_by:
            raise refuse("This file was not approved.")
        if file.content is None:
            raise refuse("The content of this file was erased with the data of a user.")
        content = bytes(file.content)
        if hashlib.sha256(content).digest() != bytes(file.sha256):
            raise errors.Inconsistent("a bank file has another hash than its content")
        mark_sent(file, by)
        record(file, by, TAKEN)
    return file, content


def mark_sent(file: BankFile, by: By) -> None:
    """Note that a locked file went to the bank; a second time changes nothing."""
    if file.state == BankFile.State.APPROVED:
        file.state, file.sent_by, file.sent_at = BankFile.State.SENT, by.actor, clock.now()
        file.save(update_fields=["state", "sent_by", "sent_at"])


# --- The record of what staff did -----------------------------------------------------------------

BUILT: Final = gettext_noop("Bank file built")
APPROVED: Final = gettext_noop("Bank file approved")
DISCARDED: Final = gettext_noop("Bank file discarded")
TAKEN: Final = gettext_noop("Bank file downloaded")
ANSWERED: Final = gettext_noop("Answer of the bank imported")

Recorder = Callable[[BankFile, By, str], None]


def record(file: BankFile, by: By, words: str) -> None:
    """Record what a member of staff did to a file; what the system does needs no record."""
    if by.actor.startswith(STAFF):
        note_about(file, int(by.actor.removeprefix(STAFF)), words)
