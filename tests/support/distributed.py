"""A test database with the keys that Citus needs, or on a real Citus; and the tests that it runs.

A test runs them in a process of its own, because the whole database is changed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from typing import Final

from django.core.management import call_command
from django.db import connection

from iocash.postgres import CHECKOUT
from tests.support import emptying
from wallets.management.commands.distribute import planned
from wallets.management.distribution import Catalog, Kind, kinds_of

VARIABLE: Final = "DISTRIBUTED"
KEYS, CITUS = "keys", "citus"

PLAYED: Final = (
    "tests/users/views/test_webhooks.py",
    "tests/users/webhooks/test_delivery.py",
    "tests/wallets/orders/test_batch.py",
    "tests/wallets/orders/test_cash_outs.py",
    "tests/wallets/orders/test_holds.py",
    "tests/wallets/orders/test_payments.py",
    "tests/wallets/orders/test_reversals.py",
    "tests/wallets/orders/test_schedules.py",
    "tests/wallets/orders/test_users.py",
    "tests/wallets/posting/test_group.py",
    "tests/wallets/test_audit.py",
    "tests/wallets/test_erasure.py",
    "tests/wallets/views/test_batches.py",
    "tests/wallets/views/test_cash_ins.py",
    "tests/wallets/views/test_cash_outs.py",
    "tests/wallets/views/test_events.py",
    "tests/wallets/views/test_executions.py",
    "tests/wallets/views/test_holds.py",
    "tests/wallets/views/test_keys.py",
    "tests/wallets/views/test_statements.py",
    "tests/wallets/views/test_transfers.py",
)
"""Posting, holds, batches, statements, events, webhooks, erasure, idempotency keys and audit."""
SKIPPED: Final = "not any_step_size and not thousand"
"""Long ones, about the size of steps and of batches."""

FAILING: Final = "test_users_and_wallets_of_another_client_are_not_found"
"""A client can use the id of another client's wallet: the database does not refuse it any more."""


def convert() -> None:
    """Change the database of the tests as the environment variable says; usually not at all.

    `keys`: all that is plain PostgreSQL in `manage.py distribute`. `citus`: the command itself.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted == KEYS:
        plan = planned()
        with connection.cursor() as cursor:
            cursor.execute("; ".join([*plan.dropped, *plan.keys, *plan.foreign_keys]))
    if wanted == CITUS:
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS citus")
        call_command("distribute")


def local_tables(statements: Iterable[str]) -> set[str]:
    """The local tables that a statement names beside a distributed one."""
    kinds = kinds_of(Catalog.read(emptying.ask).keys)
    names = re.compile(rf"\b({'|'.join(kinds)})\b")
    found = set()
    for tables in {frozenset(names.findall(each)) for each in statements}:
        if any(kinds[table] is Kind.DISTRIBUTED for table in tables):
            found |= {table for table in tables if kinds[table] is Kind.LOCAL}
    return found


def failed_tests(**environment: str) -> set[str]:
    """Play the tests in such an environment; return the names of those that failed.

    A run without any test is an error, and so is one that was interrupted.
    """
    ours = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "--tb=short"]
    chosen = ["-m", "not ci and not long", "-k", SKIPPED, *PLAYED]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *chosen],
        cwd=CHECKOUT,
        env=ours | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert re.search(r"\b\d{3,} passed", done.stdout), done.stdout + done.stderr
    return set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE))
