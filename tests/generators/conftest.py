"""The document, a folder for each generated client, and a server with a database of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import dev
from tests.generators.clients import Client
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served


@pytest.fixture(scope="session")
def document() -> Path:
    """The OpenAPI document; another one than ours where GENERATORS_DOCUMENT names it."""
    return Path(os.environ.get("GENERATORS_DOCUMENT", dev.ROOT / "docs" / "openapi.json"))


@pytest.fixture(scope="session")
def staged(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Client], Path]:
    """Return the folder of a client, which is generated when it is first asked for."""

    @cache
    def folder_of(client: Client) -> Path:
        folder = tmp_path_factory.mktemp(client.name.replace(" ", "-"))
        client.stage(document, folder)
        return folder

    return folder_of


@pytest.fixture(scope="session")
def compiled(staged: Callable[[Client], Path]) -> Callable[[Client], Path]:
    """Return the folder of a client, which is compiled when it is first asked for."""

    @cache
    def folder_of(client: Client) -> Path:
        folder = staged(client)
        client.compile(folder)
        return folder

    return folder_of


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A database without a user; its books are audited at the end."""
    scratch = Scratch(tmp_path_factory.mktemp("postgres"))
    try:
        scratch.manage("migrate", "--verbosity", "0")
        yield scratch
        scratch.manage("audit")
    finally:
        scratch.remove()


@pytest.fixture(scope="module")
def server(postgres: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("served") / "server.log"
    with Served(postgres.address(), log) as served:
        yield served
