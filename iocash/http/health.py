"""Whether the process is alive, and whether the server is ready."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from rest_framework.request import Request

from iocash import errors
from iocash.db import groups
from iocash.db.backend import safety
from iocash.http import fields
from iocash.http.operations import operation
from iocash.http.rendering import Response
from iocash.http.views import PublicView

GROUPS_AWAY: Final = "X-Groups-Away"


class HealthReport(fields.Serializer):
    """The health of the server."""

    status = fields.Choice(("ok",), read_only=True, help_text="Always `ok`; else it is a 503.")


class LivezView(PublicView):
    """The process is alive. The database is not checked.

    granian serves this from `iocash/health`, without a thread of the application.
    """

    title = "Liveness"
    serializer_class = HealthReport

    @operation(name="get_liveness")
    def get(self, request: Request) -> Response:
        """Check that the process is alive.

        Needs no credentials and does not check the database: use it to decide whether to restart
        the process.
        """
        return Response({"status": "ok"})


class ReadyzView(PublicView):
    """The server is ready: the database has all migrations and accepts durable changes."""

    title = "Readiness"
    serializer_class = HealthReport

    @operation(name="get_readiness", refuses=(errors.DatabaseUnavailable,))
    def get(self, request: Request) -> Response:
        """Check that the server is ready.

        Needs no credentials. The database has all migrations and accepts durable changes: use it to
        decide whether to send requests here.
        """
        if reason := next(unready(), None):
            raise errors.DatabaseUnavailable(reason)
        away = ", ".join(unready_groups())
        return Response({"status": "ok"}, headers={GROUPS_AWAY: away} if away else {})


def unready_groups() -> Iterator[str]:
    """Name the other groups of clients whose databases don't answer, or are not ready.

    The server is ready all the same: the clients of the rest are served.
    """
    for name in groups.names():
        if name == groups.own():
            continue
        try:
            groups.require_reachable(name)
            with groups.entered(name):
                groups.try_connection()
                is_ready = next(unready(), None) is None
        except (errors.DatabaseUnavailable, DatabaseError, InterfaceError):
            is_ready = False
        if not is_ready:
            yield name


def unready() -> Iterator[str]:
    """Say, a sentence each, why the database should be sent no requests."""
    applied = MigrationRecorder(connection).applied_migrations()
    if any(name not in applied for name in latest_migrations()):
        yield "Migrations are missing in the database; run migrate."
    found = safety.read_session()
    yield from safety.not_writable(found)
    yield from safety.unsafe(found)
    if groups.current() == groups.own():
        yield from safety.wrong_rows()


@cache
def latest_migrations() -> list[tuple[str, str]]:
    """The last migration of each app; having it, a database has all before it."""
    return [(app, name) for app, name in MigrationLoader(None).graph.leaf_nodes()]
