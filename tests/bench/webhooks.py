"""Measure what events and webhooks cost, and what one receiver costs another: in one run.

`python -m tests.bench.webhooks [--rounds N] [--only NAME …] [--before FOLDER]`. In each round the
conditions come in an order of their own. `--before` names a checkout of an earlier commit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import django
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")
os.environ.setdefault("DEBUG", "1")

from iocash.postgres import CHECKOUT
from tests.bench import database, load, machine, processes
from tests.bench.database import Database
from tests.bench.load import Work
from tests.bench.server import Server
from tests.bench.webhook_bench import SECONDS, Bench

MILLION: Final = 1_000_000
LATE: Final = 30.0
"""Seconds; an event that takes longer counts as if it had taken so long."""
TRANSFER: Final = Work("transfer", load.TRANSFER)
FAR_BEHIND: Final = """
    INSERT INTO users_event (id, client_id, subject, subject_id, wallet_id, kind, actor, request_id,
                             data)
    SELECT gen_random_uuid(), '{client}', 'wallet', '{wallet}', '{wallet}', 'wallet.alert_changed',
           'system:bench', '', '{{}}'
    FROM generate_series(1, {count})
"""
Found = dict[str, list[float]]
"""Figures by their names, one of each round."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def paced(
    server: Server, clients: list[Any], rate: float, seconds: float, connections: int = 8
) -> list[float]:
    """Post at a rate; return the latencies."""
    spec = {"port": server.port, "clients": clients, "rate": rate, "seconds": seconds}
    spec["connections"] = connections
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.paced", json.dumps(spec)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"bench: the load failed.\n{done.stderr}")
    found = json.loads(done.stdout)
    if found["wrong"]:
        raise SystemExit(f"bench: refused: {found['wrong']}")
    took: list[float] = found["took"]
    return took


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else 1000 * LATE


def driven(bench: Bench, server: Server, number: str, connections: int = 8) -> load.Answers:
    """Post as fast as it goes."""
    return load.drive(
        TRANSFER,
        port=server.port,
        clients=bench.clients["large"],
        connections=connections,
        seconds=bench.seconds,
        run=f"{bench.name}-{number}-",
        seed=random.randrange(1_000_000),
    )


def note(found: Found, **figures: float) -> None:
    for name, value in figures.items():
        found.setdefault(name, []).append(value)
    say("  ".join(f"{name} {value:,.1f}" for name, value in figures.items()))


def paired(found: Found, over: str, under: str) -> str:
    """The median of the ratios of each round, and all of them in order."""
    ratios = sorted(a / b for a, b in zip(found[over], found[under], strict=True))
    middle = statistics.median(ratios)
    return f"{middle:.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f}, {len(ratios)} rounds)"


def medians(found: Found) -> dict[str, float]:
    return {name: round(statistics.median(values), 1) for name, values in found.items()}


# --- A receiver that hangs ---------------------------------------------------------------------

CONDITIONS: Final = {
    "alone": ("fast",),
    "few": ("fast", "hang-own", "slow-own"),
    "hundred": ("fast", "hang-[0-9]+"),
}


def neighbours(told: argparse.Namespace, bench: Bench) -> dict[str, Any]:
    """Milliseconds from the creation of an event to its arrival, beside receivers that hang."""
    hanging = [(each["id"], f"/hang-{n}") for each in bench.others for n in range(10)]
    own = [(bench.victim["id"], path) for path in ("/fast", "/hang-own", "/slow-own")]
    bench.add_endpoints(*own, *hanging)
    found: Found = {}
    with bench.server() as server, bench.receiver():
        for _ in range(told.rounds):
            for name in random.sample([*CONDITIONS], len(CONDITIONS)):
                bench.enable(*CONDITIONS[name])
                with bench.worker():
                    clients = [bench.victim] * 10 + bench.others
                    paced(server, clients, 40, 4.0)
                    since = time.time()
                    paced(server, clients, 40, told.seconds)
                    until = time.monotonic() + LATE
                    sent = events_since(bench, since)
                    while len(bench.arrivals(since)) < sent and time.monotonic() < until:
                        time.sleep(0.1)
                    took = bench.arrivals(since)
                    took += [1000 * LATE] * (sent - len(took))
                    note(found, **{name: p95(took)})
    return {
        "p95 ms": medians(found),
        "few ÷ alone": paired(found, "few", "alone"),
        "hundred ÷ alone": paired(found, "hundred", "alone"),
    }


def events_since(bench: Bench, since: float) -> int:
    return int(
        bench.database.ask(
            "SELECT count(*) FROM users_event WHERE client_id = %s"
            " AND created_at >= to_timestamp(%s) AND kind LIKE 'movement%%'",
            [bench.victim["id"], since],
        )
    )


# --- A receiver that gets everything -----------------------------------------------------------


def delivering(told: argparse.Namespace, bench: Bench) -> dict[str, Any]:
    """The p95 of posting at half of the capacity, while a worker delivers and while it does not."""
    bench.add_endpoints((bench.victim["id"], "/fast"))
    found: Found = {}
    with bench.server() as server, bench.receiver():
        driven(bench, server, "warm")
        capacity = [
            answers.requests / answers.seconds
            for answers in (driven(bench, server, f"capacity-{each}") for each in range(3))
        ]
        half = statistics.median(capacity) / 2
        say(f"capacity {2 * half:,.0f}/s")
        with bench.worker():
            for _ in range(told.rounds):
                for name in random.sample(["without", "with"], 2):
                    bench.enable("fast" if name == "with" else "nothing")
                    paced(server, [bench.victim], half, 1.0)
                    since = time.time()
                    took = paced(server, [bench.victim], half, told.seconds)
                    arrived, made = len(bench.arrivals(since)), events_since(bench, since)
                    note(found, **{name: p95(took)})
                    if name == "with":
                        note(found, delivered=100 * arrived / made)
    return {
        "half of the capacity": round(half),
        "p95 ms": medians(found),
        "with ÷ without": paired(found, "with", "without"),
    }


# --- A million events behind -------------------------------------------------------------------


def behind(told: argparse.Namespace, bench: Bench) -> dict[str, Any]:
    """Posting and reading beside a million undelivered events, and beside none."""
    other = Bench(bench.database.beside("million"), bench.folder, "million")
    other.seconds = told.seconds
    try:
        return compared(told, bench, other)
    finally:
        other.database.drop()


def compared(told: argparse.Namespace, bench: Bench, other: Bench) -> dict[str, Any]:
    other.add_endpoints((other.victim["id"], "/hang"))
    bench.add_endpoints((bench.victim["id"], "/hang"))
    wallet = f"{other.victim['prefix']}{0:012d}"
    say("inserting a million events")
    other.database.tell(FAR_BEHIND.format(client=other.victim["id"], wallet=wallet, count=MILLION))
    with_autocommit(other.database, "VACUUM ANALYZE users_event")
    found: Found = {}
    with ExitStack() as stack:
        servers = {each.name: stack.enter_context(each.server()) for each in (bench, other)}
        for each in (bench, other):
            stack.enter_context(each.worker())
            driven(each, servers[each.name], "warm")
        for number in range(told.rounds):
            for each in random.sample([bench, other], 2):
                name = "behind" if each is other else "none"
                server = servers[each.name]
                before = processes.cpu_seconds(server.process.pid)
                answers = driven(each, server, str(number), 4)
                cpu = processes.cpu_seconds(server.process.pid) - before
                figures = {f"p95 {name}": answers.p95}
                figures[f"cpu {name}"] = 1e6 * cpu / answers.requests
                figures[f"page {name}"] = first_page(server, each.victim)
                figures[f"barrier {name}"] = barrier(each)
                note(found, **figures)
    left = other.database.ask(
        "SELECT (SELECT max(position) FROM users_event) - min(position) FROM users_webhookstream"
    )
    return {
        "undelivered at the end": left,
        "medians": medians(found),
        **{
            f"{name}: behind ÷ none": paired(found, f"{name} behind", f"{name} none")
            for name in ("p95", "cpu", "page", "barrier")
        },
    }


def with_autocommit(made: Database, statement: str) -> None:
    with psycopg.connect(made.owner, autocommit=True) as connection:
        connection.execute(statement.encode())


def first_page(server: Server, client: Any) -> float:
    """Milliseconds for the first page of events, the median of some."""
    took = []
    for _ in range(20):
        begun = time.monotonic()
        status, _, page = server.call("GET", "/api/v1/events?size=20", secret=client["secret"])
        took.append(1000 * (time.monotonic() - begun))
        assert status == 200, page
    return statistics.median(took)


def barrier(bench: Bench) -> float:
    """Milliseconds for one look of the barrier's duty, the median of some."""
    from users.models.barrier import NUMBERS, STATE

    took = []
    with psycopg.connect(bench.database.app, autocommit=True) as connection:
        for _ in range(100):
            begun = time.monotonic()
            for statement in (NUMBERS, STATE):
                connection.execute(statement.encode()).fetchone()
            took.append(1000 * (time.monotonic() - begun))
    return statistics.median(took)


# --- The commit before events ------------------------------------------------------------------


def before_events(told: argparse.Namespace, bench: Bench) -> dict[str, Any]:
    """Processor time of a transfer with a worker and without an endpoint ÷ the commit before."""
    older = Bench(bench.database.beside("older"), bench.folder, "older", told.before)
    older.seconds = told.seconds
    found: Found = {}
    try:
        with bench.server() as ours, older.server() as theirs, bench.worker() as worker:
            both = {"now": (bench, ours), "before": (older, theirs)}
            for each, server in both.values():
                driven(each, server, "warm")
            for number in range(told.rounds):
                for name in random.sample([*both], 2):
                    each, server = both[name]
                    pids = {
                        "server": server.process.pid,
                        "database": bench.database.pid,
                        "worker": worker.pid,
                    }
                    begun = {part: processes.cpu_seconds(pid) for part, pid in pids.items()}
                    answers = driven(each, server, str(number))
                    used = {
                        f"{part} {name}": 1e6
                        * (processes.cpu_seconds(pid) - begun[part])
                        / answers.requests
                        for part, pid in pids.items()
                    }
                    used[f"both {name}"] = used[f"server {name}"] + used[f"database {name}"]
                    note(found, **used, **{f"p95 {name}": answers.p95})
    finally:
        older.database.drop()
    return {
        "µs, ms": medians(found),
        **{
            f"{part}: before ÷ now": paired(found, f"{part} before", f"{part} now")
            for part in ("server", "database", "both")
        },
    }


MEASUREMENTS: Final = {
    "neighbours": neighbours,
    "delivering": delivering,
    "behind": behind,
    "before": before_events,
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.webhooks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=[*MEASUREMENTS])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--nice", type=int, default=0, help="by how much the worker gives way")
    parser.add_argument("--worker", type=Path, help="the checkout of the worker", default=CHECKOUT)
    parser.add_argument("--before", type=Path, help="a checkout of the commit before events")
    return parser.parse_args()


def main() -> None:
    told = options()
    django.setup()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="iocash-bench-") as name:
        folder = Path(name)
        for each in told.only:
            if each == "before" and told.before is None:
                continue
            say(each)
            with database.prepared(folder) as made:
                shown: dict[str, Any] = {"load": machine.facts()["load"]}
                bench = Bench(made, folder, each)
                bench.workers, bench.seconds, bench.nice = told.worker, told.seconds, told.nice
                shown |= MEASUREMENTS[each](told, bench)
                shown["load at the end"] = machine.facts()["load"]
                sys.stdout.write(f"{each}\n{json.dumps(shown, indent=1, ensure_ascii=False)}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
