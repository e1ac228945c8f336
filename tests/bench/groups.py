"""Transfers of two groups on two PostgreSQL servers ÷ those of one group on one server.

    python -m tests.bench.groups [ROUNDS [SECONDS]]

Both are measured in turns, with two clients each, on the same processors; so it says what groups
cost, not what a second machine adds. Each group has as many threads: payments that wait for one
group are committed together. It prints the median of the ratios of neighbours.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.load import TRANSFER, Work, drive
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

WALLETS = 1_000
CONNECTIONS = 64
MANY = "ALTER SYSTEM SET max_connections = 300"
UNLIMITED = "ALTER ROLE iocash_app CONNECTION LIMIT -1"
MAKE = """
import json, sys, django
django.setup()
from tests.bench.stage import make_client
print(json.dumps([make_client(int(each), {wallets}) for each in sys.argv[1:]]))
"""


class ServedTwice(Served):
    """A server with as many threads for each of two groups as others have for one."""

    options = ("--blocking-threads", "32")


def clients_of(scratch: Scratch, *numbers: int) -> list[dict[str, Any]]:
    """Make the tables and clients; return what the load must know."""
    scratch.manage("migrate", "--verbosity", "0")
    program = MAKE.format(wallets=WALLETS)
    made: list[dict[str, Any]] = json.loads(
        scratch.run("-c", program, *map(str, numbers)).splitlines()[-1]
    )
    return made


def url(scratch: Scratch) -> str:
    """The address in the form of a URL: spaces separate groups."""
    return f"postgresql://iocash_app@/iocash?host={scratch.cluster.sockets}&port=5432".replace(
        "5432", scratch.address().partition("port=")[2].partition(" ")[0].strip("'")
    )


def rate(server: Served, clients: list[dict[str, Any]], *, seconds: float, run: str) -> float:
    """Transfers a second.

    Raises:
        AssertionError: a transfer was not acknowledged.
    """
    answers = drive(
        Work("transfer", TRANSFER),
        port=server.port,
        clients=clients,
        connections=CONNECTIONS,
        seconds=seconds,
        run=run,
        seed=1,
    )
    assert not answers.errors, answers.wrong
    return answers.requests / answers.seconds


def measure(rounds: int, seconds: float) -> list[tuple[float, float]]:
    """The rates of one group and of two, in turns."""
    with TemporaryDirectory(prefix="iocash-groups-") as name, ExitStack() as stack:
        servers = []
        for each in ("home", "west"):
            folder = Path(name) / each
            folder.mkdir()
            servers.append(Scratch(folder))
            stack.callback(servers[-1].remove)
            servers[-1].tell(MANY)
            servers[-1].stop()
            servers[-1].start()
        home, west = servers
        first, second = clients_of(home, 0, 1)
        (third,) = clients_of(west, 2)
        for each_server in servers:
            each_server.tell(UNLIMITED)
        one = stack.enter_context(Served(home.address(), Path(name) / "one.log"))
        two = stack.enter_context(
            ServedTwice(home.address(), Path(name) / "two.log", DATABASE_GROUPS=f"west={url(west)}")
        )
        found = []
        for number in range(-1, rounds):
            ways = [(one, [first, second], "a"), (two, [first, third], "b")]
            rates = {}
            for server, clients, name_of_run in ways if number % 2 else reversed(ways):
                run = f"{name_of_run}{number:x}".replace("-", "n")
                rates[name_of_run] = rate(server, clients, seconds=seconds, run=run)
            pair = (rates["a"], rates["b"])
            if number >= 0:  # the first one warms up
                found.append(pair)
                sys.stdout.write(f"{pair[0]:8.0f} {pair[1]:8.0f} {pair[1] / pair[0]:6.3f}\n")
                sys.stdout.flush()
    return found


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")
    os.environ.setdefault("DEBUG", "1")
    given = [float(each) for each in sys.argv[1:]]
    asked = [*given, *(10.0, 4.0)[len(given) :]]
    pairs = measure(int(asked[0]), asked[1])
    median = statistics.median(two / one for one, two in pairs)
    sys.stdout.write(f"two groups on two servers ÷ one group on one server: {median:.3f}\n")
