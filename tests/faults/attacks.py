"""What breaks under load: each function does one harm and returns when things are whole again."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.faults.callers import Asking, Records, marked
from tests.faults.proof import Line, Table
from tests.faults.relay import Fault, Relay
from tests.support.embedded_postgres import eventually
from tests.support.pgbouncer import Pooler
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served

TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE usename = 'iocash_app' AND random() < 0.5
"""
WORKERS = 2


@dataclass
class Stage:
    """What there is to break, and what callers were told meanwhile."""

    postgres: Scratch
    server: Served
    demo: dict[str, str]
    relay: Relay | None = None
    pooler: Pooler | None = None
    records: Records = field(default_factory=Records)
    table: Table = field(default_factory=Table)

    def attack(
        self,
        kind: str,
        harms: Sequence[Callable[[Stage], None]],
        *,
        between: Callable[[], None],
        is_long: bool = False,
    ) -> None:
        """Do the harms one after the other under load, and write a line of the table."""
        self.records.begin()
        for harm in harms:
            harm(self)
            between()
        between()
        records = self.records
        line = Line(kind, len(harms), records.met, records.slowest, is_long)
        self.table.lines.append(line)


def wire(fault: Fault) -> Callable[[Stage], None]:
    """Have the next COMMIT meet the fault."""

    def harm(stage: Stage) -> None:
        assert stage.relay
        met, done = stage.relay.met, len(stage.relay.met) + 1
        stage.relay.plan(fault)
        eventually(lambda: len(met) >= done or bool(stage.records.odd))

    return harm


def terminate(stage: Stage) -> None:
    """End half of the app's sessions, as an administrator can."""
    stage.postgres.ask(TERMINATE)


def stop_postgres(sign: signal.Signals, away: float = 0.0) -> Callable[[Stage], None]:
    """Stop PostgreSQL and start it again, `away` seconds later."""

    def harm(stage: Stage) -> None:
        stage.postgres.stop(sign)
        time.sleep(away)
        stage.postgres.start()

    return harm


def kill_a_worker(stage: Stage) -> None:
    """Kill the older worker. One that dies twice within seconds ends the whole server."""
    old = min(workers(stage.server), key=begun)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: len(now := workers(stage.server)) == WORKERS and old not in now)


def workers(server: Served) -> list[int]:
    above = server.process.pid
    return [*map(int, Path(f"/proc/{above}/task/{above}/children").read_text().split())]


def begun(pid: int) -> int:
    """When a process began, in ticks since the machine did."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def suspend(stage: Stage) -> None:
    """Let the server do nothing for a second."""
    os.killpg(stage.server.process.pid, signal.SIGSTOP)
    time.sleep(1.0)
    os.killpg(stage.server.process.pid, signal.SIGCONT)


def hang_up(stage: Stage) -> None:
    """Send a payment and close the socket at once; then send it again, with its key."""
    mark = str(uuid4())
    asking = Asking(stage.server, stage.demo, stage.records)
    asking.source = stage.demo["aliceWalletId"]
    target = stage.demo["bobWalletId"]
    body = marked(mark, type="TRANSFER", targetWalletId=target, amount="0.01")
    with socket.create_connection(("127.0.0.1", stage.server.port)) as caller:
        caller.sendall(request(stage.demo["apiKey"], asking.source, body, mark))
    eventually(lambda: asking.pay("movements", body, mark, key=mark) == "201")


def request(secret: str, wallet: str, body: Any, key: str) -> bytes:
    content = json.dumps(body)
    lines = [
        f"POST /api/v1/wallets/{wallet}/movements HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {secret}",
        f"Idempotency-Key: {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "",
        content,
    ]
    return "\r\n".join(lines).encode()


def restart_the_pooler(stage: Stage) -> None:
    assert stage.pooler
    stage.pooler.kill()
    stage.pooler.start()
