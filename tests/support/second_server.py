"""A second server for a test: an empty database, a folder of documents and a secret of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connection, connections
from django.test import override_settings

from iocash import settings as configured

NAME: Final = "test_second_server"
SECRET: Final = "the secret of another server" * 2
PASSPHRASE: Final = "correct horse"


@contextmanager
def second_server(folder: Path, **values: Any) -> Iterator[None]:
    """Be the second server until the block ends. It has no rows, and its sequences are new."""
    if not (template := connection.settings_dict["TEST"].get("TEMPLATE")):
        pytest.skip("there is no empty database to copy")
    former = connection.settings_dict["NAME"]
    ask(f"DROP DATABASE IF EXISTS {NAME}")
    ask(f"CREATE DATABASE {NAME} TEMPLATE {template}")
    storages = configured.STORAGES | {
        "documents": configured.STORAGES["documents"]
        | {"OPTIONS": {"location": str(folder / "documents of the second")}}
    }
    use(NAME)
    try:
        with override_settings(STORAGES=storages, SECRET_KEY=SECRET, **values):
            yield
    finally:
        use(former)
        ask(f"DROP DATABASE {NAME}")


def use(name: str) -> None:
    """Connect with another database from now on, also as the owner."""
    connection.close()
    for alias in connections:
        connections[alias].settings_dict["NAME"] = name


def ask(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


def passphrase_file(folder: Path) -> str:
    """A file with the passphrase of the exports of a test."""
    file = folder / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    return str(file)
