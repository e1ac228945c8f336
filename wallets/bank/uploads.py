"""Files of the bank that one member of staff uploads, and another one releases.

A forged file would make money, so it books nothing before somebody else has seen what it brings.
Releasing and importing are one transaction: a file whose import was killed still waits. Its lines
are booked afterwards, by whoever comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.db import IntegrityError

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from iocash.errors import Message
from users.approvals.second import require_two_people
from users.models.events import By
from wallets.bank import answers, importing
from wallets.bank.answers import Imported
from wallets.bank.importing import StoredFile
from wallets.bank.messages import camt, pain002
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankAccount, BankUpload

Kind = BankUpload.Kind

ANSWERED: Final = Message("This file was released or refused already.")
OWN_UPLOAD: Final = Message("Another person must release it: you have uploaded it.")
OTHER_HASH: Final = Message("This is another file than the one that was shown.")
ERASED: Final = Message("The content of this file was erased.")
WAITS: Final = Message("This file was uploaded before, and waits for another person.")


@dataclass(frozen=True, slots=True)
class Released:
    """What came of a released file: the stored statements, or the answer."""

    upload: BankUpload
    stored: StoredFile | None = None
    answered: Imported | None = None


def store_upload(content: bytes, *, kind: str, name: str, by: By) -> BankUpload:
    """Store a file as received; it waits for a second person.

    Raises:
        Unreadable: it can't be read, or is of no account or file of the institution.
        InvalidFields: it waits already.
        Overloaded: other files are being read.
    """
    if kind == Kind.STATEMENT:
        statements = camt.read_outlines(content)
        importing.require_past(statements)
        importing.accounts_of(statements, BankAccount.objects.all())
    else:
        pain002.read_report(content)
    try:
        with single_transaction():
            return BankUpload.objects.create(
                kind=kind,
                name=name[-200:],
                content=content,
                sha256=sha256(content).digest(),
                uploaded_by=by.actor,
            )
    except IntegrityError as error:
        if "bank_upload_waits_once" not in str(error):
            raise
        raise upload_refusal(WAITS) from None


def release_upload(upload: BankUpload, *, sha256: str, by: By) -> Released:
    """Release the file with this hash, and import it, in one transaction.

    It locks the accounts of a statement, then the upload, as erasure does.

    Raises:
        InvalidFields: it was answered before, has another hash, the same person has uploaded it,
            or it can't be imported. It goes on waiting.
        PermissionDenied: as `require_other`.
        Overloaded: other files are being read. It goes on waiting.
    """
    if upload.content is None:
        raise upload_refusal(ERASED)
    content, is_answer = bytes(upload.content), upload.kind == Kind.ANSWER
    try:
        said = pain002.read_report(content) if is_answer else None
        read = None if is_answer else camt.read_statements(content)
        with single_transaction():
            if read is not None:
                importing.lock_accounts(read)
            locked = answer_upload(upload, by=by, is_released=True, shown=sha256)
            if locked.content is None:
                raise upload_refusal(ERASED)
            if said is not None:
                answered = answers.import_status(content=content, by=by, upload=locked, said=said)
                return Released(locked, answered=answered)
            stored = importing.store_file(
                content, name=locked.name, actor=by.actor, upload=locked, read=read
            )
            return Released(locked, stored=stored)
    except Unreadable as unreadable:
        raise upload_refusal(unreadable.words) from unreadable


def refuse_upload(upload: BankUpload, *, by: By) -> BankUpload:
    """Refuse a file: it is kept, and never imported.

    Raises:
        InvalidFields: it was answered before, or the same person has uploaded it.
        PermissionDenied: as `require_other`.
    """
    with single_transaction():
        return answer_upload(upload, by=by, is_released=False, shown=upload.hash)


def answer_upload(upload: BankUpload, *, by: By, is_released: bool, shown: str) -> BankUpload:
    """Write the answer of a second person to a locked file.

    Raises:
        InvalidFields: it was answered before, has another hash, or the same person has uploaded it.
        PermissionDenied: as `require_other`.
    """
    locked = BankUpload.objects.locked().get(id=upload.id)
    if locked.answered_at is not None:
        raise upload_refusal(ANSWERED)
    require_other(locked, by)
    if locked.hash != shown:
        raise upload_refusal(OTHER_HASH)
    locked.answered_by, locked.answered_at = by.actor, clock.now()
    locked.is_released = is_released
    locked.save(update_fields=["answered_by", "answered_at", "is_released"])
    return locked


def require_other(upload: BankUpload, by: By) -> None:
    """
    Raises:
        InvalidFields: the same person has uploaded it.
        PermissionDenied: the two are not independent, or one is no active member of staff any more.
    """
    if upload.uploaded_by == by.actor:
        raise upload_refusal(OWN_UPLOAD)
    require_two_people(upload.uploaded_by, by.actor)


def upload_refusal(words: Message) -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError("file", "refused", words))
