"""Behind a PgBouncer, with the server's own defaults.

Takes seconds; needs PgBouncer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from tests.support.pgbouncer import Pooler, needs_pgbouncer
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served
from tests.support.threads import Stranger

pytestmark = [pytest.mark.ci, needs_pgbouncer]

CALLERS, CALLS = 8, 40


@pytest.fixture(params=["transaction", "session"])
def pooler(request: pytest.FixtureRequest, postgres: Scratch) -> Iterator[Pooler]:
    """Few server connections, so that sessions are shared where the mode allows it."""
    size = {"transaction": 4, "session": 40}[request.param]
    account = postgres.cluster.account
    options = {"pool_mode": request.param, "default_pool_size": size}
    with Pooler(postgres.address(), account, **options) as pooler:
        yield pooler


def call_all(server: Served, demo: dict[str, str], met: Counter[Any]) -> None:
    wallet = f"/api/v1/wallets/{demo['aliceWalletId']}"
    body = {"type": "TRANSFER", "targetWalletId": demo["bobWalletId"], "amount": "0.01"}
    for _ in range(CALLS):
        met[server.call("POST", f"{wallet}/movements", body, demo["apiKey"])[0]] += 1
        met[server.call("GET", f"{wallet}/movements?size=2", secret=demo["apiKey"])[0]] += 1
        met[server.call("GET", "/api/v1/users", secret=demo["apiKey"])[0]] += 1


def test_every_request_is_answered_behind_a_pooler(pooler, postgres, demo, tmp_path):
    log = tmp_path / "server.log"
    met: Counter[Any] = Counter()
    with Served(pooler.address, log) as server:
        assert server.call("GET", "/readyz")[0] == 200
        callers = [Thread(target=call_all, args=(server, demo, met)) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert met == {201: CALLERS * CALLS, 200: 2 * CALLERS * CALLS}, log.read_text()[-2000:]
    assert "The ledger is correct." in postgres.manage("audit")


@pytest.mark.parametrize("pooler", ["transaction"], indirect=True)
def test_waiting_reader_gets_the_next_event_behind_a_pooler(pooler, demo, tmp_path):
    """It keeps no connection, and the barrier advances through any session."""
    body = {"type": "TRANSFER", "targetWalletId": demo["bobWalletId"], "amount": "0.07"}
    wallet = f"/api/v1/wallets/{demo['aliceWalletId']}"
    with Served(pooler.address, tmp_path / "server.log") as server:

        def follow(address: str) -> Any:
            _, _, page = server.call("GET", address, secret=demo["apiKey"])
            return page["_links"]["resume"]["href"].removeprefix(server.url), page["_embedded"]

        place, page = follow("/api/v1/events?size=100")
        while page["events"]:
            place, page = follow(place)
        reader = Stranger(lambda: follow(f"{place}&wait=20"))
        reader.join(1.0)
        server.call("POST", f"{wallet}/movements", body, demo["apiKey"])
        _, page = reader.answer
    assert {each["data"]["amount"] for each in page["events"]} == {"0.07"}


@pytest.mark.parametrize("pooler", ["transaction"], indirect=True)
def test_forced_statements_fail_behind_a_pooler(pooler, demo, tmp_path):
    """The control: without the check at connecting, sessions lack prepared statements."""
    met: Counter[Any] = Counter()
    with Served(pooler.address, tmp_path / "server.log", PREPARED_STATEMENTS="on") as server:
        callers = [Thread(target=call_all, args=(server, demo, met)) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert met[500]
