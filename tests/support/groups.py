"""A second group of clients for a test: `west`, another database of the tests' server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from iocash.db import groups
from tests.support.second_server import ask

NAME: Final = "test_west"


@contextmanager
def west_beside_home(**values: Any) -> Iterator[None]:
    """Have a second group, `west`, until the block ends. Its database has no clients."""
    if not (template := connection.settings_dict["TEST"].get("TEMPLATE")):
        pytest.skip("there is no empty database to copy")
    name = f"{NAME}_{connection.settings_dict['NAME']}"[:63]
    ask(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    ask(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        with override_settings(
            GROUPS=with_west({**connection.settings_dict, "NAME": name}, **values)
        ):
            yield
    finally:
        forget("west")
        ask(f"DROP DATABASE {name} WITH (FORCE)")


def with_west(west: dict[str, Any], **values: Any) -> dict[str, Any]:
    home = {alias: settings.DATABASES[alias] for alias in ("default", "owner")}
    given = west | values
    return {"home": home, "west": {"default": given, "owner": given}}


def forget(name: str) -> None:
    """Close this thread's connection to a group."""
    if (kept := vars(groups.KEPT).pop(name, None)) is not None:
        kept.close()
