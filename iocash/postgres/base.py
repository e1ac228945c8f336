"""Django's PostgreSQL backend, which starts the embedded server if it is not running."""

import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import client
from django.db.utils import OperationalError

if sys.platform == "win32":
    raise ImproperlyConfigured("On Windows, set DATABASE_URL to PostgreSQL 15 or newer.")

from iocash.db.backend import base
from iocash.postgres import STATE, binaries
from iocash.postgres.places import PORT, Unusable
from iocash.postgres.server import Server

SERVER = Server(STATE / os.environ.get("EMBEDDED_POSTGRES", ""))  # tests have several
PATIENCE = 15.0  # seconds, for a server that is recovering after one of its processes died
PAUSE = 0.05
TRANSIENT = ("the database system is", "terminating connection")


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell`, with the server's own psql."""

    def runshell(self, parameters: Iterable[str]) -> None:
        self.connection.settings_dict |= _address()
        self.executable_name = str(binaries.find() / "psql")
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    """One private server per checkout, on a Unix socket."""

    client_class = DatabaseClient

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection; start the server if it is not running.

        Raises:
            OperationalError: it can't be started.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                address = {name.lower(): value for name, value in _address().items()}
                return super().get_new_connection(conn_params | address)
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or not _is_transient(error):
                    raise
                SERVER.forget()
                time.sleep(PAUSE)


def _address() -> dict[str, str]:
    try:
        return {"HOST": str(SERVER.sockets()), "PORT": PORT}
    except Unusable as error:
        raise OperationalError(str(error)) from error


def _is_transient(error: psycopg.OperationalError) -> bool:
    """Whether a retry can succeed: the server will be started, or is recovering."""
    return not SERVER.is_running() or any(words in str(error) for words in TRANSIENT)
