"""A scheduler as it must not be: it pays in one transaction, and writes the run in another.

The test that kills workers runs it as its control: there, it must find wrong runs.
"""

from __future__ import annotations

from decimal import Decimal
from threading import Event

from django.db import connection

from iocash.worker.loop import perform_until_ended
from users.models.ids import new_id
from wallets import posting
from wallets.duties.schedules import RunSchedules, take_due
from wallets.models import ScheduledOperation
from wallets.orders.payments import Transfer
from wallets.orders.runs import SCHEDULER

WRITE = """
    INSERT INTO wallets_scheduledrun
        (id, client_id, wallet_id, schedule_id, number, due_date, status, code, currency, amount,
         movement_id)
    SELECT %s, client_id, wallet_id, id, next_number, start_date, 'SUCCESS', '', currency, amount,
           %s
    FROM wallets_scheduledoperation WHERE id = %s ON CONFLICT DO NOTHING
"""
END = """
    UPDATE wallets_scheduledoperation
    SET status = 'COMPLETED', next_at = NULL, next_number = next_number + 1 WHERE id = %s
"""


class PayThenWrite(RunSchedules):
    """Pays without a fence and without a key; then it writes the run."""

    def perform(self) -> int:
        taken = take_due(self.statement)
        for row in taken:
            schedule = ScheduledOperation.objects.get(id=row["schedule_id"])
            outcome = posting.submit(
                Transfer(
                    client_id=schedule.client_id,
                    by=SCHEDULER,
                    wallet_id=schedule.wallet_id,
                    target_id=row["target_id"],
                    amount=Decimal(schedule.amount or 0) / 100,
                )
            )
            with connection.cursor() as cursor:
                cursor.execute(WRITE, [new_id(), outcome.id, schedule.id])
                cursor.execute(END, [schedule.id])
        return len(taken)


def run() -> None:
    """Work until the process is killed."""
    perform_until_ended([PayThenWrite()], lambda report: None, Event())
