"""A reader who follows `next` while others write misses nothing and reads nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support import people
from tests.support.people import Api
from tests.support.readers import ACROSS, SIZE, Downwards, Get, Upwards, Written
from tests.support.server import Served, database_of_tests
from tests.support.threads import Caller
from users.models import Client
from wallets.models import Wallet

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 16
BELOW = ("movements", "holds", "external-accounts")
GROUPS = [
    pytest.param(
        Written.create_users, ("users", "wallets"), id="users-and-wallets", marks=pytest.mark.ci
    ),
    pytest.param(Written.use_wallet, BELOW, id="in-a-wallet"),
    pytest.param(
        Written.use_wallets, (*ACROSS, "events"), id="across-wallets", marks=pytest.mark.ci
    ),
]
"""What each writer does again and again, and the lists that it adds to."""

Write = Callable[[Written, int], None]
ROUNDS: list[tuple[Write, int]] = [
    (Written.create_users, 65),
    (Written.use_wallet, 110),
    (Written.use_wallets, 35),
]
"""How often each writer does it, to write 5,000 rows or more."""


@pytest.fixture
def written(client_demo: Client, alices: Wallet, bobs: Wallet) -> Written:
    people.cash_in(alices, 10_000_00)
    written = Written(client_demo, alices, bobs)
    for _ in range(WRITERS):
        written.a_pair()
    return written


def read_while_writing(
    written: Written, write: Callable[[int], None], names: tuple[str, ...], get: Get
) -> dict[str, tuple[int, int]]:
    """How many rows were skipped and doubled, by list and direction."""

    def is_over() -> bool:
        return not any(writer.is_alive() for writer in writers)

    def go_down() -> None:
        while not is_over():
            for name, reader in down.items():
                reader.read([*written.ids.get(name, [])])

    below = f"wallets/{written.payer.id}/"
    paths = {
        name: f"{below}{name}" if name in BELOW else name.removeprefix("all-") for name in names
    }
    up = {
        name: Upwards(get, f"{path}?sort=createdAt,asc&size={SIZE}") for name, path in paths.items()
    }
    down = {
        name: Downwards(get, f"{path}?sort=createdAt,desc&size=100") for name, path in paths.items()
    }
    writers = [Caller(partial(write, number)) for number in range(WRITERS)]
    readers = [
        Caller(partial(reader.read_until, is_over, partial(written.rows, name)))
        for name, reader in up.items()
    ]
    for caller in (*writers, *readers, Caller(go_down)):
        caller.join()
        assert caller.result is None, caller.result
    assert all(reader.passes for reader in down.values())
    faults = {f"{name} upwards": reader.faults(written.rows(name)) for name, reader in up.items()}
    return faults | {
        f"{name} downwards": (reader.skipped, reader.doubled) for name, reader in down.items()
    }


def rounds(write: Write, written: Written, number: int) -> Callable[[int], None]:
    """What one writer does: `number` rounds."""

    def do(writer: int) -> None:
        for _ in range(number):
            write(written, writer)

    return do


@pytest.mark.parametrize(("write", "names"), GROUPS)
def test_readers_miss_nothing(
    client_demo: Client, written: Written, write: Write, names: tuple[str, ...]
) -> None:
    """Takes 2 to 6 s in each case."""
    secret = people.a_key(client_demo)

    def get(address: str) -> Any:
        return Api(secret).get(address).json

    faults = read_while_writing(written, rounds(write, written, 3), names, get)
    assert faults == dict.fromkeys(faults, (0, 0))


@pytest.mark.ci
@pytest.mark.parametrize(("write", "names"), GROUPS)
def test_readers_of_a_server_with_several_processes_miss_nothing(
    client_demo: Client, written: Written, write: Write, names: tuple[str, ...], tmp_path: Path
) -> None:
    """Writes 5,000 rows or more in each case. Takes a minute or two."""
    secret = people.a_key(client_demo)
    number = next(number for each, number in ROUNDS if each is write)
    with Served(database_of_tests(), tmp_path / "server.log") as server:

        def get(address: str) -> Any:
            path = address.removeprefix(server.url)
            path = path if path.startswith("/") else f"/api/v1/{path}"
            status, _, page = server.call("GET", path, secret=secret)
            assert status == 200, page
            return page

        faults = read_while_writing(written, rounds(write, written, number), names, get)
        server.settle()
    assert sum(map(len, written.ids.values())) >= 5_000
    assert faults == dict.fromkeys(faults, (0, 0))
