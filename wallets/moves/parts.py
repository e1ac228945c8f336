"""What of a client is moved, table by table: `wallets.exports.tables`, but for what differs.

Both groups are of one institution and one installation: members of staff have the same numbers,
secrets are encrypted with the same key, and documents are in the same storage.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from wallets.exports.tables import OF_CLIENT, Table, exported_tables

KEYS: Final = {
    "users_event": ("client_id", "position"),
    "users_key": ("client_id", "key"),
    "wallets_unexplainedmovement": ("movement_id",),
}
"""The primary keys that are not `id`."""
PARENTS: Final = {
    "users_case": "created_at",
    "users_caseentry": "case_id",
    "users_client": "id",
    "users_webhookattempt": "endpoint_id",
    "users_webhookdelivery": "endpoint_id",
    "users_webhookstream": "endpoint_id",
    "wallets_dormancynotice": "wallet_id",
}
"""What says whose a row is that has no client: a row of that id with another one is a collision."""
NUMBERED: Final = frozenset({"users_event", "users_case"})
"""Tables whose numbers are kept: cursors, events and holds name them. All other numbers are drawn
anew."""
SHARED: Final = (
    ("users_terms", "true"),
    ("users_approval", "id IN (SELECT approval_id FROM users_threshold)"),
    ("users_threshold", "true"),
)
"""Rows of the institution that rows of clients need: they must be the same in both groups."""
CONDITIONS: Final = {
    "users_approval": f"{OF_CLIENT} AND id NOT IN (SELECT approval_id FROM users_threshold)"
}
BUSY: Final = ("wallets_movement", "wallets_hold", "wallets_externalaccount")
"""Tables that others write all the time. Their triggers let through what a ledger does, in one
step too; those of all other tables are off while rows of the client are written there."""
GUARDED: Final = """
    SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
    WHERE NOT tgisinternal AND tgname NOT IN ('row_is_of_this_group', 'event_is_of_this_group')
      AND tgrelid::regclass::text <> ALL(%s)
"""
SORTED: Final = {"wallets_movement": "created_at, id"}
"""What a row refers to in its own table comes before it."""
BANK: Final = "wallets_bank"


@dataclass(frozen=True)
class ClientRows:
    """The rows of the client in a table."""

    table: Table
    condition: str
    is_shared: bool = False

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def key(self) -> tuple[str, ...]:
        return KEYS.get(self.name, ("id",))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that are copied. The status of the client is decided by the move."""
        left_out = {"status"} if self.name == "users_client" else set()
        if self.is_renumbered:
            left_out = {self.table.serial}
        return tuple(f'"{each.name}"' for each in self.table.columns if each.name not in left_out)

    @property
    def is_renumbered(self) -> bool:
        """Whether its rows get new numbers: then they are replaced, not compared one by one."""
        return bool(self.table.serial) and self.name not in NUMBERED and not self.is_shared

    @property
    def owner(self) -> str:
        """The column that tells rows of this client from those of others."""
        names = {each.name for each in self.table.columns}
        return "client_id" if "client_id" in names else PARENTS.get(self.name, "id")

    @property
    def order(self) -> str:
        default = ", ".join(self.columns) if self.is_renumbered else ", ".join(self.key)
        return SORTED.get(self.name, default)

    @property
    def key_text(self) -> str:
        """The key as one text."""
        return " || ' ' || ".join(f"{each}::text" for each in self.key)

    @property
    def digest(self) -> str:
        """The digest of a row: of its columns, as PostgreSQL writes them."""
        return f"sha256(convert_to(ROW({', '.join(self.columns)})::text, 'UTF8'))"


@cache
def client_parts() -> tuple[ClientRows, ...]:
    """The tables with rows of clients, each after those that it refers to. None of banks."""
    shared = {name for name, _ in SHARED} - {"users_approval"}
    return tuple(
        ClientRows(table, CONDITIONS.get(table.name, table.condition))
        for table in exported_tables()
        if table.name not in shared and not table.name.startswith(BANK)
    )


@cache
def shared_parts() -> tuple[ClientRows, ...]:
    tables = {table.name: table for table in exported_tables()}
    return tuple(ClientRows(tables[name], condition, is_shared=True) for name, condition in SHARED)
