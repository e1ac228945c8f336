"""Log lines that quote nobody: errors of the database and of mail servers tell whose they are."""

from __future__ import annotations

import logging
import smtplib
import traceback
from collections.abc import Iterator

import psycopg
from django.db import Error as DatabaseError


class Unquoted(logging.Filter):
    """Lets every record through, without the values that its exception quotes."""

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
    """The exception, and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def quotes(error: BaseException) -> bool:
    return isinstance(error, DatabaseError | psycopg.Error | smtplib.SMTPException)


def unquoted(text: str, quoting: list[BaseException]) -> str:
    """Leave of what each says the first line, which names the constraint; of mail servers, none."""
    for error in quoting:
        said = str(error)
        kept = "" if isinstance(error, smtplib.SMTPException) else said.partition("\n")[0]
        text = text.replace(said, kept) if said else text
    return text
