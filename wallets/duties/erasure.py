"""The duties that erase personal data when the retention period has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import DatabaseError
from django.db.models import QuerySet

from iocash.db import clock
from iocash.errors import Refused
from users import phones
from users.duties.periods import PeriodicDuty
from users.models import User
from users.models.events import CLOCK
from wallets import erasure
from wallets.duties.draws import draw_due

log = logging.getLogger(__name__)

BATCH: Final = 20


def due_users() -> QuerySet[User]:
    """The users to erase now."""
    return erasure.in_no_open_case(erasure.due(clock.now()))


def failure_of(erase: Callable[[], object], user_id: object) -> list[Exception]:
    """Erase a user; return why it was not done, if it was not."""
    try:
        erase()
    except (OSError, DatabaseError, Refused) as error:
        log.warning("user %s was not erased: %s", user_id, type(error).__name__)
        return [error]
    return []


class EraseUsers(PeriodicDuty):
    """Erase the personal data of closed users whose retention period has ended.

    So are users whose erasure before that time was approved, and then interrupted.
    Users whom an open case concerns are left out until it is closed. An interrupted erasure is due
    again: see `wallets.erasure`. Batches are drawn, so users who can't be erased keep no others
    waiting.
    """

    name = "erase-users"

    def perform_period(self) -> int:
        """Erase a batch of users. The uses of phones that are no longer counted go too.

        Raises:
            OSError, DatabaseError, Refused: a user could not be erased, and is not marked as
                erased. The others of the batch are erased.
        """
        phones.forget(clock.now())
        ids = draw_due(due_users().values_list("id", flat=True), BATCH)
        failures: list[Exception] = []
        for asked in draw_due(erasure.approved_and_due(), BATCH):
            self.require_time()
            failures += failure_of(partial(erasure.erase_approved, asked), asked.subject_id)
        for user_id in ids:
            self.require_time()
            if not due_users().filter(id=user_id).exists():
                continue  # a case was opened, or somebody has erased the user
            failures += failure_of(partial(erasure.erase, user_id=user_id, by=CLOCK), user_id)
        if failures:
            raise failures[0]
        return len(ids)

    def next_due_at(self, now: datetime, done: int) -> datetime:
        """In an hour; at once if there may be more."""
        return now if done == BATCH else now + timedelta(hours=1)


class EraseBankTexts(PeriodicDuty):
    """Erase what banks said years ago (`BANK_FILE_YEARS`): files, and texts of explained lines.

    They quote strangers, who have no wallet whose end could be waited for.
    """

    name = "erase-bank-texts"

    def perform_period(self) -> int:
        """Erase a batch; return how many files and lines were erased."""
        return erasure.erase_old_bank_texts()

    def next_due_at(self, now: datetime, done: int) -> datetime:
        """In a day; at once if there may be more."""
        return now if done else now + timedelta(days=1)
