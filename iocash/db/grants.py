"""What the role that serves requests may do to a table: granted by migrations, table by table.

The role owns nothing, so what no migration grants, no bug and no injected SQL can do.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.migrations.operations.base import Operation


class Grant(Operation):
    """Let the serving role do `privileges` (as in SQL's GRANT) on `tables`, and nothing else."""

    reversible = True

    def __init__(self, privileges: str, *tables: str) -> None:
        self.privileges = privileges
        self.tables = tables

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Privileges are no part of the models."""

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
