"""What an audit costs after years: CPU time and temporary files, by hand.

    python -m tests.bench.audit_years         1 million new movements, after 1, 2 and 3 million
    python -m tests.bench.audit_years hot     posting on a hot wallet while an audit runs

The movements are made by SQL, in rounds in which each wallet pays or is paid once. The CPU time is
that of the process and of its server process, in seconds; autovacuum is off meanwhile.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.bench.database import begun
from tests.support.scratch_postgres import Scratch

CLIENTS: Final = 5
WALLETS: Final = 10_000
MILLION: Final = 1_000_000
DAYS: Final = 40
"""How old the first movements are."""

ROUND: Final = """
    WITH pair AS (
        SELECT source.id AS one, target.id AS other, uuidv7(%(age)s::interval) AS operation,
               iocash_clock() + %(age)s::interval AS time
        FROM numbered AS source JOIN numbered AS target ON target.n = source.n + 1
        WHERE source.n %% 2 = 1
    ), leg AS (
        SELECT uuidv7(%(age)s::interval) AS id, wallet.client_id, wallet.id AS wallet_id,
               pair.operation AS operation_id, 'TRANSFER' AS type, 'SUCCESS' AS status,
               CASE wallet.id WHEN pair.one THEN -%(amount)s ELSE %(amount)s END::bigint AS amount,
               wallet.currency,
               CASE wallet.id WHEN pair.one THEN pair.other ELSE pair.one END AS counterparty_id,
               wallet.seq + 1 AS seq, pair.time AS created_at, pair.time AS settled_at,
               wallet.head, wallet.balance, wallet.received,
               NULL::uuid AS hold_id, NULL::uuid AS reversal_of_id, NULL::bytea AS details_digest
        FROM pair JOIN wallets_wallet AS wallet ON wallet.id IN (pair.one, pair.other)
    ), counted AS MATERIALIZED (
        SELECT *, balance + amount AS balance_after,
               received + greatest(amount, 0) AS received_after FROM leg
    ), chained AS MATERIALIZED (
        SELECT *, sha256(head || convert_to({canonical}, 'UTF8')) AS digest FROM counted
    ), moved AS (
        INSERT INTO wallets_movement
            (id, client_id, wallet_id, operation_id, type, status, amount, currency,
             counterparty_id, seq, balance_after, received_after, created_at, settled_at, reason,
             digest)
        SELECT id, client_id, wallet_id, operation_id, type, status, amount, currency,
               counterparty_id, seq, balance_after, received_after, created_at, settled_at, '',
               digest FROM chained
    ), told AS (
        INSERT INTO users_event
            (id, client_id, subject, subject_id, wallet_id, kind, actor, request_id, created_at,
             data)
        SELECT uuidv7(%(age)s::interval), client_id, 'movement', id, wallet_id, 'movement.settled',
               'system:bench', '', settled_at, '{{"balance": "100000"}}' FROM chained ORDER BY id
    ), keyed AS (
        INSERT INTO users_key
            (client_id, key, salt, fingerprint, made, made_id, status, created_at)
        SELECT client_id, 'years-' || id, '\\x00', sha256('x'), 'movement', id, 201, settled_at
        FROM chained WHERE amount < 0
    )
    UPDATE wallets_wallet AS wallet
    SET balance = balance_after, received = received_after, seq = chained.seq, head = digest,
        settled_at = chained.settled_at
    FROM chained WHERE chained.wallet_id = wallet.id
"""

RUN: Final = """
import json, sys, django
django.setup()
from datetime import timedelta
from wallets.audit import proofs, runs
from wallets.audit.proofs import ProgressStore
proofs.MARGIN = timedelta(seconds=1)  # all was made within the hour that is verified twice
from wallets.duties.audits import AuditLedger, Rests
nights, store = json.loads(sys.argv[1]), ProgressStore("bench")
look = Rests(AuditLedger()) if sys.argv[2:] == ["rests"] else lambda *_: None
progress = runs.begin_run(store, is_whole=nights == "all")
if nights != "all":
    progress.nights = nights
assert progress.is_whole == (nights == "all")
runs.go_on(store, progress, look)
done = runs.finish_run(store, progress)
print(json.dumps([done.movements, done.finding, progress.seconds]))
"""

HOT: Final = """
import itertools, json, resource, subprocess, sys, threading, time
import django
django.setup()
from uuid import UUID
from decimal import Decimal
import psycopg
from django.db import connection
from tests.bench.stage import wallet_id
from users.models.events import By
from wallets import posting
from wallets.models import Wallet
from wallets.orders.payments import Transfer

hot = Wallet.objects.get(id=wallet_id(0, 0))
about = {"client_id": hot.client_id, "by": By("system:bench"), "amount": Decimal("0.01")}
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_backend_pid()")
    server = cursor.fetchone()[0]

def cpu():
    words = open(f"/proc/{server}/stat").read().rpartition(")")[2].split()
    own = resource.getrusage(resource.RUSAGE_SELF)
    return sum(map(int, words[11:13])) / 100 + own.ru_utime + own.ru_stime

def post(seconds):
    began, until, count = cpu(), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        other, way = wallet_id(0, 1 + count % 50), count // 50 % 2
        pair = (other, hot.id) if way else (hot.id, other)
        posting.submit(Transfer(wallet_id=pair[0], target_id=pair[1], **about))
        count += 1
    return (cpu() - began) / count * 1e6

def audits(ended):
    while not ended.is_set():
        words = [sys.executable, "-c", sys.argv[1], '"all"', "rests"]
        running = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        while running.poll() is None and not ended.is_set():
            time.sleep(0.05)
        running.kill()
        running.wait()

def with_audit(seconds):
    ended = threading.Event()
    thread = threading.Thread(target=audits, args=[ended])
    thread.start()
    time.sleep(3)
    found = post(seconds)
    ended.set()
    thread.join()
    return found

def with_snapshot(seconds):
    with psycopg.connect(sys.argv[2]) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM wallets_wallet")
        return post(seconds)

def with_busy(seconds):
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    found = post(seconds)
    burner.kill()
    burner.wait()
    return found

post(3)
ways = [("alone", post), ("busy", with_busy), ("audit", with_audit), ("snapshot", with_snapshot)]
found = {name: [] for name, _ in ways}
for each in range(int(sys.argv[3])):
    for name, way in ways[each % 4:] + ways[:each % 4]:
        with psycopg.connect(sys.argv[2], autocommit=True) as other:
            other.execute("VACUUM wallets_wallet")
        found[name].append(way(4))
print(json.dumps(found))
"""
"""CPU time of a transfer from or to one wallet, in microseconds: alone, beside a busy processor,
while audits run, and beside a snapshot that is kept."""


class Years:
    """A server with movements, and what an audit of them costs."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        scratch.tell(
            "ALTER SYSTEM SET autovacuum = off",
            "ALTER SYSTEM SET fsync = off",
            "SELECT pg_reload_conf()",
        )
        scratch.manage("migrate", "--verbosity", "0")
        scratch.run(
            "-c",
            (
                "import django; django.setup()\n"
                "from tests.bench import stage\n"
                f"for n in range({CLIENTS}): stage.make_client(n, {WALLETS // CLIENTS})"
            ),
        )
        self.age_everything()

    def age_everything(self) -> None:
        """Let the first cash-ins be as old as the installation; their digests follow."""
        from wallets.audit.canonical import CANONICAL

        old = f"interval '{DAYS} days'"
        self.scratch.tell(
            "SET session_replication_role = replica",
            f"UPDATE django_migrations SET applied = now() - {old} - interval '1 day'",
            f"UPDATE wallets_movement SET created_at = created_at - {old},"
            f" settled_at = settled_at - {old}",
            f"UPDATE wallets_movement SET digest = sha256(convert_to({CANONICAL}, 'UTF8')"
            " || coalesce(details_digest, ''))",
            "UPDATE wallets_wallet AS wallet SET head = digest, settled_at = movement.settled_at"
            " FROM wallets_movement AS movement WHERE movement.wallet_id = wallet.id",
        )

    def add(self, movements: int, first_day: float, last_day: float) -> None:
        """Make movements between two ages, in days."""
        from wallets.audit.canonical import CANONICAL

        query = ROUND.format(canonical=CANONICAL)
        rounds = -(-movements // WALLETS)
        with psycopg.connect(self.scratch.address("postgres"), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("SET work_mem = '256MB'")
            connection.execute(
                "CREATE TEMP TABLE numbered AS SELECT id, row_number() OVER (ORDER BY id) AS n"
                " FROM wallets_wallet"
            )
            connection.execute("ANALYZE numbered")
            for each in range(rounds):
                age = first_day + (last_day - first_day) * each / rounds
                amount = 1 if each % 2 else -1
                connection.execute(query, {"age": f"{-age} days", "amount": amount})
            for table in ("wallets_movement", "users_event", "users_key", "wallets_wallet"):
                connection.execute(f"VACUUM ANALYZE {table}")

    def measured(self, *words: str, code: str = RUN, cwd: str = "") -> dict[str, Any]:
        """Run a program; its CPU time with the server's, and the bytes of temporary files."""
        time.sleep(1.5)  # the server reports and reaps
        own, server, temp = own_cpu(), self.server_cpu(), self.temp_bytes()
        started = time.monotonic()
        said = self.scratch.run("-c", code, *words)
        seconds = time.monotonic() - started
        time.sleep(1.5)  # the server reports and reaps
        return {
            "cpu": round(own_cpu() - own + self.server_cpu() - server, 2),
            "python": round(own_cpu() - own, 2),
            "seconds": round(seconds, 1),
            "temp_mb": round((self.temp_bytes() - temp) / 1e6, 1),
            "said": json.loads(said.splitlines()[-1]) if said else None,
        }

    def server_cpu(self) -> float:
        """The CPU time of the server processes that have ended."""
        words = Path(f"/proc/{self.scratch.process.pid}/stat").read_text().rpartition(")")[2]
        ended = words.split()[13:15]
        return sum(map(int, ended)) / 100

    def temp_bytes(self) -> int:
        return int(
            self.scratch.ask("SELECT temp_bytes FROM pg_stat_database WHERE datname = 'iocash'")
        )


def own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def years() -> Iterator[Years]:
    with tempfile.TemporaryDirectory() as folder:
        scratch = begun(Path(folder))
        try:
            yield Years(scratch)
        finally:
            scratch.remove()


def show(name: str, found: Any) -> None:
    sys.stdout.write(f"{name}: {json.dumps(found)}\n")
    sys.stdout.flush()


def grow(count: int = MILLION) -> None:
    """As many new movements after as many, and after three times as many."""
    with years() as made:
        made.add(count, DAYS - 1, 1)
        show("everything", made.measured('"all"'))
        for before in (1, 2, 3):
            started = time.monotonic()
            made.add(count, 0, 0)
            show("made in", round(time.monotonic() - started))
            show(f"new, {before} x {count} before", made.measured("[]"))
        show("a thirtieth", made.measured("[7]"))


def post_on_a_hot_wallet(rounds: int = 4) -> None:
    """The CPU time of a transfer alone, divided by that while audits run; interleaved rounds."""
    with years() as made:
        made.add(100_000, DAYS - 1, 1)
        words = (RUN, made.scratch.address("postgres"), str(rounds))
        found = json.loads(made.scratch.run("-c", HOT, *words).splitlines()[-1])
        show("microseconds", found)
        typical = {name: statistics.median(values) for name, values in found.items()}
        show("alone / audit", round(typical["alone"] / typical["audit"], 3))
        show("busy / audit", round(typical["busy"] / typical["audit"], 3))
        show("busy / snapshot", round(typical["busy"] / typical["snapshot"], 3))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")
    os.environ.setdefault("DEBUG", "1")
    import django

    django.setup()
    if sys.argv[1:] == ["hot"]:
        post_on_a_hot_wallet()
    else:
        grow(int(sys.argv[1]) if len(sys.argv) > 1 else MILLION)
