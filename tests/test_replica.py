"""Reads from a real standby: what it answers, until when, and what the primary answers instead.

Takes about 60 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.faults.standby import Standby
from tests.support.embedded_postgres import eventually
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = pytest.mark.ci

PAUSE, RESUME = "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"
MADE = count(1)


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path_factory.mktemp("primary"))
    yield scratch
    scratch.remove()


@pytest.fixture(scope="module")
def facts(primary: Scratch) -> dict[str, str]:
    return primary.seed()


@pytest.fixture(scope="module")
def standby(
    primary: Scratch, facts: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standby]:
    standby = Standby(tmp_path_factory.mktemp("standby"), primary)
    yield standby
    standby.remove()


@pytest.fixture(scope="module")
def server(
    primary: Scratch, standby: Standby, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("server") / "log"
    with Served(primary.address(), log, DATABASE_REPLICA_URL=standby.address()) as server:
        yield server


class Caller:
    """Calls the server as the client of the demo."""

    def __init__(self, server: Served, facts: dict[str, str]) -> None:
        self.server, self.facts = server, facts
        self.wallet = f"/api/v1/wallets/{facts['aliceWalletId']}"

    def get(self, path: str, token: str = "") -> tuple[int, dict[str, str], Any]:
        headers = {"X_Read_After": token} if token else {}
        return self.server.call("GET", path, None, self.facts["apiKey"], **headers)

    def as_of(self, path: str, token: str = "") -> str | None:
        """The horizon of an answer; None: the primary has answered."""
        status, headers, content = self.get(path, token)
        assert status == 200, content
        return headers.get("x-as-of")

    def pay(self) -> tuple[str, str]:
        """Pay a cent to Bob; return the id of the movement and the token."""
        body = {"type": "TRANSFER", "targetWalletId": self.facts["bobWalletId"], "amount": "0.01"}
        key = f"key-{next(MADE)}"
        status, headers, content = self.server.call(
            "POST", f"{self.wallet}/movements", body, self.facts["apiKey"], Idempotency_Key=key
        )
        assert status == 201, content
        return content["id"], headers["x-write-token"]

    def shows(self, path: str, movement: str, token: str = "") -> bool:
        status, _, content = self.get(path, token)
        assert status == 200, content
        return any(each["id"] == movement for each in content["_embedded"]["movements"])


@pytest.fixture
def caller(server: Served, facts: dict[str, str]) -> Caller:
    caller = Caller(server, facts)
    eventually(lambda: all(caller.as_of("/api/v1/wallets") for _ in range(8)))
    return caller


def test_list_is_read_from_the_replica(caller):
    assert caller.as_of("/api/v1/movements")


def test_write_has_a_token_and_a_read_after_it_shows_the_write(caller):
    for _ in range(20):
        movement, token = caller.pay()
        assert caller.shows("/api/v1/movements", movement, token)
