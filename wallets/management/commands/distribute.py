"""`manage.py distribute`: distribute the database over the nodes of a Citus cluster."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections, transaction

from users.models.sandbox import Sandbox
from wallets.management.distribution import KNOWN_TRIGGERS, Catalog, Key, Plan, faults, plan_of

OLDEST_CITUS = 13
POSTGRESQL = range(16, 19)

SERVER = """
    SELECT (SELECT extversion FROM pg_extension WHERE extname = 'citus'),
           current_setting('server_version_num')::integer / 10000,
           (SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')
"""
IS_COORDINATOR = "SELECT citus_is_coordinator()"


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
        refuse_unfit_server()
        plan = planned()
        with transaction.atomic(using="owner"):
            for statement in plan.in_transaction:
                ask(statement)
        if plan.distributed:
            self.stdout.write("All tables are distributed.")
            self.print_losses(plan)
        else:
            self.stdout.write("The database was distributed before. Completing what follows.")
        for statement in plan.after_commit:
            execute_on_nodes(statement)
        self.stdout.write("The privileges are granted on all nodes. Done.")

    def print_statements(self, plan: Plan) -> None:
        lines = ["BEGIN", *plan.in_transaction, "COMMIT", *plan.after_commit]
        self.stdout.write("".join(f"{line};\n" for line in lines), ending="")

    def print_losses(self, plan: Plan) -> None:
        """Print what the database no longer enforces."""
        for title, keys in (
            ("Foreign keys that are no longer enforced:", plan.left_out),
            ("Unique within a client only:", plan.narrowed),
        ):
            self.stdout.write(title)
            for key in keys:
                self.stdout.write(f"  {described(key)}")
        self.stdout.write("Not possible any more:")
        for name, consequence in KNOWN_TRIGGERS.items():
            self.stdout.write(f"  {consequence} ({name})")


def described(key: Key) -> str:
    target = f" -> {key.target}" if key.target else ""
    return f"{key.table} ({', '.join(key.columns)}){target}: {key.name}"


def ask(statement: str) -> list[tuple[Any, ...]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def planned() -> Plan:
    """The statements for this database.

    Raises:
        CommandError: a table fits no rule, or is missing.
    """
    catalog = Catalog.read(ask)
    if wrong := [*faults(catalog)]:
        raise CommandError("These can't be distributed:\n" + "\n".join(wrong))
    return plan_of(catalog)


def refuse_unfit_server() -> None:
    """Check the server and the role.

    Raises:
        CommandError: the server is no coordinator of a supported version, the database is a
            sandbox, or the role does not own the tables.
    """
    citus, major, is_owner = ask(SERVER)[0]
    role = connections["owner"].settings_dict["USER"]
    if not is_owner:
        raise CommandError(
            f"The role {role or settings.DATABASE_ROLE} does not own the tables. Set "
            "DATABASE_OWNER_URL to connect as their owner."
        )
    if major not in POSTGRESQL:
        raise CommandError(f"PostgreSQL must be 16, 17 or 18; this is {major}.")
    if citus is None:
        raise CommandError(
            "The database has no extension citus. Install Citus, run CREATE EXTENSION citus as "
            "superuser and add the nodes; see docs/operations/citus.md."
        )
    if int(citus.split(".")[0]) < OLDEST_CITUS:
        raise CommandError(f"Citus must be {OLDEST_CITUS} or newer; this is {citus}.")
    if not ask(IS_COORDINATOR)[0][0]:
        raise CommandError("This node is a worker. Connect to the coordinator.")
    if Sandbox.objects.using("owner").exists():
        raise CommandError("A sandbox can't be distributed: its clock reads a table.")


def execute_on_nodes(statement: str) -> None:
    """Execute a statement that can report failures of nodes in its rows.

    Raises:
        CommandError: it failed on a node. The tables are distributed; run the command again.
    """
    for row in ask(statement):
        if len(row) == 5 and not row[3]:
            node, port, _, _, error = row
            raise CommandError(f"{node}:{port}: {error}\nCorrect it, then run distribute again.")
