"""`manage.py distribute`: distribute the database over the nodes of a Citus cluster."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections, transaction

from wallets.management.distribution import (
    KNOWN_TRIGGERS,
    Catalog,
    DistributionPlan,
    TableKey,
    faults,
    plan_of,
)

OLDEST_CITUS = 13
POSTGRESQL = range(16, 19)

SERVER = """
    SELECT (SELECT extversion FROM pg_extension WHERE extname = 'citus'),
           current_setting('server_version_num')::integer / 10000,
           (SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'),
           EXISTS (SELECT FROM users_sandbox)
"""
IS_COORDINATOR = "SELECT citus_is_coordinator()"


class TargetServer(NamedTuple):
    """The server of the owner's connection, and the database there."""

    citus: str | None
    """The version of the extension."""
    major: int
    """The version of PostgreSQL."""
    is_owner: bool
    """Whether the role owns all tables."""
    is_sandbox: bool
    is_coordinator: bool = False

    @classmethod
    def read(cls) -> TargetServer:
        server = cls(*ask_owner(SERVER)[0])
        is_coordinator = bool(server.citus and ask_owner(IS_COORDINATOR)[0][0])
        return server._replace(is_coordinator=is_coordinator)

    def refusal(self) -> str | None:
        """Why this database can't be distributed here, and what to do."""
        if not self.is_owner:
            return (
                "This role does not own the tables. Set DATABASE_OWNER_URL to connect as their "
                "owner."
            )
        if self.major not in POSTGRESQL:
            return f"PostgreSQL must be 16, 17 or 18; this is {self.major}."
        if self.citus is None:
            return (
                "The database has no extension citus. Install Citus, run CREATE EXTENSION citus "
                "as superuser and add the nodes; see docs/operations/citus.md."
            )
        if int(self.citus.split(".")[0]) < OLDEST_CITUS:
            return f"Citus must be {OLDEST_CITUS} or newer; this is {self.citus}."
        if not self.is_coordinator:
            return "This node is a worker. Connect to the coordinator."
        if self.is_sandbox:
            return "A sandbox can't be distributed: its clock reads a table."
        return None


class Command(BaseCommand):
    help = (
        "Experimental: distribute the database over the nodes of a Citus cluster, by client. Run "
        "it on the coordinator, as the owner of the tables, while nothing else is connected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sql", action="store_true", help="Print the statements; execute nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sql"]:
            self.print_statements(planned())
            return
        if refusal := TargetServer.read().refusal():
            raise CommandError(refusal)
        plan = planned()
        with transaction.atomic(using="owner"):
            for statement in plan.in_transaction:
                ask_owner(statement)
        if plan.in_transaction:
            self.stdout.write("All tables are distributed.")
            self.print_losses(plan)
        else:
            self.stdout.write("The database was distributed before. Completing what follows.")
        for statement in plan.after_commit:
            execute_on_nodes(statement)
        self.stdout.write("The privileges are granted on all nodes. Done.")

    def print_statements(self, plan: DistributionPlan) -> None:
        lines = ["BEGIN", *plan.in_transaction, "COMMIT", *plan.after_commit]
        self.stdout.write("".join(f"{line};\n" for line in lines), ending="")

    def print_losses(self, plan: DistributionPlan) -> None:
        """Print what the database no longer enforces."""
        for title, keys in (
            ("Foreign keys that are no longer enforced:", plan.left_out),
            ("Unique within a client only:", plan.narrowed),
        ):
            self.stdout.write(title)
            for key in keys:
                self.stdout.write(f"  {key_text(key)}")
        self.stdout.write("Not possible any more:")
        for name, consequence in KNOWN_TRIGGERS.items():
            self.stdout.write(f"  {consequence} ({name})")


def key_text(key: TableKey) -> str:
    target = f" -> {key.target}" if key.target else ""
    return f"{key.table} ({', '.join(key.columns)}){target}: {key.name}"


def ask_owner(statement: str) -> list[tuple[Any, ...]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def planned() -> DistributionPlan:
    """The statements for this database.

    Raises:
        CommandError: a table fits no rule.
    """
    catalog = Catalog.read(ask_owner)
    if wrong := [*faults(catalog)]:
        raise CommandError("These can't be distributed:\n" + "\n".join(wrong))
    return plan_of(catalog)


def execute_on_nodes(statement: str) -> None:
    """Execute a statement that can report failures of nodes in its rows.

    Raises:
        CommandError: it failed on a node. The tables are distributed; run the command again.
    """
    for row in ask_owner(statement):
        if len(row) == 5 and not row[3]:
            node, port, _, _, error = row
            raise CommandError(f"{node}:{port}: {error}\nCorrect it, then run distribute again.")
