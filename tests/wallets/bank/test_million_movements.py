"""The report of safeguarding costs what is open, not what has ever been paid.

Takes 80 s.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from tests.support import bank, barrier
from tests.support import large_statements as large
from tests.support.camt import incoming
from wallets.bank import safeguarding, unexplained
from wallets.models import BankAccount, Movement

pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.spoils_the_books]
MANY = 1_000_000
OPEN = 1_000

ID = "('{kind}-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
MOVEMENT, LINE, OUTCOME = (ID.format(kind=kind) for kind in ("0197aaaa", "0197bbbb", "0197cccc"))
DISABLE = "ALTER TABLE {} {} TRIGGER USER"
TABLES = "wallets_movement", "wallets_bankline", "wallets_bankoutcome"
COPY = """
    INSERT INTO {table} SELECT made.* FROM {table} AS source, generate_series(%s, %s) AS n,
    LATERAL jsonb_populate_record(source, jsonb_build_object({changes})) AS made
    WHERE source.id = %s
"""
EVERY = 1_000_000 // MANY
LONG_AGO = f"timestamptz '2024-01-01Z' + n * interval '{EVERY} minutes'"
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
EARLIER = (BEGIN - datetime(2024, 1, 1, tzinfo=UTC)) // timedelta(minutes=EVERY) - 1
"""How many movements are from before the first statement. They have no lines."""

CHANGES = {
    "wallets_movement": f"'id', {MOVEMENT}, 'operation_id', {MOVEMENT}, 'seq', 1000 + n, "
    f"'created_at', {LONG_AGO}, 'settled_at', {LONG_AGO}",
    "wallets_bankline": f"'id', {LINE}, 'reference', 'X' || n, 'is_open', false, "
    f"'booking_date', ({LONG_AGO})::date",
    "wallets_bankoutcome": f"'id', {OUTCOME}, 'line_id', {LINE}, 'movement_id', {MOVEMENT}",
}
ALL_OF_ALL_TIME = """
    SELECT movement.type, sum(movement.amount)::bigint, count(*), min(movement.settled_at)
    FROM wallets_movement AS movement
    WHERE movement.client_id = ANY(%s) AND movement.currency = %s
      AND movement.counterparty_id IS NULL AND movement.status = 'SUCCESS'
      AND NOT EXISTS (
          SELECT FROM wallets_bankoutcome AS outcome WHERE outcome.movement_id = movement.id
      )
    GROUP BY movement.type
"""


def copy(table: str, first: int, last: int, source: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        statement = COPY.format(table=table, changes=CHANGES[table])
        cursor.execute(statement, [first, last, source])


def plan(statement: str, values: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}", values)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_report_of_a_million_movements_takes_seconds(client_demo, bobs, capsys):
    """All but a thousand are explained."""
    account = bank.an_account(client_demo)
    day, iban = str(BEGIN.date()), bank.an_iban(bobs)
    paid = replace(incoming("1.00", "R1", target=iban), day=day)
    bank.receive(paid, opening="0.00", closing="1.00", day=day)
    line = account.lines.get()
    outcome = line.outcomes.get()
    movement = Movement.objects.get(id=outcome.movement_id)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(DISABLE.format(table, "DISABLE"))
    for first in range(1, MANY, 100_000):
        copy("wallets_movement", first, first + 99_999, movement.id)
        copy("wallets_bankline", max(first, EARLIER + 1), first + 99_999, line.id)
    copy("wallets_bankoutcome", EARLIER + 1, MANY - OPEN, outcome.id)
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ANALYZE {table}")
    barrier.put(barrier.ALWAYS)
    _, old = large.timed(
        lambda: plan(ALL_OF_ALL_TIME, [[client_demo.id], "EUR"]),
    )
    swept, first_sweep = large.timed(unexplained.sweep)
    _, next_sweep = large.timed(lambda: unexplained.sweep(swept))
    about = {
        "clients": [client_demo.id],
        "currency": "EUR",
        "begin": BEGIN,
        "in_transit": BEGIN + safeguarding.PATIENCE,
        "swept": swept,
    }
    found, seconds = large.timed(lambda: safeguarding.safeguarding_positions(swept))
    shown = [
        plan(safeguarding.BEFORE, about),
        plan(unexplained.WITHOUT_LINE, about),
        plan(safeguarding.LINES, {"accounts": [account.id]}),
        plan(safeguarding.BOOKED, {"account": account.id, "until": date(2026, 1, 1)}),
    ]
    with capsys.disabled():
        sys.stdout.write(
            f"\nall of all time {old:.2f} s; first sweep {first_sweep:.2f} s, next one "
            f"{next_sweep:.3f} s; figures {seconds:.3f} s\n" + "\n\n".join(shown) + "\n"
        )
    (position,) = found
    assert position.before == EARLIER * 100
    assert [(each.amount, each.count) for each in position.unmatched] == [(OPEN * 100, OPEN)]
    assert BankAccount.objects.count() == 1
    assert next_sweep < 1
    assert seconds < 2
