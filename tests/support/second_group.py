"""A second group for a test: a database of its own on the same server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from psycopg.conninfo import make_conninfo

from tests.support.second_server import ask, use
from users.models import Client
from wallets.exports.tables import exported_tables
from wallets.moves import GroupSide, Move

NAME: Final = "test_second_group"


def owner_conninfo(name: str | None = None) -> str:
    """How the owner connects with a database of this server."""
    own = connections["owner"]
    connection.ensure_connection()
    info = connection.connection.info
    return make_conninfo(
        host=info.host,
        port=str(info.port),
        user=own.settings_dict["USER"],
        password=info.password or None,
        dbname=name or own.settings_dict["NAME"],
    )


@contextmanager
def second_group() -> Iterator[str]:
    """Create an empty second group; yields how its owner connects with it."""
    if not (template := connection.settings_dict["TEST"].get("TEMPLATE")):
        pytest.skip("there is no empty database to copy")
    name = f"{NAME}_{connection.settings_dict['NAME'][-4:]}"
    ask(f"DROP DATABASE IF EXISTS {name}")
    ask(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield owner_conninfo(name)
    finally:
        ask(f"DROP DATABASE {name}")


@contextmanager
def inside(conninfo: str) -> Iterator[None]:
    """Be in the second group until the block ends."""
    former = connection.settings_dict["NAME"]
    use(dict(part.split("=", 1) for part in conninfo.split())["dbname"])
    try:
        yield
    finally:
        use(former)


@contextmanager
def moving(
    source: str,
    target: str,
    client_id: Any,
    names: tuple[str, str] = ("home", "west"),
    **values: Any,
) -> Iterator[Move]:
    """A move of a client between two groups, with connections of its own."""
    sides = (
        GroupSide(names[0], partial(psycopg.connect, source)),
        GroupSide(names[1], partial(psycopg.connect, target)),
    )
    said: list[str] = []
    try:
        yield Move(*sides, client_id, settings.DATABASE_ROLE, said.append, **values)
    finally:
        for side in sides:
            side.close()


def statuses(west: str, client: Client) -> tuple[str, str]:
    """The status of the client here and there; blank where it has no row."""
    here = Client.objects.filter(id=client.id).values_list("status", flat=True).first()
    with psycopg.connect(west) as raw:
        found = raw.execute("SELECT status FROM users_client WHERE id = %s", [client.id]).fetchone()
    return here or "", found[0] if found else ""


def require_nothing_there(west: str, client: Client) -> None:
    with psycopg.connect(west) as raw:
        for table in exported_tables():
            query = f"SELECT count(*) FROM {table.name} WHERE {table.condition}"
            count = raw.execute(query.encode(), {"clients": [client.id]}).fetchone()
            assert table.condition == "true" or count == (0,), table.name
