"""The time and the memory of exports and imports of 100,000 movements."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from iocash.postgres import CHECKOUT
from tests.support.scratch_postgres import Scratch

log = logging.getLogger(__name__)
HIGHEST = re.compile(r"VmHWM:\s+(\d+) kB")
WRITE = """
import json, os
level = dict.fromkeys(("balance", "cashIn", "cashOut"))
os.environ["KYC_LIMITS"] = json.dumps({"EUR": {"0": level, "1": level}})
import django
django.setup()
from tests.support import people
from users.models import Client
from wallets.models import Movement
from wallets.posting import group
client = people.a_client("Measured")
wallets = []
for number in range(20):
    person = people.ALICE | {"user_name": f"user{number}", "mobile_phone": f"+346001{number:05}"}
    user = people.a_user(client, person)
    wallets.append(people.first_wallet(user))
for wallet in wallets:
    group.post([people.a_cash_in(wallet, 100_000_00)])
for number in range(100):
    pairs = [(wallets[each % 20], wallets[(each + 1 + number) % 20]) for each in range(500)]
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    group.post([people.a_transfer(*pair, 1_00, concept="Lunch") for pair in pairs])
Client.objects.filter(id=client.id).update(status="SUSPENDED")
print(Movement.objects.filter(client=client).count())
"""
OF_CLIENT = "(SELECT id FROM users_client WHERE name = 'Measured')"


def measured(server: Scratch, *words: str, **values: str) -> tuple[float, int]:
    """Run a command; return its seconds, and its highest memory in MiB."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=CHECKOUT,
        env=server.environment() | values,
        stdout=subprocess.DEVNULL,
    )
    highest = 0
    while process.poll() is None:
        with suppress(OSError):
            found = HIGHEST.search(Path(f"/proc/{process.pid}/status").read_text())
            highest = int(found[1]) // 1024 if found else highest
        time.sleep(0.05)
    assert process.returncode == 0
    return time.monotonic() - started, highest


def copied(server: Scratch, other: Scratch, table: str) -> tuple[float, float]:
    """The seconds to COPY the rows of the client out of a table, and into one without indexes."""
    select = f"SELECT * FROM {table} WHERE client_id = {OF_CLIENT}"
    with (
        psycopg.connect(server.address("postgres")) as source,
        psycopg.connect(other.address("postgres")) as target,
    ):
        started = time.monotonic()
        with source.cursor().copy(f"COPY ({select}) TO STDOUT".encode()) as rows:
            blocks = [bytes(block) for block in rows]
        out = time.monotonic() - started
        target.execute(f"CREATE TEMPORARY TABLE rows (LIKE {table})".encode())
        started = time.monotonic()
        with target.cursor().copy(b"COPY rows FROM STDIN") as into:
            for block in blocks:
                into.write(block)
        return out, time.monotonic() - started


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path_factory.mktemp("second"))
    scratch.manage("migrate", "--verbosity", "0")
    yield scratch
    scratch.remove()


@pytest.mark.long
def test_memory_does_not_grow_with_the_movements(
    postgres: Scratch, empty: Scratch, tmp_path: Path
) -> None:
    """Takes 4 minutes."""
    postgres.manage("migrate", "--verbosity", "0")
    count = int(postgres.run("-c", WRITE).splitlines()[-1])
    assert count > 90_000
    own = ("--without-secrets",)
    out = measured(postgres, "export_client", "Measured", str(tmp_path / "export"), *own)
    into = measured(
        empty, "import_client", str(tmp_path / "export"), DOCUMENTS_DIR=str(tmp_path / "d")
    )
    start = measured(empty, "showmigrations", "users")
    pairs = [copied(postgres, empty, f"wallets_{each}") for each in ("movement",)]
    pairs.append(copied(postgres, empty, "users_event"))
    plain = sum(each[0] for each in pairs), sum(each[1] for each in pairs)
    verified = time.monotonic()
    subprocess.run(
        [sys.executable, "docs/verify.py", str(tmp_path / "export")], cwd=CHECKOUT, check=True
    )
    verified = time.monotonic() - verified
    words = "%d movements; seconds and MiB: start %s, export %s, import %s; COPY %s; verify.py %s"
    log.info(words, count, start, out, into, plain, verified)
    assert out[1] < start[1] + 40
    assert into[1] < start[1] + 40
