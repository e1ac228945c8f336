"""Files for the bank: build them from pending cash-outs, approve them by a second person.

Each action is one transaction: the row of the file is locked first, then the wallets of its
cash-outs, and every cash-out is changed by an order of the ledger. So a process that is killed
leaves nothing half done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
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
from users.approvals.second import require_two_people
from users.models.events import STAFF, By
from users.staff.records import note_about
from wallets import posting
from wallets.bank.messages import pain001
from wallets.bank.messages.pain001 import CreditTransfer, Debtor
from wallets.models import BankAccount, BankFile, BankPayment, Movement
from wallets.orders.bank_files import AddToFile, FileOrder, RemoveFromFile, SendInFile
from wallets.orders.base import Outcome

WORKER: Final = "system:work"
"""Who sends the files that are put into the folder of the bank."""

MOST: Final = 5_000
"""The most payments of a file."""

LeftOut = tuple[Movement, str]
"""A cash-out that is not in the file, and why: the code of a refusal, or one of these."""
OTHER_ACCOUNT: Final = "other_account"
NO_ADDRESS: Final = "address_needed"


OWN_FILE: Final = errors.Message("You have built this file. Somebody else must approve it.")
OTHER_FILE: Final = errors.Message("The file is another one than the page showed.")


@dataclass(frozen=True, slots=True)
class Built:
    """A file that was built, and the selected cash-outs that are not in it."""

    file: BankFile
    left_out: Sequence[LeftOut]


def file_refusal(words: errors.Message) -> errors.InvalidFields:
    """A refusal in the words of staff."""
    return errors.InvalidFields(errors.FieldError("file", "refused", words))


# --- Building -------------------------------------------------------------------------------------


def build_file(
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
            raise file_refusal(errors.Message("The bank account is closed."))
        if execution_date < now.date():
            raise file_refusal(errors.Message("The execution date has passed."))
        chosen, left_out = choose(account, ids, file_id, by)
        if not chosen:
            if known := BankFile.objects.filter(id=file_id).first():  # the same form, meanwhile
                return Built(known, [])
            raise file_refusal(errors.Message("None of the selected payments can be in a file."))
        content = pain001.write(
            message_id=file_id.hex,
            created_at=now,
            debtor=Debtor(name=account.holder_name, iban=account.iban, bic=account.bic),
            transfers=[transfer_of(each, execution_date) for each in chosen],
        )
        new = BankFile(id=file_id, account=account, execution_date=execution_date)
        return Built(store(new, chosen, content, by), left_out)


def choose(
    account: BankAccount, ids: Iterable[UUID], file_id: UUID, by: By
) -> tuple[list[Movement], list[LeftOut]]:
    """Put the cash-outs that the ledger allows into the file; return them, and those left out."""
    fitting, left_out = fitting_in(account, ids)
    answers = posting.submit_within([order_of(AddToFile, each, file_id, by) for each in fitting])
    chosen = []
    for movement, answer in zip(fitting, answers, strict=True):
        if isinstance(answer, Outcome):
            chosen.append(movement)
        else:
            left_out.append((movement, answer.code))
    return chosen, left_out


def store(new: BankFile, chosen: Sequence[Movement], content: bytes, by: By) -> BankFile:
    """Store a file with its payments."""
    new.message_id = new.id.hex
    new.currency = new.account.currency
    new.count, new.control_sum = len(chosen), -sum(each.amount for each in chosen)
    new.sha256, new.content = hashlib.sha256(content).digest(), content
    new.created_by = by.actor
    new.save(force_insert=True)
    BankPayment.objects.bulk_create(
        payment_of(new, number, each) for number, each in enumerate(chosen, 1)
    )
    record_on_file(new, by, BUILT)
    return new


def fitting_in(account: BankAccount, ids: Iterable[UUID]) -> tuple[list[Movement], list[LeftOut]]:
    """The cash-outs that the account can pay in a file, and those that it can't.

    Raises:
        InvalidFields: there are more than MOST.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST:
        raise file_refusal(errors.Message("A file has at most {most} payments.", most=MOST))
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


def approve_file(*, file_id: UUID, sha256: str, by: By) -> BankFile:
    """Approve the file with this hash: all its cash-outs are sent.

    If one of them can't be sent any more, none is: the file is discarded with the reason, and they
    wait in the queue again. See the state of the file that is returned.

    Raises:
        InvalidFields: it does not wait for approval, has another hash, was built by the caller, or
            the bank would refuse it now: its account is closed, or its day has passed.
        PermissionDenied: the two are not independent, or one is no active member of staff any more.
    """
    with single_transaction():
        account = locked_account(file_id)  # before the file, as erasure does
        file = locked(file_id)
        require_built(file)
        require_other_builder(file, by)
        if file.hash != sha256:
            raise file_refusal(OTHER_FILE)
        require_sendable(file, account)
        if refused := change_all_or_none(file, SendInFile, by):
            return end_file(file, reason_to_discard(refused), by)
        file.state, file.approved_by = BankFile.State.APPROVED, by.actor
        file.approved_at = clock.now()
        file.save(update_fields=["state", "approved_by", "approved_at"])
        record_on_file(file, by, APPROVED)
        return file


def locked_account(file_id: UUID) -> BankAccount:
    """The locked account of a file.

    Raises:
        NotFound: there is no such file.
    """
    rows = BankAccount.objects.select_for_update(no_key=True)
    account = rows.filter(id__in=BankFile.objects.filter(id=file_id).values("account")).first()
    if account is None:
        raise errors.NotFound()
    return account


def require_sendable(file: BankFile, account: BankAccount) -> None:
    """Require that the account of a file is open, and that its day is to come. Both are locked.

    Raises:
        InvalidFields: they are not. A new file can be built when this one is discarded.
    """
    if not account.is_open:
        words = "The bank account {iban} is closed. Discard the file, and build one for another."
        raise file_refusal(errors.Message(words, iban=account.iban))
    if file.execution_date < clock.today():
        words = "The execution date {day} has passed. Discard the file, and build another one."
        raise file_refusal(errors.Message(words, day=file.execution_date.isoformat()))


def require_other_builder(file: BankFile, by: By) -> None:
    """
    Raises:
        InvalidFields: the same person has built it.
        PermissionDenied: the two are not independent, or one is no active member of staff any more.
    """
    if file.created_by == by.actor:
        raise file_refusal(OWN_FILE)
    require_two_people(file.created_by, by.actor)


def discard_file(*, file_id: UUID, reason: str, by: By) -> BankFile:
    """Discard a file that was not approved: its cash-outs wait in the queue again.

    Raises:
        InvalidFields: it does not wait for approval.
    """
    with single_transaction():
        file = locked(file_id)
        require_built(file)
        return end_file(file, reason, by)


def end_file(file: BankFile, reason: str, by: By) -> BankFile:
    """Discard a locked file; only its orders take cash-outs out of it, so none is refused."""
    if refused := change_all_or_none(file, RemoveFromFile, by):
        raise errors.Inconsistent(f"a cash-out has left its file: {refused[0].code}")
    file.state, file.reason, file.discarded_by = BankFile.State.DISCARDED, reason, by.actor
    file.ended_at = clock.now()
    file.save(update_fields=["state", "reason", "discarded_by", "ended_at"])
    record_on_file(file, by, DISCARDED)
    return file


def change_all_or_none(file: BankFile, order: type[FileOrder], by: By) -> Sequence[errors.Refused]:
    """Post an order for each cash-out of a locked file; if one is refused, nothing is changed."""
    movements = [each.movement for each in BankPayment.objects.of(file)]
    orders = [order_of(order, each, file.id, by) for each in movements]
    try:
        with transaction.atomic():
            answers = posting.submit_within(orders)
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


def reason_to_discard(refused: Sequence[errors.Refused]) -> str:
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
        raise file_refusal(errors.Message("This file does not wait for approval any more."))


# --- Handing over ---------------------------------------------------------------------------------


def take_file(*, file_id: UUID, by: By) -> tuple[BankFile, bytes]:
    """Return the content of an approved file, to be taken to the bank; the first time it is sent.

    A file that the worker hands over is not downloaded too, unless the worker has lost it.

    Raises:
        InvalidFields: it was not approved, was taken back, is handed over by the worker, or its
            content was erased.
    """
    with single_transaction():
        file = locked(file_id)
        if not file.approved_by:
            raise file_refusal(errors.Message("This file was not approved."))
        if file.state == BankFile.State.TAKEN_BACK:
            raise file_refusal(errors.Message("This file was taken back."))
        if file.sent_by == WORKER and file.lost_at is None:
            words = "This file was put into the folder of the bank. It is not handed over twice."
            raise file_refusal(errors.Message(words))
        content = content_for_bank(file)
        mark_file_sent(file, by)
        record_on_file(file, by, TAKEN)
    return file, content


def content_for_bank(file: BankFile) -> bytes:
    """The content of a file, exactly as it was approved.

    Raises:
        InvalidFields: it was erased.
        Inconsistent: it has another hash.
    """
    if file.content is None:
        words = "The content of this file was erased with the data of a user."
        raise file_refusal(errors.Message(words))
    content = bytes(file.content)
    if hashlib.sha256(content).digest() != bytes(file.sha256):
        raise errors.Inconsistent("a bank file has another hash than its content")
    return content


def mark_file_sent(file: BankFile, by: By) -> None:
    """Note that a locked file went to the bank; a second time changes nothing."""
    if file.state == BankFile.State.APPROVED:
        file.state, file.sent_by, file.sent_at = BankFile.State.SENT, by.actor, clock.now()
        file.save(update_fields=["state", "sent_by", "sent_at"])


# --- The record of what staff did -----------------------------------------------------------------

BUILT: Final = gettext_noop("Bank file built")
APPROVED: Final = gettext_noop("Bank file approved")
DISCARDED: Final = gettext_noop("Bank file discarded")
TAKEN_BACK: Final = gettext_noop("Bank file taken back")
TAKEN: Final = gettext_noop("Bank file downloaded")
ANSWERED: Final = gettext_noop("Answer of the bank imported")


def record_on_file(file: BankFile, by: By, words: str) -> None:
    """Record what a member of staff did to a file; what the system does needs no record."""
    if by.actor.startswith(STAFF):
        note_about(file, int(by.actor.removeprefix(STAFF)), words)
