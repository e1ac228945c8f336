"""Log format, and removal of personal data from database and SMTP error messages."""

from __future__ import annotations

import logging
import smtplib
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
from django.db import Error as DatabaseError
from pythonjsonlogger.orjson import OrjsonFormatter

from iocash.times import moment

logger = logging.getLogger(__name__)


class Lines(OrjsonFormatter):
    """One JSON object a line, with the time in UTC."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return moment(datetime.fromtimestamp(record.created, UTC))


def database_error(error: BaseException, *, code: str, request_id: str | None) -> str:
    """Log the database error that caused a 503: its SQLSTATE, class and first line.

    Returns the SQLSTATE, or a blank if the database did not answer.
    The first line has no personal data: errors that quote values never cause a 503.
    """
    found = next((each for each in chain(error) if isinstance(each, psycopg.Error)), None)
    if found is None:
        return ""
    words = str(found).partition("\n")[0]
    facts = {
        "requestId": request_id,
        "code": code,
        "sqlstate": found.sqlstate,
        "error": type(found).__name__,
    }
    logger.warning("%s: %s", code, words, extra=facts)
    return found.sqlstate or ""


class Unquoted(logging.Filter):
    """Keeps every record, and removes the values that its exception quotes."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        quoting = [each for each in chain(error) if quotes(each)]
        if error is None or not quoting:
            return True
        record.msg, record.args = unquoted(record.getMessage(), quoting), None
        record.exc_text = unquoted("".join(traceback.format_exception(error)).rstrip(), quoting)
        record.exc_info = None
        return True


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and its causes, each once: a chain can contain itself."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def quotes(error: BaseException) -> bool:
    return isinstance(error, DatabaseError | psycopg.Error | smtplib.SMTPException)


def unquoted(text: str, quoting: list[BaseException]) -> str:
    """Keep the first line of database errors (the constraint) and nothing of SMTP errors."""
    for error in quoting:
        message = str(error)
        kept = "" if isinstance(error, smtplib.SMTPException) else message.partition("\n")[0]
        text = text.replace(message, kept) if message else text
    return text
