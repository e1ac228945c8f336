"""Writers, workers and receivers of webhooks in processes, some of which are killed."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from iocash.postgres import CHECKOUT
from tests.support.scratch_postgres import Scratch

PATIENCE: Final = 240.0
"""Seconds after the last kill until everything has arrived."""
BALANCES: Final = """
    SELECT json_object_agg(wallet.id::text, json_build_array(balance, seq))
    FROM wallets_wallet AS wallet
    JOIN users_webhookendpoint AS endpoint ON endpoint.client_id = wallet.client_id
    WHERE seq > 1 AND endpoint.id = '{endpoint}'
"""
EVENTS: Final = """
    SELECT coalesce(json_agg(event.id), '[]') FROM users_event AS event
    JOIN users_webhookendpoint AS endpoint ON endpoint.client_id = event.client_id
    WHERE endpoint.id = '{endpoint}' AND event.kind LIKE 'movement.%'
      AND event.position > (
          SELECT max(position) FROM users_event
          WHERE subject_id = endpoint.id AND kind = 'webhook_endpoint.created'
      )
"""


def environment(postgres: Scratch, **more: str) -> dict[str, str]:
    limits = json.dumps(settings.KYC_LIMITS)
    return {**postgres.environment(), "KYC_LIMITS": limits, **more}


def run(postgres: Scratch, *words: str) -> str:
    """Run a task of the writers to its end; return the last line that it prints."""
    program = [sys.executable, "-m", "tests.faults.webhook_writers", *words]
    done = subprocess.run(
        program,
        cwd=CHECKOUT,
        env=environment(postgres),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@dataclass
class Stage:
    """The processes of a test, by name; `start` starts one again after a kill."""

    postgres: Scratch
    folder: Path
    workers: int
    duties: tuple[str, ...] = ("manage.py", "work", "--only", "deliver-webhooks")
    address: str = ""
    """Where the processes find the database, if not at its own address."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    endpoint: str = ""

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.file = self.folder / "received"
        self.address = self.address or self.postgres.address()
        self.commands = {
            "receiver": ["-m", "tests.faults.webhook_receiver", str(self.port), str(self.file)],
            **{f"worker-{number}": [*self.duties] for number in range(self.workers)},
        }

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *self.commands[name]],
                cwd=CHECKOUT,
                env=environment(self.postgres, DATABASE_URL=self.address),
                stdout=log,
                stderr=log,
            )

    def start_writers(self, writers: int, transfers: int) -> subprocess.Popen[bytes]:
        words = ["write", self.endpoint, str(writers), str(transfers)]
        self.commands["writers"] = ["-m", "tests.faults.webhook_writers", *words]
        self.start("writers")
        return self.processes["writers"]

    def kill(self, name: str) -> None:
        self.killed[name.partition("-")[0]] += 1
        self.end(name)

    def end(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def stop(self, name: str, seconds: float) -> None:
        """Stop a process for longer than its leases last, then let it go on."""
        self.processes[name].send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.processes[name].send_signal(signal.SIGCONT)

    def received(self) -> list[list[Any]]:
        """What the receiver got, in its order; a line that a kill cut off is left out."""
        if not self.file.exists():
            return []
        lines = self.file.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    def make_due(self) -> None:
        """Retry now what failed while the receiver was away."""
        self.postgres.tell(
            "UPDATE users_webhookdelivery SET next_attempt_at = clock_timestamp()"
            " WHERE status = 'WAITING'"
        )


@contextmanager
def staged(
    postgres: Scratch, folder: Path, *, wallets: int, workers: int, **more: Any
) -> Iterator[Stage]:
    stage = Stage(postgres, folder, workers, **more)
    stage.endpoint = run(postgres, "stage", f"http://127.0.0.1:{stage.port}/", str(wallets))
    try:
        for name in stage.commands:
            stage.start(name)
        yield stage
    finally:
        for name in stage.processes:
            stage.end(name)


def wait_for_first(stage: Stage) -> None:
    """Wait until the first event has arrived."""
    until = time.monotonic() + PATIENCE
    while not stage.received() and time.monotonic() < until:
        time.sleep(0.02)


def kill_at_random(stage: Stage, kills: int, pause: float, only: str = "") -> None:
    """Once the first event has arrived, kill workers and the receiver, and start each again."""
    names = [name for name in stage.commands if name != "writers" and name.startswith(only)]
    wait_for_first(stage)
    for _ in range(kills):
        name = random.choice(names)
        stage.kill(name)
        time.sleep(random.uniform(0, pause / 3))
        stage.start(name)
        time.sleep(random.uniform(pause / 3, pause))


def expected_events(stage: Stage) -> set[str]:
    """The events of the endpoint's client since the endpoint was created."""
    found = stage.postgres.ask(EVENTS.format(endpoint=stage.endpoint))
    return set(found)


def wait_for_all(stage: Stage, patience: float) -> set[str]:
    """Wait until everything has arrived; return what has not."""
    expected, until = expected_events(stage), time.monotonic() + patience
    while missing := expected - {line[0] for line in stage.received()}:
        if time.monotonic() > until:
            return missing
        stage.make_due()
        time.sleep(0.5)
    return set()


@dataclass(frozen=True)
class Judgement:
    """What a receiver that uses webhooks alone has seen."""

    lost: int
    """Events that never arrived."""
    out_of_order: int
    """Events that arrived for the first time after a later one of their wallet."""
    duplicates: int
    wrong_balances: int


def judge(stage: Stage, patience: float = PATIENCE) -> Judgement:
    """Compare what arrived with the books."""
    missing = wait_for_all(stage, patience)
    seen: set[str] = set()
    last: dict[str, int] = defaultdict(int)
    balances: dict[str, tuple[str, int]] = {}
    duplicates = out_of_order = 0
    for id_, wallet, _, seq, balance in stage.received():
        if id_ in seen:
            duplicates += 1
            continue
        seen.add(id_)
        out_of_order += seq < last[wallet]
        last[wallet] = max(last[wallet], seq)
        if seq == last[wallet]:
            balances[wallet] = balance, seq
    wrong = wrong_balances(stage.postgres.ask(BALANCES.format(endpoint=stage.endpoint)), balances)
    return Judgement(len(missing), out_of_order, duplicates, wrong)


def wrong_balances(
    books: Mapping[str, tuple[int, int]], copied: Mapping[str, tuple[str, int]]
) -> int:
    """How many wallets the receiver's copy has wrong."""
    right = {wallet: (f"{balance / 100:.2f}", seq) for wallet, (balance, seq) in books.items()}
    return sum(copied.get(wallet) != facts for wallet, facts in right.items())
