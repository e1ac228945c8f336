"""A server with the demo for all tests of clients, and the Python client that calls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from iocash_client import Client

from tests.support.scratch_postgres import Scratch
from tests.support.server import Served


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path_factory.mktemp("postgres"))
    yield scratch
    scratch.remove()


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of the documents that the users of the demo have sent."""
    return str(tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="session")
def demo(postgres: Scratch, documents: str) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCUMENTS_DIR", documents)
        return postgres.seed()


@pytest.fixture(scope="session")
def server(
    postgres: Scratch,
    demo: dict[str, str],
    documents: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("server") / "server.log"
    with Served(postgres.address(), log, DOCUMENTS_DIR=documents) as served:
        yield served


@pytest.fixture(scope="session")
def client(server: Served, demo: dict[str, str]) -> Iterator[Client]:
    with Client(server.url, demo["apiKey"]) as made:
        yield made
