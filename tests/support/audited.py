"""The audit after a test: all equations in one statement, which each connection prepares once.

`wallets.audit` sends a query for each equation, and PostgreSQL would plan them again after every
test. That costs more than most tests.
"""

from __future__ import annotations

from typing import Final

from tests.support import prepared
from wallets import audit

ID: Final = "'{}'::uuid"
BOUNDS: Final = {"first": ID.format(audit.LOWEST), "last": ID.format(audit.HIGHEST)}
ALL: Final = " UNION ALL ".join(
    f"SELECT '{each.name}' WHERE EXISTS (SELECT FROM ({each.query % BOUNDS}) AS wrong)"
    for each in audit.EQUATIONS
)


def violated() -> set[str]:
    """Return the names of the equations that a row violates."""
    return {name for (name,) in prepared.execute("audit_of_tests", lambda: ALL)}


def wrong() -> list[str]:
    """Return the first wrong row of each violated equation, in words."""
    names = violated()
    if not names:
        return []
    found = [str(finding) for _, finding in audit.findings() if finding]
    return found or [f"{', '.join(sorted(names))} violated"]
