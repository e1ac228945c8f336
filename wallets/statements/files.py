"""Files of statements: how they are requested, written and dropped.

A request stores the row first. For a short period it then writes the content itself, with the lease
that the row was stored with; the worker writes the others. Each write of a content is conditional
on the lease, so a process that is late, or whose file was erased meanwhile, changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from iocash import errors
from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.documents import processes
from users.models.events import By
from users.models.fingerprints import Asked
from users.models.idempotency import claim, find_made
from users.models.ids import new_id
from wallets import statements
from wallets.models import StatementFile, Wallet
from wallets.models.statement_files import LEASE, MOST_ATTEMPTS, LeaseEnd
from wallets.statements.camt_file import write_camt
from wallets.statements.content import Content, read_content
from wallets.statements.csv_file import write_csv
from wallets.statements.pdf_file import PdfFailed, write_pdf

log = logging.getLogger(__name__)

Format, Status = StatementFile.Format, StatementFile.Status

AT_ONCE: Final = 1_000
"""The most movements of a file that the request itself writes."""
MOST: Final = {Format.PDF: 5_000, Format.CSV: 20_000, Format.CAMT_053: 20_000}
"""The most movements of a file of each format."""
DROPPED_AT_ONCE: Final = 100

FIND_FILE: Final = "SELECT FROM wallets_statementfile WHERE client_id = %s AND id = %s"
TAKE: Final = """
    UPDATE wallets_statementfile AS file
    SET lease = gen_random_uuid(), attempts = attempts + 1,
        leased_until = clock_timestamp() + %s * interval '1 s'
    FROM (
        SELECT client_id, id FROM wallets_statementfile
        WHERE status = 'PENDING'
          AND (leased_until IS NULL OR leased_until < clock_timestamp())
        ORDER BY created_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ) AS due
    WHERE file.client_id = due.client_id AND file.id = due.id
    RETURNING file.client_id, file.id
"""


@dataclass(frozen=True, slots=True)
class Period:
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
    *, wallet: Wallet, period: Period, language: str, by: By, key: str | None = None
) -> Requested:
    """Store a request for a file, and write a short one at once; the worker writes the others.

    Raises:
        IdempotencyKeyReused: the key made something else before.
        InvalidFields: the period has too many movements for the format.
        LockTimeout, DatabaseUnavailable: the period may still get movements; see `wait_until`.
    """
    asked = Asked(
        "RequestStatementFile",
        {
            "wallet_id": wallet.id,
            "format": str(period.format),
            "start": period.start,
            "end": period.end,
        },
    )
    if key and (used := find_made(wallet.client_id, key, asked)):
        return Requested(found(wallet.client_id, used), replayed=True)
    statement = statements.over(wallet, period.start, period.end)
    require_size(period.format, statement.count)
    is_short = statement.count <= AT_ONCE
    file = StatementFile(
        id=new_id(),
        client_id=wallet.client_id,
        wallet_id=wallet.id,
        format=period.format,
        language=language,
        starts_at=period.start,
        ends_at=period.end,
        movements=statement.count,
        actor=by.actor,
        lease=uuid.uuid4() if is_short else None,
        leased_until=LeaseEnd() if is_short else None,
    )
    with single_transaction():
        if key and (used := claim_file(file, key, asked)):
            return Requested(found(wallet.client_id, used), replayed=True)
        file.save(force_insert=True)
        note_witness(Witness(FIND_FILE, [file.client_id, file.id]))
    if is_short:
        write_or_leave(file)
    return Requested(found(file.client_id, file.id))


def require_size(kind: StatementFile.Format, count: int) -> None:
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


def found(client_id: uuid.UUID, file_id: uuid.UUID) -> StatementFile:
    return StatementFile.objects.get(client=client_id, id=file_id)


# --- Writing -------------------------------------------------------------------------------------


def write_or_leave(file: StatementFile) -> None:
    """Write a leased file; leave it to the worker if there is no room or time for its PDF."""
    try:
        write_file(file, processes.TYPESET)
    except (PdfFailed, errors.Overloaded) as error:
        log.warning("statement file %s is left to the worker: %s", file.id, type(error).__name__)
        held(file).update(lease=None, leased_until=None)


def write_next_file() -> int:
    """Take a pending file and write it; return how many were taken. For the worker.

    A file that can't be made has failed after some attempts. Other errors are raised; the file is
    due again when its lease is over.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [LEASE])
        row = cursor.fetchone()
    if row is None:
        return 0
    file = found(*row)
    if file.lease is None:  # it was erased meanwhile
        return 1
    if file.attempts > MOST_ATTEMPTS:
        log.error("statement file %s has failed", file.id)
        end_lease(file, status=Status.FAILED)
        return 1
    try:
        write_file(file, processes.TYPESET_LONG)
    except (PdfFailed, errors.Overloaded) as error:
        log.warning("statement file %s was not made: %s", file.id, type(error).__name__)
        end_lease(file)
    return 1


def write_file(file: StatementFile, job: processes.Job) -> bool:
    """Write the content of a leased file; return False if the lease is another's by now.

    Raises:
        PdfFailed, Overloaded: there is no PDF; nothing was written.
        Inconsistent: the movements don't add up; nothing was written.
    """
    content = read_content(file)
    made = render(content, job)
    head = content.statement.closing.digest
    return end_lease(
        file,
        status=Status.READY,
        content=made,
        sha256=hashlib.sha256(made).digest(),
        closing_head=head or None,
    )


def render(content: Content, job: processes.Job) -> bytes:
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


# --- Dropping ------------------------------------------------------------------------------------


def drop_old_files() -> int:
    """Drop the contents that are older than a week; return of how many. For the worker."""
    old = StatementFile.objects.out_of_date(clock.now()).order_by("created_at")
    ids = [*old.values_list("id", flat=True)[:DROPPED_AT_ONCE]]
    late = StatementFile.objects.filter(id__in=ids).exclude(status=Status.EXPIRED)
    return late.update(
        status=Status.EXPIRED, content=None, sha256=None, lease=None, leased_until=None
    )
