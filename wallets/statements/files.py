"""Files of statements: how they are requested, written and dropped.

A request stores the row first. For a short period it then writes the content itself, with the lease
that the row was stored with; the worker writes the others. Each write of a content is conditional
on the lease, so a process that is late, or whose file was erased meanwhile, changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from iocash import errors
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from iocash.processes import Job
from users.documents import processes
from users.models.events import By
from users.models.fingerprints import Asked
from users.models.idempotency import claim, find_made
from users.models.ids import new_id
from wallets import statements
from wallets.models import StatementFile, Wallet
from wallets.models.statement_files import LeaseEnd
from wallets.statements.camt_file import write_camt
from wallets.statements.content import StatementContent, read_content
from wallets.statements.csv_file import write_csv
from wallets.statements.pdf_file import PdfFailed, write_pdf

log = logging.getLogger(__name__)

Format, Status = StatementFile.Format, StatementFile.Status

AT_ONCE: Final = 1_000
"""The most movements of a file that the request itself writes."""
MOST: Final = {Format.PDF: 5_000, Format.CSV: 20_000, Format.CAMT_053: 20_000}
"""The most movements of a file of each format."""

FIND_FILE: Final = "SELECT FROM wallets_statementfile WHERE client_id = %s AND id = %s"


@dataclass(frozen=True, slots=True)
class FilePeriod:
    """What a file is asked for: its format and its half-open period."""

    format: StatementFile.Format
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Requested:
    """A file, and whether the request was sent again."""

    file: StatementFile
    replayed: bool = False


def request_file(
    *, wallet: Wallet, period: FilePeriod, language: str, by: By, key: str | None = None
) -> Requested:
    """Store a request for a file, and write a short one at once; the worker writes the others.

    Raises:
        IdempotencyKeyReused: the key made something else before.
        InvalidFields: the period has too many movements for the format.
        LockTimeout, DatabaseUnavailable: the period may still get movements; see `wait_until`.
    """
    asked = Asked("RequestStatementFile", {"wallet_id": wallet.id, **asdict(period)})
    if key and (used := find_made(wallet.client_id, key, asked)):
        return Requested(stored_file(wallet.client_id, used), replayed=True)
    statement = statements.over(wallet, period.start, period.end)
    require_few(period.format, statement.count)
    file = new_file(wallet, period, statement.count)
    file.language, file.actor = language, by.actor
    with single_transaction():
        if key and (used := claim_file(file, key, asked)):
            return Requested(stored_file(wallet.client_id, used), replayed=True)
        file.save(force_insert=True)
        note_witness(Witness(FIND_FILE, [file.client_id, file.id]))
    if file.lease:
        write_or_leave(file)
    return Requested(stored_file(file.client_id, file.id))


def new_file(wallet: Wallet, period: FilePeriod, count: int) -> StatementFile:
    """A file to store; a short one has a lease, for the request that writes it."""
    is_short = count <= AT_ONCE
    return StatementFile(
        id=new_id(),
        client_id=wallet.client_id,
        wallet_id=wallet.id,
        format=period.format,
        starts_at=period.start,
        ends_at=period.end,
        movements=count,
        lease=uuid.uuid4() if is_short else None,
        leased_until=LeaseEnd() if is_short else None,
    )


def require_few(kind: StatementFile.Format, count: int) -> None:
    """
    Raises:
        InvalidFields: a file of this format can't have so many movements.
    """
    if count > MOST[kind]:
        words = errors.Message(
            "The period has {count} movements; the limit is {limit} per {format} file.",
            count=count,
            limit=MOST[kind],
            format=str(kind),
        )
        raise errors.InvalidFields(errors.FieldError("endDate", "too_many_movements", words))


def claim_file(file: StatementFile, key: str, asked: Asked) -> uuid.UUID | None:
    status = 201 if file.lease else 202
    return claim(file.client_id, key, asked, made="statement", made_id=file.id, status=status)


def stored_file(client_id: uuid.UUID, file_id: uuid.UUID) -> StatementFile:
    return StatementFile.objects.get(client=client_id, id=file_id)


# --- Writing -------------------------------------------------------------------------------------


def write_or_leave(file: StatementFile) -> None:
    """Write a leased file; leave it to the worker if there is no room or time for its PDF."""
    try:
        write_file(file, processes.TYPESET)
    except (PdfFailed, errors.Overloaded) as error:
        log.warning("statement file %s is left to the worker: %s", file.id, type(error).__name__)
        held(file).update(lease=None, leased_until=None)


def write_file(file: StatementFile, job: Job) -> bool:
    """Write the content of a leased file; return False if the lease is another's by now.

    Raises:
        PdfFailed, Overloaded: there is no PDF; nothing was written.
        Inconsistent: the movements don't add up; nothing was written.
    """
    content = read_content(file)
    made = render_file(content, job)
    head = content.statement.closing.digest
    return end_lease(
        file,
        status=Status.READY,
        content=made,
        sha256=hashlib.sha256(made).digest(),
        closing_head=head or None,
    )


def render_file(content: StatementContent, job: Job) -> bytes:
    if content.file.format == Format.PDF:
        return write_pdf(content, job)
    return write_csv(content) if content.file.format == Format.CSV else write_camt(content)


def held(file: StatementFile) -> Any:
    """The row, if this process still has its lease."""
    return StatementFile.objects.filter(
        client=file.client_id, id=file.id, status=Status.PENDING, lease=file.lease
    )


def end_lease(file: StatementFile, **values: Any) -> bool:
    """Write the values and give the lease back; return False if it is another's by now."""
    return bool(held(file).update(**values, lease=None, leased_until=None))
