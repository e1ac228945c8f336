"""A server with the demo for all tests of clients, and the Python client that calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from iocash_client import Client

from tests.support.scratch_postgres import SEED_SANDBOX, Scratch
from tests.support.server import Served
from tests.support.typescript_client import PROGRAMS, TEXTS, build, compile_programs


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
        return postgres.seed(SEED_SANDBOX)


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


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TypeScript client, compiled."""
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def programs(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled programs of the tests in TypeScript, and of the README."""
    texts = {path.name: path.read_text() for path in PROGRAMS.glob("*.ts")}
    texts |= {f"readme{number}.ts": program for number, (program, _) in enumerate(TEXTS)}
    return compile_programs(texts, package, tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def environment_of_programs(server: Served, demo: dict[str, str]) -> dict[str, str]:
    return {
        "IOCASH_URL": server.url,
        "IOCASH_KEY": demo["apiKey"],
        "API_KEY": demo["apiKey"],
        "ALICE": demo["aliceWalletId"],
        "ALICE_USER": demo["aliceUserId"],
        "BOB": demo["bobWalletId"],
        "BOB_USER": demo["bobUserId"],
    }
