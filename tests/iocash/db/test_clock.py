"""The database's clock: what it costs, and that nothing else tells the time in SQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection

from iocash.db import clock
from tests.support import sandbox

OTHER_CLOCKS = re.compile(
    r"\b(clock_timestamp|statement_timestamp|transaction_timestamp|now|timeofday)\(\)"
    r"|\b(CURRENT_(DATE|TIME|TIMESTAMP)|LOCALTIME(STAMP)?)\b"
)
REAL_TIME = {
    "users/approvals/influence.py": "the log of the back office",
    "users/models/duties.py": "runs and leases of our own processes",
    "users/credentials.py": "the expiry of keys",
    "users/webhooks/leases.py": "leases of our own processes",
    "wallets/duties/schedules.py": "leases of our own processes",
    "wallets/duties/statements.py": "leases of our own processes",
    "wallets/models/statement_files.py": "leases of our own processes",
    "users/models/sandbox.py": "what a sandbox's clock is ahead of",
    "iocash/db/backend/safety.py": "the clock of the database's machine, as below",
    "wallets/dashboard/figures.py": "runs of our own processes, and ages of transactions",
    "wallets/exports/reading.py": "when members of staff were added here",
    "wallets/exports/writing.py": "leases of our own processes",
    "users/chosen_groups.py": "when members of staff were copied here",
    "wallets/moves/__init__.py": "moves of our own processes",
    "wallets/moves/preparing.py": "moves of our own processes",
    "wallets/moves/records.py": "moves of our own processes",
    "wallets/moves/restored.py": "moves of our own processes",
    "wallets/posting/read.py": "the time of the database's machine, which is compared with ours",
}


def plan(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN VERBOSE {statement}")
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("iocash_clock", "clock_timestamp"), ("iocash_now", "statement_timestamp")],
)
def test_clock_costs_nothing_outside_a_sandbox(ours, theirs):
    """PostgreSQL replaces the function by its body when it plans the statement."""
    text = plan(f"SELECT {ours}() FROM users_client")
    assert f"{theirs}()" in text
    assert ours not in text


@pytest.mark.django_db
@pytest.mark.parametrize("is_sandbox", [False, True])
def test_condition_on_the_present_uses_the_index(is_sandbox):
    if is_sandbox:
        sandbox.make()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    text = plan(
        "SELECT id FROM wallets_hold"
        " WHERE wallet_id = '01980000-0000-7000-8000-000000000001' AND status = 'OPEN'"
        " AND expires_at <= iocash_now() ORDER BY expires_at"
    )
    assert re.search(r"Index Cond:.*expires_at <= ", text), text


@pytest.mark.django_db
def test_clock_is_the_real_time_outside_a_sandbox():
    before = datetime.now(UTC)
    assert before - timedelta(seconds=1) < clock.now() < datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.django_db
@pytest.mark.parametrize("offset", [timedelta(days=40), timedelta(days=-90)])
def test_both_functions_of_a_sandbox_have_its_offset(offset):
    real = clock.now()
    sandbox.make(offset)
    with connection.cursor() as cursor:
        cursor.execute("SELECT iocash_clock(), iocash_now()")
        for instant in cursor.fetchone():
            assert real + offset <= instant < real + offset + timedelta(minutes=1)


def test_no_other_clock_is_in_sql():
    found = {}
    for package in ("iocash", "users", "wallets"):
        for file in (settings.BASE_DIR / package).rglob("*.py"):
            name = str(file.relative_to(settings.BASE_DIR))
            texts = re.findall(r'"""(?:.|\n)*?"""|"[^"\n]*"', file.read_text())
            if "/migrations/" not in name and any(map(OTHER_CLOCKS.search, texts)):
                found[name] = REAL_TIME.get(name)
    assert found == REAL_TIME
