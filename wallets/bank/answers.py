"""Answers of the bank to files: pain.002 rejects and settles cash-outs, and notes their progress.

An answer is imported in one transaction, with the row of the file locked. The order of each
cash-out has a key that is made of the hash of the answer, and the answer is stored with its hash:
importing it twice, or at the same time, changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from iocash import money
from iocash.db import clock
from iocash.db.transactions import single_transaction
from iocash.errors import Message
from users.models.events import By
from users.models.idempotency import OWN_KEY
from wallets import posting
from wallets.bank.files import ANSWERED, record_on_file
from wallets.bank.messages import pain001, pain002
from wallets.bank.messages.pain002 import PaymentStatus, Status, StatusReport
from wallets.bank.messages.reasons import DUPLICATES, reason_in_words
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankFile, BankPayment, BankReport, BankUpload
from wallets.orders.bank_files import RejectByBank, SettleByBank
from wallets.orders.base import Order, Outcome
from wallets.orders.payments import BANK

KEY: Final = f"{OWN_KEY}bank-"
"""How the keys of what the bank says begin."""

DUPLICATE: Final = "duplicate"
"""The bank says that it has the payment already: the first of them may have been accepted."""

NEVER_SENT: Final = frozenset(
    {
        BankFile.State.BUILT,
        BankFile.State.APPROVED,
        BankFile.State.DISCARDED,
        BankFile.State.TAKEN_BACK,
    }
)


@dataclass(frozen=True, slots=True)
class Imported:
    """An answer; `is_new` unless it was imported before. `user_ids` own what was settled."""

    report: BankReport
    is_new: bool
    user_ids: Sequence[UUID] = ()


def import_status(
    *,
    content: bytes,
    by: By,
    upload: BankUpload | None = None,
    said: StatusReport | None = None,
) -> Imported:
    """Import an answer of the bank.

    `upload` is an answer that staff have uploaded and released: the database requires it of staff.
    `said` is what it says, if it was read before. The actor of the orders is the bank.

    A payment that is rejected as a duplicate is not rejected here: the bank may have accepted the
    first one. What contradicts an earlier end of a cash-out is noted with the payment.

    Raises:
        Unreadable: it is no pain.002, or is of no file that was sent, or of other payments.
        Overloaded: other files are being read.
    """
    said = pain002.read_report(content) if said is None else said
    digest = hashlib.sha256(content).digest()
    with single_transaction():
        file = answered_file(said)
        if known := BankReport.objects.filter(file=file, sha256=digest).first():
            return Imported(known, is_new=False)
        payments = list(BankPayment.objects.of(file).select_related("movement__wallet"))
        require_same_payments(file, payments, said)
        settled, counts = apply_report(payments, said, digest)
        report = BankReport.objects.create(
            file=file,
            upload=upload,
            content=content,
            sha256=digest,
            actor=by.actor,
            **(facts_of_report(said) | counts),
        )
        conclude(file, payments)
        record_on_file(file, by, ANSWERED)
    return Imported(report, is_new=True, user_ids=settled)


def facts_of_report(said: StatusReport) -> dict[str, Any]:
    """What is stored of an answer beside its content."""
    return {
        "message_id": said.message_id[:35],
        "status": said.group.code,
        "reason_code": said.group.reason_code,
    }


# --- Which file, which payments -------------------------------------------------------------------


def answered_file(said: StatusReport) -> BankFile:
    """The locked row of the file that an answer is about.

    Raises:
        Unreadable: there is none, or it was never sent.
    """
    file = BankFile.objects.locked().filter(message_id=said.original_id).first()
    if file is None:
        words = "There is no bank file {id}."
        raise Unreadable(Message(words, id=said.original_id[:35]))
    if file.state in NEVER_SENT:
        raise Unreadable(Message("The bank file {id} was never sent.", id=file.message_id))
    return file


def require_same_payments(
    file: BankFile, payments: Sequence[BankPayment], said: StatusReport
) -> None:
    """Require that the answer is about this file and its payments, and repeats their amounts.

    Raises:
        Unreadable: it has others.
    """
    ours = {each.end_to_end_id: each for each in payments}
    if said.count not in {None, file.count}:
        raise Unreadable(Message("The answer is about another number of payments."))
    if said.control_sum not in {None, decimal_of(file.control_sum, file.currency)}:
        raise Unreadable(Message("The answer is about another control sum."))
    own_batch = pain001.batch_id(file.message_id, 1)
    if unknown := [name for name in said.batches if name != own_batch]:
        raise Unreadable(Message("The file has no batch {id}.", id=unknown[0][:35]))
    for name, payment in said.payments.items():
        if name not in ours:
            raise Unreadable(Message("The file has no payment {id}.", id=name[:35]))
        require_same_amount(ours[name], payment)


def require_same_amount(ours: BankPayment, said: PaymentStatus) -> None:
    amount = decimal_of(ours.amount, ours.currency)
    if said.amount not in {None, amount} or said.currency not in {"", ours.currency}:
        words = "The answer has another amount for the payment {id}."
        raise Unreadable(Message(words, id=ours.end_to_end_id))


def decimal_of(minor: int, currency: str) -> Decimal:
    return Decimal(money.to_text(minor, currency))


# --- What it does ---------------------------------------------------------------------------------


def apply_report(
    payments: Sequence[BankPayment], said: StatusReport, digest: bytes
) -> tuple[list[UUID], dict[str, int]]:
    """Note what the bank said of each payment, and end the cash-outs that it rejects or settles.

    Returns the users whose cash-outs were settled, and how many payments had which end.
    """
    now = clock.now()
    counts = {"settled": 0, "rejected": 0, "noted": 0, "conflicts": 0}
    ends: list[tuple[BankPayment, Status]] = []
    changed = []
    for payment, status in said_of_payments(payments, said):
        changed.append(payment)
        payment.answered_at = now
        payment.verification = status.verification or payment.verification
        if is_duplicate(status):
            payment.conflict = DUPLICATE
            counts["conflicts"] += 1
        elif status.is_rejected or status.is_settled:
            ends.append((payment, status))
        else:
            note_status(payment, status)
            counts["noted"] += 1
    settled = post_ends(ends, digest, counts)
    BankPayment.objects.write_notes(changed)
    return settled, counts


def said_of_payments(
    payments: Sequence[BankPayment], said: StatusReport
) -> list[tuple[BankPayment, Status]]:
    """The payments that an answer says something of, and what."""
    batch = pain001.batch_id(said.original_id, 1)
    pairs = [(each, said.of_payment(each.end_to_end_id, batch)) for each in payments]
    return [(payment, status) for payment, status in pairs if status is not None]


def is_duplicate(status: Status) -> bool:
    """Whether a payment is rejected since the bank has it already."""
    return status.is_rejected and status.reason_code in DUPLICATES


def ends_by_report(
    payments: Sequence[BankPayment], said: StatusReport
) -> list[tuple[BankPayment, Status]]:
    """The payments that an answer rejects or settles."""
    return [
        (payment, status)
        for payment, status in said_of_payments(payments, said)
        if (status.is_rejected or status.is_settled) and not is_duplicate(status)
    ]


def note_status(payment: BankPayment, status: Status) -> None:
    """Note the status of a payment; progress does not replace an end."""
    if payment.has_ended and not (status.is_rejected or status.is_settled):
        return
    payment.status = status.code
    payment.reason_code, payment.information = status.reason_code, status.information


def post_ends(
    ends: Sequence[tuple[BankPayment, Status]], digest: bytes, counts: dict[str, int]
) -> list[UUID]:
    """Post the orders that end cash-outs; return the users whose cash-outs were settled.

    A cash-out that had this end before, by the statement of the bank, is no contradiction. One that
    had the other end keeps it: what the bank says now is noted as a contradiction.
    """
    answers = posting.submit_within([order_for(*each, digest) for each in ends])
    settled = []
    for (payment, status), answer in zip(ends, answers, strict=True):
        wanted = "SUCCESS" if status.is_settled else "ERROR"
        if isinstance(answer, Outcome) or answer.facts.get("status") == wanted:
            note_status(payment, status)
            payment.conflict = ""
            counts["settled" if status.is_settled else "rejected"] += 1
            settled += [payment.movement.wallet.user_id] * status.is_settled
        else:
            payment.conflict = f"{status.code} {status.reason_code}".strip()
            counts["conflicts"] += 1
    return settled


def order_for(payment: BankPayment, status: Status, digest: bytes) -> Order:
    """The order that ends a cash-out as the bank has said."""
    values = bank_order_values(payment, digest)
    if status.is_settled:
        return SettleByBank(**values)
    return RejectByBank(reason=reason_in_words(status.reason_code), **values)


def bank_order_values(payment: BankPayment, digest: bytes) -> dict[str, Any]:
    return {
        "client_id": payment.client_id,
        "by": BANK,
        "key": f"{KEY}{digest.hex()}-{payment.end_to_end_id}",
        "wallet_id": payment.wallet_id,
        "movement_id": payment.movement_id,
    }


def conclude(file: BankFile, payments: Sequence[BankPayment]) -> None:
    """Give a locked file the state that follows from what was said of its payments."""
    rejected = [each for each in payments if each.status == pain002.REJECTED]
    if len(rejected) == len(payments):
        file.state = BankFile.State.REJECTED
    elif rejected:
        file.state = BankFile.State.PARTIALLY_ACCEPTED
    elif all(each.status in pain002.ACCEPTED for each in payments):
        file.state = BankFile.State.ACCEPTED
    file.ended_at = clock.now()
    file.save(update_fields=["state", "ended_at"])
