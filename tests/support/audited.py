"""The audit after a test: all equations in one statement, which each connection prepares once.

`wallets.audit` sends a query for each equation, and PostgreSQL would plan them again after every
test. That costs more than most tests.
"""

from __future__ import annotations

from typing import Final

from django.db import connection

from wallets import audit

ID: Final = "'{}'::uuid"
BOUNDS: Final = {"first": ID.format(audit.LOWEST), "last": ID.format(audit.HIGHEST)}
ALL: Final = " UNION ALL ".join(
    f"SELECT '{each.name}' WHERE EXISTS (SELECT FROM ({each.query % BOUNDS}) AS wrong)"
    for each in audit.EQUATIONS
)
PREPARED: Final = "SELECT FROM pg_prepared_statements WHERE name = 'audit_of_tests'"


def violated() -> set[str]:
    """Return the names of the equations that a row violates."""
    with connection.cursor() as cursor:
        cursor.execute(PREPARED)
        if not cursor.rowcount:
            cursor.execute(f"PREPARE audit_of_tests AS {ALL}")
        cursor.execute("EXECUTE audit_of_tests")
        return {name for (name,) in cursor.fetchall()}


def wrong() -> list[str]:
    """Return the first wrong row of each violated equation, in words."""
    names = violated()
    if not names:
        return []
    found = [str(finding) for _, finding in audit.findings() if finding]
    return found or [f"{', '.join(sorted(names))} violated"]
