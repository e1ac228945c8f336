"""Movements from or to the outside that no bank line explains.

Reading them would mean to read all movements of all time. So each report of safeguarding sweeps:
it lists those that were settled since the last report, and takes those off the list that a line
explains by now. The open ones are those on the list, and those since the last sweep, without an
outcome. Nothing else depends on the list: what is on it too long changes no figure.

A sweep ends at the barrier (`users.models.barrier`): all transactions that may have settled a
movement before it have ended, so none appears behind the sweep.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.db import connection
from django.db.models import Max

from iocash.db import clock
from users.models import Barrier
from wallets.models import SafeguardingReport

STEP: Final = 100_000
"""The most movements that a statement of a sweep reads."""

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

WITHOUT_LINE: Final = """
    WITH waiting AS (
        SELECT movement_id AS id, client_id FROM wallets_unexplainedmovement
        WHERE client_id = ANY(%(clients)s) AND currency = %(currency)s
          AND settled_at >= %(begin)s
        UNION
        SELECT id, client_id FROM wallets_movement
        WHERE settled_at >= greatest(%(swept)s, %(begin)s)
          AND client_id = ANY(%(clients)s) AND currency = %(currency)s
          AND counterparty_id IS NULL AND status = 'SUCCESS'
    ), open AS MATERIALIZED (
        SELECT movement.type, movement.amount, movement.settled_at,
               coalesce(movement.reversal_of_id, movement.id) AS whole
        FROM waiting JOIN wallets_movement AS movement
            ON movement.id = waiting.id AND movement.client_id = waiting.client_id
        WHERE NOT EXISTS (
            SELECT FROM wallets_bankoutcome AS outcome WHERE outcome.movement_id = movement.id
        )
    ), summed AS (
        SELECT *, sum(amount) OVER (PARTITION BY whole) AS total FROM open
    )
    SELECT type, sum(amount)::bigint, count(*), min(settled_at),
           min(settled_at) FILTER (WHERE total <> 0)
    FROM summed GROUP BY type ORDER BY type
"""
"""The movements since the beginning without a line, by type; and the oldest that was not reversed
as a whole."""
STEP_END: Final = """
    SELECT settled_at FROM wallets_movement
    WHERE settled_at > %s AND settled_at < %s AND counterparty_id IS NULL AND status = 'SUCCESS'
    ORDER BY settled_at OFFSET %s LIMIT 1
"""
LIST: Final = """
    INSERT INTO wallets_unexplainedmovement
        (movement_id, client_id, currency, type, amount, settled_at)
    SELECT id, client_id, currency, type, amount, settled_at FROM wallets_movement AS movement
    WHERE settled_at >= %s AND settled_at < %s AND counterparty_id IS NULL AND status = 'SUCCESS'
      AND NOT EXISTS (
          SELECT FROM wallets_bankoutcome AS outcome WHERE outcome.movement_id = movement.id
      )
    ON CONFLICT DO NOTHING
"""
TAKE_OFF: Final = """
    DELETE FROM wallets_unexplainedmovement AS listed WHERE EXISTS (
        SELECT FROM wallets_bankoutcome AS outcome WHERE outcome.movement_id = listed.movement_id
    )
"""


def swept_until() -> datetime:
    """When the last sweep has ended."""
    found = SafeguardingReport.objects.aggregate(last=Max("swept_until"))["last"]
    return found or NEVER


def sweep(since: datetime | None = None) -> datetime:
    """List the movements until the barrier; return it. The report of this transaction notes it.

    `since` is when the last sweep has ended, if that is known.
    """
    begin = swept_until() if since is None else since
    end = min(Barrier.objects.get().released_at, clock.now())
    with connection.cursor() as cursor:
        while begin < end:
            cursor.execute(STEP_END, [begin, end, STEP])
            row = cursor.fetchone()
            until = row[0] if row else end
            cursor.execute(LIST, [begin, until])
            begin = until
        cursor.execute(TAKE_OFF)
    return begin
