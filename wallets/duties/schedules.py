"""The duties that make the runs of scheduled operations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from iocash import errors
from iocash.worker import Duty
from users.models.clients import NOT_AWAY
from wallets import posting
from wallets.orders.runs import SCHEDULER, RunSchedule

log = logging.getLogger(__name__)

MOST: Final = 50
"""The most runs of a batch: they share a transaction."""

LEASE: Final = 10.0
"""Seconds for which other processes leave a schedule alone whose run this one makes.

It only saves them work. That a run is made once follows from the order, which looks again under the
lock of the wallet.
"""

TAKE: Final = """
    WITH taken AS MATERIALIZED ({due} LIMIT %s FOR NO KEY UPDATE OF due SKIP LOCKED)
    UPDATE wallets_scheduledoperation AS schedule
    SET taken_until = clock_timestamp() + make_interval(secs => %s)
    FROM taken
    WHERE schedule.client_id = taken.client_id AND schedule.id = taken.id
    RETURNING schedule.client_id, schedule.wallet_id, schedule.id AS schedule_id,
              schedule.target_id, schedule.account_id, schedule.iban, schedule.watched_id
"""
DATED: Final = TAKE.format(
    due=f"""
    SELECT due.client_id, due.id FROM wallets_scheduledoperation AS due
    WHERE due.status IN ('ACTIVE', 'PAUSED') AND due.trigger = '' AND due.next_at <= iocash_now()
      AND (due.taken_until IS NULL OR due.taken_until < clock_timestamp())
      AND due.{NOT_AWAY}
    ORDER BY due.next_at
"""  # noqa: S608 (a constant)
)
TRIGGERING: Final = """
    SELECT due.client_id, due.id, due.next_at FROM wallets_scheduledoperation AS due
    JOIN wallets_wallet AS own ON own.client_id = due.client_id AND own.id = due.wallet_id
    JOIN wallets_wallet AS watched
        ON watched.client_id = due.client_id AND watched.id = due.watched_id
    JOIN users_client AS client ON client.id = due.client_id AND client.status = 'ACTIVE'
    WHERE due.status = 'ACTIVE' AND due.trigger <> '' AND due.next_at <= iocash_now()
      AND (own.status = 'UNSUBSCRIBED' OR own.status = 'READY' AND CASE due.trigger
          WHEN 'BALANCE_BELOW' THEN watched.balance - watched.held < due.threshold
          ELSE watched.balance - watched.held > due.threshold END)
"""
TRIGGERED: Final = TAKE.format(
    due=TRIGGERING
    + """
      AND (due.taken_until IS NULL OR due.taken_until < clock_timestamp())
    ORDER BY due.next_at
"""
)

NEXT_DATED: Final = f"""
    SELECT min(next_at) FROM wallets_scheduledoperation
    WHERE status IN ('ACTIVE', 'PAUSED') AND trigger = '' AND {NOT_AWAY}
"""  # noqa: S608 (a constant)
LATER: Final = TRIGGERING.replace("due.next_at <= iocash_now()", "due.next_at > iocash_now()")
NEXT_TRIGGERED: Final = f"SELECT min(asked.next_at) FROM ({LATER}) AS asked"  # noqa: S608
"""A balance that asks for a run which can't be made is not waited for."""


class RunSchedules(Duty):
    """Make the runs that are due by their dates."""

    name = "run-schedules"
    statement = DATED
    next_statement = NEXT_DATED

    def next_due(self) -> datetime | None:
        """When the next run is due."""
        with connection.cursor() as cursor:
            cursor.execute(self.next_statement)
            found: datetime | None = cursor.fetchone()[0]
        return found

    def perform(self) -> int:
        """Make a batch of runs; return how many orders were not refused.

        A run whose order is refused, since a lock was not free for example, is due again.
        """
        orders = [RunSchedule(**about, by=SCHEDULER) for about in take_due(self.statement)]
        answers = posting.submit_each(orders)
        refused = [answer.code for answer in answers if isinstance(answer, errors.Refused)]
        if refused:
            log.warning("%d runs were not made: %s", len(refused), ", ".join({*refused}))
        return len(answers) - len(refused)


class RunTriggers(RunSchedules):
    """Make the runs that a balance asks for; none for suspended clients."""

    name = "run-triggers"
    every = 1.0
    statement = TRIGGERED
    next_statement = NEXT_TRIGGERED


def take_due(statement: str) -> Sequence[dict[str, Any]]:
    """Take schedules whose runs are due, by the clock of the database. Locks none for longer."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [MOST, LEASE])
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
