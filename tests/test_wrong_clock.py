"""A database whose machine has a wrong clock: nothing settles by it, and the log says so.

Takes seconds; needs libfaketime.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

pytestmark = [
    pytest.mark.ci,
    pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed"),
]


@contextmanager
def a_day_ahead(postgres: Scratch, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the database server with its clock a day ahead."""
    popen: Any = subprocess.Popen
    faked = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+1d", "DONT_FAKE_MONOTONIC": "1"}

    def shifted(*args: Any, env: dict[str, str], **options: Any) -> Any:
        return popen(*args, env=env | faked, **options)

    postgres.stop()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", shifted)
        postgres.start()
    yield
    postgres.stop()
    postgres.start()


def bring(server: Served, demo: dict[str, str], owner: str = "alice") -> int:
    path = f"/api/v1/wallets/{demo[f'{owner}WalletId']}/movements"
    return server.call("POST", path, {"type": "CASH_IN", "amount": "1"}, demo["apiKey"])[0]


def pay(server: Served, demo: dict[str, str], payer: str, payee: str) -> int:
    body = {"type": "TRANSFER", "amount": "1", "targetWalletId": demo[f"{payee}WalletId"]}
    path = f"/api/v1/wallets/{demo[f'{payer}WalletId']}/movements"
    return server.call("POST", path, body, demo["apiKey"])[0]


def test_payments_get_503_while_the_clocks_differ(postgres, demo, tmp_path, monkeypatch):
    count = "SELECT count(*) FROM wallets_movement"
    before = postgres.ask(count)
    with a_day_ahead(postgres, monkeypatch), Served(postgres.address(), tmp_path / "log") as server:
        assert bring(server, demo) == 503
        assert postgres.ask(count) == before
    assert "86400" in (tmp_path / "log").read_text()
    with Served(postgres.address(), tmp_path / "log") as server:
        assert bring(server, demo) == 201


def test_only_the_wallet_with_a_future_movement_refuses_payments(
    postgres, demo, tmp_path, monkeypatch
):
    """The server's clock was wrong too and hid the difference; both are correct afterwards."""
    log = tmp_path / "log"
    with a_day_ahead(postgres, monkeypatch):
        unaware = {"CLOCK_TOLERANCE": "0"}
        with Served(postgres.address(), log, **unaware) as server:
            assert bring(server, demo, "bob") == 201
    with Served(postgres.address(), log) as server:
        assert pay(server, demo, "bob", "alice") == 503
        assert pay(server, demo, "alice", "bob") == 503
        assert bring(server, demo, "alice") == 201
    assert f"wallet {demo['bobWalletId']} settled at" in log.read_text()
    future = "SELECT count(DISTINCT wallet_id) FROM wallets_movement WHERE settled_at > now()"
    assert postgres.ask(future) == 1
