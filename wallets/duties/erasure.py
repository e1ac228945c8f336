"""The duty that erases personal data when the retention period has ended."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError
from django.db.models import QuerySet

from iocash.db import clock
from users import phones
from users.duties.periods import PeriodicDuty
from users.models import User
from users.models.events import CLOCK
from wallets import erasure

log = logging.getLogger(__name__)

BATCH: Final = 20


def due_users() -> QuerySet[User]:
    """The users to erase now."""
    return erasure.in_no_open_case(erasure.due(clock.now()))


class EraseUsers(PeriodicDuty):
    """Erase the personal data of closed users whose retention period has ended.

    So are users whose erasure before that time was approved, and then interrupted.
    Users whom an open case concerns are left out until it is closed. An interrupted erasure is due
    again: see `wallets.erasure`.
    """

    name = "erase-users"

    def perform_period(self) -> int:
        """Erase a batch of users. The uses of phones that are no longer counted go too.

        Raises:
            OSError, DatabaseError: a user could not be erased, and is not marked as erased. The
                others of the batch are erased.
        """
        phones.forget(clock.now())
        ids = [*due_users().values_list("id", flat=True)[:BATCH]]
        for asked in erasure.approved_and_due()[:BATCH]:
            erasure.erase_approved(asked)
        users = erasure.in_no_open_case(erasure.due(clock.now()))[:BATCH]
        ids = [*users.values_list("id", flat=True)]
        failures = []
        for user_id in ids:
            self.require_time()
            if not due_users().filter(id=user_id).exists():
                continue  # a case was opened, or somebody has erased the user
            try:
                erasure.erase(user_id=user_id, by=CLOCK)
            except (OSError, DatabaseError) as error:
                log.warning("user %s was not erased: %s", user_id, type(error).__name__)
                failures.append(error)
        if failures:
            raise failures[0]
        return len(ids)

    def next_due_at(self, now: datetime, done: int) -> datetime:
        """In an hour; at once if there may be more."""
        return now if done == BATCH else now + timedelta(hours=1)
