"""Privileges of the serving role. Migrations grant them, table by table.

The role owns no table, so a bug or injected SQL can do only what a migration granted.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.migrations.operations.base import Operation


class Grant(Operation):
    """Grant the serving role `privileges` (as in SQL's GRANT) on `tables`; revoke all others."""

    reversible = True

    def __init__(self, privileges: str, *tables: str) -> None:
        self.privileges = privileges
        self.tables = tables

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Privileges do not change the models."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        role = schema_editor.quote_name(settings.DATABASE_ROLE)
        for table in self.tables:
            schema_editor.execute(f"REVOKE ALL ON {table} FROM {role}")
            schema_editor.execute(f"GRANT {self.privileges} ON {table} TO {role}")

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        role = schema_editor.quote_name(settings.DATABASE_ROLE)
        for table in self.tables:
            schema_editor.execute(f"REVOKE ALL ON {table} FROM {role}")

    def describe(self) -> str:
        return f"Grant {self.privileges} on {', '.join(self.tables)}"
