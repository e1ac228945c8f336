"""The duties that book the lines of bank statements."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from iocash.worker import Duty
from users.duties.periods import PeriodicDuty
from wallets.bank import booking

PERIOD: Final = timedelta(hours=1)


class BookBankLines(Duty):
    """Book lines that nobody has looked at: of large files, and of imports that were killed."""

    name = "book-bank-lines"
    every = 1.0

    def perform(self) -> int:
        """Book a batch; return how many of its lines were looked at."""
        batch = booking.new_lines(None)
        return booking.book_lines(batch).total() if batch else 0


class RetryBankLines(PeriodicDuty):
    """Look again at lines in suspense whose reason can have passed, once an hour."""

    name = "retry-bank-lines"

    def perform_period(self) -> int:
        return booking.retry()[booking.BOOKED]

    def next_due_at(self, now: datetime, done: int) -> datetime:
        return now + PERIOD
