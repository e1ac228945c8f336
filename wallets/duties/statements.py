"""The duties that write files of statements and drop them."""

from __future__ import annotations

import logging
from typing import Final

from django.db import connection

from iocash import errors
from iocash.db import clock
from iocash.worker import Duty
from users.documents import processes
from users.models.clients import IS_AWAY, NOT_AWAY
from wallets.models import StatementFile
from wallets.models.statement_files import LEASE, MOST_ATTEMPTS
from wallets.statements import files
from wallets.statements.files import Status
from wallets.statements.pdf_file import PdfFailed

log = logging.getLogger(__name__)

DROPPED_AT_ONCE: Final = 100

TAKE: Final = f"""
    WITH due AS MATERIALIZED (
        SELECT client_id, id FROM wallets_statementfile
        WHERE status = 'PENDING'
          AND (leased_until IS NULL OR leased_until < clock_timestamp())
          AND {NOT_AWAY}
        ORDER BY created_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE wallets_statementfile AS file
    SET lease = gen_random_uuid(), attempts = attempts + 1,
        leased_until = clock_timestamp() + %s * interval '1 s'
    FROM due
    WHERE file.client_id = due.client_id AND file.id = due.id
    RETURNING file.client_id, file.id
"""  # noqa: S608 (a constant)


class WriteStatementFiles(Duty):
    """Write the files of statements that requests have left to the worker.

    A file that a killed process was writing is due again when its lease is over.
    """

    name = "write-statement-files"
    every = 0.5
    patience = 60.0

    def perform(self) -> int:
        """Write one file; return 0 if none is pending.

        Raises:
            LockTimeout, DatabaseUnavailable, Inconsistent: it is tried again later.
        """
        return write_next_file()


class DropStatementFiles(Duty):
    """Drop the contents of files that are older than a week."""

    name = "drop-statement-files"
    every = 60.0

    def perform(self) -> int:
        """Drop some, the oldest first; return of how many."""
        old = StatementFile.objects.out_of_date(clock.now()).exclude(IS_AWAY).order_by("created_at")
        ids = [*old.values_list("id", flat=True)[:DROPPED_AT_ONCE]]
        late = StatementFile.objects.filter(id__in=ids).exclude(status=Status.EXPIRED)
        return late.update(
            status=Status.EXPIRED, content=None, sha256=None, lease=None, leased_until=None
        )


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
    file = files.stored_file(*row)
    if file.lease is None:  # it was erased meanwhile
        return 1
    if file.attempts > MOST_ATTEMPTS:
        log.error("statement file %s has failed", file.id)
        files.end_lease(file, status=Status.FAILED)
        return 1
    try:
        files.write_file(file, processes.TYPESET_LONG)
    except (PdfFailed, errors.Overloaded) as error:
        log.warning("statement file %s was not made: %s", file.id, type(error).__name__)
        files.end_lease(file)
    return 1
