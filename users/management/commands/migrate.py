"""Django's `migrate`, run as the role that owns the tables.

It waits for a lock at most for the owner's `lock_timeout`, because requests queue behind it. Then
it pauses, so that they can pass, and tries again.

A migration that changes two tables locks one and waits for the other, while a request has the other
and waits for the first. Under load that happens at each try. So from the second one on, a migration
locks what requests lock, in their order, before its first change.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DatabaseError, connections

PAUSES = (2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each further attempt."""

POLL = 0.1
"""Seconds between two queries for the blocking sessions."""

SET_LOCK_TIMEOUT = (
    "SELECT set_config('lock_timeout', '1s', false) WHERE current_setting('lock_timeout') = '0'"
)

BLOCKERS = """
    SELECT DISTINCT coalesce(wanted.relation::regclass::text, wanted.locktype), by.pid,
                    coalesce(activity.usename, ''), coalesce(activity.application_name, '')
    FROM pg_locks AS wanted
    CROSS JOIN unnest(pg_blocking_pids(wanted.pid)) AS by (pid)
    LEFT JOIN pg_stat_activity AS activity ON activity.pid = by.pid
    WHERE wanted.pid = %s AND NOT wanted.granted
    ORDER BY 1, 2
"""

ORDER_OF_REQUESTS = (
    "users_user",
    "wallets_wallet",
    "users_apikey",
    "users_client",
    "users_key",
    "wallets_movement",
    "wallets_hold",
    "users_event",
)
"""The tables that a payment uses, in the order in which it comes to them."""

CHANGE = re.compile(r"\s*(ALTER|CREATE|DROP|UPDATE|DELETE|INSERT)\b", re.IGNORECASE)

LOCKED, FORBIDDEN = "55P03", "42501"

NOT_THE_OWNER = (
    "The role {role} does not own the tables. Set DATABASE_OWNER_URL to connect as their owner."
)
STILL_LOCKED = (
    "Gave up after {tries} tries: {blockers}. Migrations that were applied stay applied. "
    "Wait for those sessions or end them, then run migrate again."
)


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        blockers = self.blocked(*args, **options)
        for pause in PAUSES:
            if blockers is None:
                return
            self.stdout.write(f"{blockers}. Trying again in {pause:g} s.")
            time.sleep(pause)
            with locking_in_order(options["database"]):
                blockers = self.blocked(*args, **options)
        if blockers is not None:
            words = STILL_LOCKED.format(tries=len(PAUSES) + 1, blockers=blockers)
            raise CommandError(words)

    def blocked(self, *args: Any, **options: Any) -> str | None:
        """Migrate once. Returns a description of the blocking sessions, or None after success."""
        alias = options["database"]
        with connections[alias].cursor() as cursor:
            cursor.execute(SET_LOCK_TIMEOUT)
        with watched(alias) as seen:
            try:
                super().handle(*args, **options)
            except DatabaseError as error:
                state = getattr(error.__cause__, "sqlstate", None)
                if state == FORBIDDEN:
                    role = connections[alias].settings_dict["USER"]
                    raise CommandError(NOT_THE_OWNER.format(role=role)) from error
                if state != LOCKED:
                    raise
                return describe_blockers(seen)
        return None


@contextmanager
def locking_in_order(alias: str) -> Iterator[None]:
    """Lock the tables of requests before each change in a transaction.

    A lock that the transaction has already costs nothing.
    """
    here = connections[alias]
    present = here.introspection.table_names()
    tables = ", ".join(name for name in ORDER_OF_REQUESTS if name in present)

    def lock_first(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if tables and here.in_atomic_block and CHANGE.match(str(sql)):
            execute(f"LOCK TABLE {tables}", None, False, context)
        return execute(sql, params, many, context)

    with here.execute_wrapper(lock_first):
        yield


Blocker = tuple[str, int, str, str]


@contextmanager
def watched(alias: str) -> Iterator[list[Blocker]]:
    """Collect, on a second connection, the sessions that block this one."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    seen: list[Blocker] = []
    stopped = Event()
    watcher = Thread(target=watch, args=(alias, pid, seen, stopped), daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        stopped.set()
        watcher.join()


def watch(alias: str, pid: int, seen: list[Blocker], stopped: Event) -> None:
    connection = connections.create_connection(alias)
    try:
        while not stopped.wait(POLL):
            with connection.cursor() as cursor:
                cursor.execute(BLOCKERS, [pid])
                seen[:] = cursor.fetchall() or seen
    finally:
        connection.close()


def describe_blockers(seen: list[Blocker]) -> str:
    if not seen:
        return "A lock was not released in time"
    (what, *_), holders = seen[0], [one for one in seen if one[0] == seen[0][0]]
    named = ", ".join(f"{pid} ({role}, {program})" for _, pid, role, program in holders)
    return f"{what} is locked by session {named}"
