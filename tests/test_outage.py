"""PostgreSQL goes away under load, and comes back: only 503 meanwhile, and nothing is half done.

Every caller repeats what was not done, with its key, as the contract asks; so in the end all of it
was done, each once.

Takes about a minute.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest

from tests.support.embedded_postgres import eventually
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = pytest.mark.long

CALLERS = 8
READ_ONLY = "ALTER SYSTEM SET default_transaction_read_only = {}"
RELOAD = "SELECT pg_reload_conf()"
HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'iocash_app'"


@pytest.fixture(scope="module")
def server(
    postgres: Scratch, demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One server for all of it: it is never started again."""
    log = tmp_path_factory.mktemp("served") / "server.log"
    with Served(postgres.address(), log) as served:
        yield served
        assert "crashed" not in log.read_text()


class Payer(Thread):
    """Pays a cent again and again, each with a key, and repeats it until it is acknowledged."""

    def __init__(self, server: Served, demo: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.server, self.demo = server, demo
        self.path = f"/api/v1/wallets/{demo['aliceWalletId']}"
        self.enough = Event()
        self.acknowledged: dict[str, str] = {}
        self.met: Counter[str] = Counter()
        self.odd: list[Any] = []
        self.start()

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self.pay(str(uuid4()))
                self.look()
        except Exception as error:  # noqa: BLE001
            self.odd.append(error)

    def pay(self, key: str) -> None:
        body = {"type": "TRANSFER", "targetWalletId": self.demo["bobWalletId"], "amount": "0.01"}
        while (answer := self.call("POST", "/movements", body, Idempotency_Key=key))[0] == 503:
            self.enough.wait(0.05)
        if answer[0] == 201:
            self.acknowledged[key] = answer[2]["id"]

    def look(self) -> None:
        self.call("GET", "")

    def call(self, method: str, below: str, body: Any = None, **headers: str) -> Any:
        secret = self.demo["apiKey"]
        answer = self.server.call(method, self.path + below, body, secret, **headers)
        self.judge(*answer)
        return answer

    def judge(self, status: int, headers: dict[str, str], content: Any) -> None:
        """A success, or a 503 in full form; anything else is odd."""
        self.met[content.get("code", str(status))] += 1
        is_told = status == 503 and headers["retry-after"].isdecimal()
        known = is_told and content["requestId"] == headers["x-request-id"]
        if status not in {200, 201} and not known:
            self.odd.append((status, headers, content))


@contextmanager
def load(server: Served, demo: dict[str, str]) -> Iterator[list[Payer]]:
    payers = [Payer(server, demo) for _ in range(CALLERS)]
    yield payers
    for payer in payers:
        payer.enough.set()
    for payer in payers:
        payer.join(60)
        assert not payer.is_alive()


def refusals(payers: list[Payer]) -> Counter[str]:
    total = sum((payer.met for payer in payers), Counter[str]())
    return Counter({code: count for code, count in total.items() if not code.isdecimal()})


def paid(payers: list[Payer]) -> int:
    return sum(len(payer.acknowledged) for payer in payers)


def survive(
    postgres: Scratch,
    server: Served,
    demo: dict[str, str],
    begin: Callable[[], None],
    end: Callable[[], None],
) -> Counter[str]:
    """Begin the outage under load and end it; check the books; return the codes that were met."""
    before = postgres.ask(
        f"SELECT balance FROM wallets_wallet WHERE id = '{demo['aliceWalletId']}'"
    )
    with load(server, demo) as payers:
        eventually(lambda: paid(payers) > 20)
        begin()
        eventually(lambda: refusals(payers).total() > 20)
        assert server.call("GET", "/livez")[0] == 200
        end()
        since = paid(payers)
        eventually(lambda: paid(payers) > since + 50)
    assert [odd for payer in payers for odd in payer.odd] == []
    acknowledged = {key: made for payer in payers for key, made in payer.acknowledged.items()}
    keys = ", ".join(f"'{key}'" for key in acknowledged)
    rows = "SELECT count(*) FROM wallets_movement AS m JOIN users_key AS k ON k.made_id = m.id"
    stored = postgres.ask(f"{rows} WHERE k.key IN ({keys}) AND m.amount = -1")
    after = postgres.ask(f"SELECT balance FROM wallets_wallet WHERE id = '{demo['aliceWalletId']}'")
    assert stored == len(acknowledged) == before - after
    assert "The ledger is correct." in postgres.manage("audit")
    assert server.call("GET", "/readyz")[0] == 200
    return refusals(payers)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_stopped_postgresql_loses_and_repeats_no_payment(postgres, server, demo, sign):
    def begin() -> None:
        postgres.stop(sign)
        status, headers, content = server.call("GET", "/readyz")
        assert (status, content["code"]) == (503, "database_unavailable")
        assert headers["retry-after"] == "2"

    met = survive(postgres, server, demo, begin, postgres.start)
    assert met.keys() <= {"database_unavailable", "outcome_unknown"}


def test_read_only_server_serves_reads_and_delays_payments(postgres, server, demo):
    def begin() -> None:
        postgres.tell(READ_ONLY.format("on"), RELOAD)
        wallet = f"/api/v1/wallets/{demo['bobWalletId']}"
        assert server.call("GET", wallet, secret=demo["apiKey"])[0] == 200

    def end() -> None:
        postgres.tell("SET default_transaction_read_only = off", READ_ONLY.format("off"), RELOAD)

    met = survive(postgres, server, demo, begin, end)
    assert met.keys() == {"database_unavailable"}


def test_missing_free_connection_delays_payments(postgres, server, demo):
    def begin() -> None:
        postgres.tell("ALTER ROLE iocash_app CONNECTION LIMIT 0", HANG_UP)

    def end() -> None:
        postgres.tell("ALTER ROLE iocash_app CONNECTION LIMIT -1")

    met = survive(postgres, server, demo, begin, end)
    assert met.keys() <= {"database_unavailable", "outcome_unknown"}


def held(demo: dict[str, str]) -> str:
    return f"SELECT 1 FROM wallets_wallet WHERE id = '{demo['aliceWalletId']}' FOR UPDATE"


def test_held_lock_delays_its_own_wallet_only(postgres, server, demo):
    def begin() -> None:
        holder.__enter__()
        body = {"type": "CASH_IN", "amount": "0.01"}
        begun = time.monotonic()
        bobs = f"/api/v1/wallets/{demo['companyWalletId']}/movements"
        assert server.call("POST", bobs, body, demo["apiKey"])[0] == 201
        assert time.monotonic() - begun < 1

    holder = postgres.holding(held(demo))
    met = survive(postgres, server, demo, begin, lambda: holder.__exit__(None, None, None) and None)
    assert met.keys() == {"lock_timeout"}


def test_slow_statement_is_cancelled(postgres, server, demo):
    patience = "ALTER ROLE iocash_app SET lock_timeout = '{}'"
    slow = "ALTER ROLE iocash_app SET statement_timeout = '{}'"

    def begin() -> None:
        postgres.tell(patience.format("0"), slow.format("200ms"), HANG_UP)
        holder.__enter__()

    def end() -> None:
        holder.__exit__(None, None, None)
        postgres.tell(patience.format("2s"), slow.format("10s"), HANG_UP)

    holder = postgres.holding(held(demo))
    met = survive(postgres, server, demo, begin, end)
    assert "statement_timeout" in met
    assert met.keys() <= {"statement_timeout", "database_unavailable", "outcome_unknown"}
