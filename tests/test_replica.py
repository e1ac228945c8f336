"""Reads from a real standby: what it answers, until when, and what the primary answers instead.

Takes about 90 s.
"""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from iocash_client import Client
from iocash_client.models import TransferBody

from tests.faults.standby import Standby
from tests.support.api_operations import API
from tests.support.embedded_postgres import eventually
from tests.support.replica import ENOUGH, Browser, Caller
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

pytestmark = pytest.mark.ci

PAUSED = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
SKIPPED = "the replica is not read, the primary answers"
DECLARED = [
    (route, view.view_class.collection)
    for route, view in API
    if (get := view.view_class.operations.get("GET")) and get.reads_replica
]
MORE = {
    "totals": [
        "?currency=EUR",
        "?currency=EUR&groupBy=user",
        "?currency=EUR&groupBy=day&startDate=2026-01-01T00:00:00Z",
    ],
    "users": ["", "?sort=createdAt,asc", "?q=alice"],
    "movements": ["", "?sort=createdAt,asc", "?minAmount=0.01&currency=EUR", "?type=TRANSFER"],
}


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


@contextmanager
def reading(primary: Scratch, standby: Scratch, log: Path, **settings: str) -> Iterator[Served]:
    """A server that reads from the standby."""
    address = standby.address()
    with Served(primary.address(), log, DATABASE_REPLICA_URL=address, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def server(
    primary: Scratch, standby: Standby, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("server") / "log"
    with reading(primary, standby, log, DATABASE_REPLICA_LAG="120") as server:
        yield server


@pytest.fixture
def caller(server: Served, facts: dict[str, str]) -> Caller:
    caller = Caller(server, facts)
    caller.use_replica()
    return caller


@contextmanager
def paused(standby: Standby) -> Iterator[None]:
    """The standby receives what the primary writes, and applies nothing of it."""
    standby.tell("SELECT pg_wal_replay_pause()")
    eventually(lambda: standby.ask(PAUSED))
    try:
        yield
    finally:
        standby.tell("SELECT pg_wal_replay_resume()")


def seconds(call: Any) -> float:
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def schedule(server: Served, facts: dict[str, str]) -> str:
    caller = Caller(server, facts)
    body = {
        "alias": "Rent",
        "amount": "1.00",
        "receiver": {"type": "WALLET", "account": facts["bobWalletId"]},
        "schedule": {"startDate": "2031-01-31", "frequency": "ONCE"},
    }
    status, _, content = caller.post(f"{caller.wallet}/scheduled-operations", body)
    assert status == 201, content
    return str(content["id"])


@pytest.mark.parametrize(("route", "collection"), DECLARED, ids=[route for route, _ in DECLARED])
def test_declared_get_is_answered_by_a_hot_standby(caller, facts, schedule, route, collection):
    ids = {
        "wallet_id": facts["aliceWalletId"],
        "user_id": facts["aliceUserId"],
        "schedule_id": schedule,
    }
    path = "/" + re.sub(r"<uuid:(\w+)>", lambda name: ids[name[1]], route)
    for query in queries(path, collection):
        eventually(partial(is_read_from_replica, caller, path + query))


def is_read_from_replica(caller: Caller, path: str) -> bool:
    return caller.as_of(path) is not None


def is_shown_from_replica(browser: Browser, path: str) -> bool:
    return browser.open(path)[0] is not None


def queries(path: str, collection: str) -> list[str]:
    if "/public/" in path or (collection == "movements" and "movements" not in path):
        return [""]
    found = MORE.get(collection, [""])
    return [each.replace("&currency=EUR", "") for each in found] if "wallets/" in path else found


def test_list_on_the_replica_ends_at_its_horizon(caller):
    caller.pay()
    for sort in ("desc", "asc"):
        _, headers, content = caller.get(f"/api/v1/movements?sort=createdAt,{sort}&size=100")
        times = [each["createdAt"] for each in content["_embedded"]["movements"]]
        assert max(times) <= headers["x-as-of"]


def test_read_after_a_write_shows_it(caller):
    for _ in range(20):
        movement, token = caller.pay()
        assert caller.shows(movement, token)


def test_read_waits_for_the_replica_to_have_the_write(caller):
    """One that has waited in vain is answered by the primary, as happens on a busy machine."""

    def is_answered_by_the_replica() -> bool:
        movement, token = caller.pay()
        is_there = caller.as_of(token=token) is not None
        assert caller.shows(movement, token)
        return is_there

    eventually(is_answered_by_the_replica)


def test_paused_replica_is_stale_without_the_token_and_right_with_it(caller, standby):
    with paused(standby):
        movement, token = caller.pay()
        assert caller.as_of()
        assert not caller.shows(movement), "the control sees nothing: nothing is stale"
        assert caller.as_of(token=token) is None
        assert caller.shows(movement, token)
        path = f"{caller.wallet}/balance"
        right, stale = (Decimal(caller.get(path, each)[2]["balance"]) for each in (token, ""))
        assert right < stale
    eventually(lambda: caller.shows(movement))


def test_python_client_reads_its_own_writes(caller, server, facts, standby):
    with paused(standby), Client(server.url, facts["apiKey"]) as client:
        body = TransferBody(target_wallet_id=facts["bobWalletId"], amount="0.01")
        paid = client.create_movement(facts["aliceWalletId"], body)
        assert not caller.shows(paid.id), "the control sees nothing: nothing is stale"
        assert paid.id in [each.id for each in client.list_all_movements().page().items]
        with Client(server.url, facts["apiKey"]) as other:
            assert other.list_all_movements().page().meta.as_of
            other.write_token = client.write_token
            assert paid.id in [each.id for each in other.list_all_movements().page().items]


def test_token_of_every_kind_of_write_is_waited_for(caller, standby):
    """Also of a transaction that is not one of posting."""
    phone = f"+346{random.randrange(10**8):08}"
    body = {"kind": "NATURAL", "userName": f"u{phone[1:]}", "firstName": "A", "lastName": "B"}
    with paused(standby):
        status, headers, user = caller.post("/api/v1/users", body | {"mobilePhone": phone})
        assert status == 202, user
        token = headers["x-write-token"]
        ids = [each["id"] for each in caller.get("/api/v1/users")[2]["_embedded"]["users"]]
        assert user["id"] not in ids
        after = caller.get("/api/v1/users", token)[2]["_embedded"]["users"]
        assert user["id"] in [each["id"] for each in after]


def test_refusal_of_the_replica_is_asked_of_the_primary(caller, facts, standby):
    with paused(standby):
        status, _, wallet = caller.post(
            "/api/v1/wallets", {"userId": facts["aliceUserId"], "currency": "EUR"}
        )
        assert status == 201, wallet
        assert caller.get(f"/api/v1/wallets/{wallet['id']}/movements")[0] == 200
        assert caller.get(f"/api/v1/wallets/{wallet['id']}/balance")[0] == 200


def test_balance_at_an_instant_after_the_horizon_is_the_primarys(caller, standby):
    with paused(standby):
        caller.pay()
        instant = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        before = (datetime.now(UTC) - timedelta(days=1)).isoformat().replace("+00:00", "Z")
        time.sleep(0.01)
        for path in (f"{caller.wallet}/balance?at=", "/api/v1/totals?currency=EUR&at="):
            assert caller.as_of(path + instant) is None
            assert caller.as_of(path + before)


def test_revoked_key_gets_401_from_a_paused_replica(caller, server, facts, primary, standby):
    other = primary.run("-c", NEW_KEY).split()[-1]
    stranger = Caller(server, facts | {"apiKey": other})
    stranger.use_replica()
    with paused(standby):
        assert stranger.as_of()
        primary.tell("UPDATE users_apikey SET revoked_at = now() WHERE label = 'other'")
        assert {stranger.get(path)[0] for path in READS_OF_KEY} == {401}


NEW_KEY = """
import django
django.setup()
from users.models import ApiKey, Client
print(ApiKey.issue(client=Client.objects.get(name="Demo"), label="other",
                   scopes=["movements:read", "wallets:read", "users:read"])[1])
"""
READS_OF_KEY = ["/api/v1/movements", "/api/v1/totals?currency=EUR", "/api/v1/users"] * 3


# --- Tokens --------------------------------------------------------------------------------------


def test_malformed_token_is_a_400_that_names_the_header(caller):
    chance = random.Random(7)
    _, token = caller.pay()
    alphabet = "abcXYZ019-_=+/.:! \u00e9"
    wrong = ["x", token[:-1], token + "A", token.replace(token[3], "+"), "0" * 31, "=" * 32]
    wrong += ["".join(chance.choices(alphabet, k=chance.randrange(1, 60))) for _ in range(60)]
    for text in wrong:
        if re.fullmatch(r"[A-Za-z0-9_-]{32}", text.strip()) or not text.strip():
            continue
        status, _, content = caller.get("/api/v1/movements", text.encode().decode("latin-1"))
        assert (status, content["code"]) == (400, "invalid_header"), text
        assert "X-Read-After" in content["detail"]


def test_unknown_token_is_served_by_the_primary_at_once(caller):
    chance = random.Random(8)
    _, token = caller.pay()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    strange = ["".join(chance.choices(alphabet, k=32)) for _ in range(40)]
    strange += [
        token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(32)
    ]
    for each in strange:
        assert seconds(lambda asked=each: caller.as_of(token=asked)) < 0.9
        assert caller.as_of(token=each) is None


def test_write_of_another_installation_is_read_from_the_primary(
    caller, primary, standby, facts, tmp_path
):
    with reading(primary, standby, tmp_path / "log", SECRET_KEY="x" * 50) as other:
        _, token = Caller(other, facts).pay()
    assert caller.as_of(token=token) is None


# --- The back office -----------------------------------------------------------------------------


LISTS = ["/admin/", "/admin/wallets/wallet/", "/admin/wallets/movement/", "/admin/users/user/"]


def test_back_office_is_read_from_the_replica_until_it_changes_something(server, facts, caller):
    browser = Browser(server, facts)
    for path in LISTS:
        eventually(partial(is_shown_from_replica, browser, path))
    browser.post("/admin/wallets/wallet/")
    assert any(each.name == "wrote" for each in browser.cookies)
    assert [browser.open(path)[0] for path in LISTS] == [None] * len(LISTS)


# --- A replica in trouble ------------------------------------------------------------------------


def test_replica_too_far_behind_is_skipped_and_logged_once(primary, standby, facts, tmp_path):
    log = tmp_path / "log"
    with reading(primary, standby, log, DATABASE_REPLICA_LAG="2") as server:
        caller = Caller(server, facts)
        caller.use_replica()
        with paused(standby):
            movement, _ = caller.pay()
            eventually(lambda: not any(caller.as_of() for _ in range(ENOUGH)))
            assert caller.shows(movement)
            begun = time.monotonic()
            while time.monotonic() < begun + 4:
                assert caller.as_of() is None
        caller.use_replica()
        assert 1 <= log.read_text().count(SKIPPED) <= 2  # of each process


def test_replica_that_stops_in_the_middle_of_a_walk_loses_no_row(primary, standby, facts, tmp_path):
    log = tmp_path / "log"
    with reading(primary, standby, log, DATABASE_REPLICA_LAG="60") as server:
        caller = Caller(server, facts)
        paid = [caller.pay()[0] for _ in range(30)]
        caller.use_replica()
        eventually(lambda: caller.shows(paid[-1]))
        for sort in ("desc", "asc"):
            found, sources = walk(
                caller, f"/api/v1/movements?size=7&sort=createdAt,{sort}", standby
            )
            assert len(found) == len(set(found))
            assert set(paid) <= set(found)
            assert sources[0]
            assert sources[-1] is None
            assert SKIPPED + ": it does not answer" in log.read_text()
            caller.use_replica()


def walk(caller: Caller, path: str | None, standby: Standby) -> tuple[list[str], list[Any]]:
    """Follow the pages; stop the standby after the second one, and start it at the end."""
    found: list[str] = []
    sources: list[str | None] = []
    while path:
        status, headers, content = caller.get(path)
        assert status == 200
        sources.append(headers.get("x-as-of"))
        found += [each["id"] for each in content["_embedded"]["movements"]]
        following = content["_links"].get("next", {}).get("href")
        path = following and following.removeprefix(caller.server.url)
        if len(sources) == 2:
            standby.stop(signal.SIGQUIT)
    standby.start()
    return found, sources


def test_promoted_replica_is_not_read(primary, standby, facts, tmp_path):
    """The last test: the standby is none any more."""
    log = tmp_path / "log"
    with reading(primary, standby, log, DATABASE_REPLICA_LAG="60") as server:
        caller = Caller(server, facts)
        caller.use_replica()
        standby.promote()
        movement, _ = caller.pay()
        for _ in range(20):
            assert caller.as_of() is None
            assert caller.shows(movement)
        eventually(lambda: caller.as_of() is None and SKIPPED in log.read_text())
        assert "it is not a standby" in log.read_text()
