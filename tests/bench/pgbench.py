"""What PostgreSQL can do by itself: pgbench, with the ledger's statements, or with one function."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iocash.postgres import binaries
from tests.bench.database import Database

FOLDER = Path(__file__).parent / "peers"
CLIENTS, THREADS = 16, 2


def install(database: Database) -> None:
    """Make the function of L1, and what L2's script calls."""
    database.tell((FOLDER / "transfer.sql").read_text())


def drive(
    script: str,
    database: Database,
    *,
    client: dict[str, Any],
    hot: int,
    seconds: float,
    run: str,
    seed: int,
) -> tuple[int, float, float]:
    """Run a script for so long: how many transactions, in how many seconds, and their mean ms.

    Raises: RuntimeError, when one failed.
    """
    values = {
        "client": client["id"],
        "actor": client["actor"],
        "wallets": client["wallets"],
        "hot": hot,
        "run": run,
    }
    with TemporaryDirectory(prefix="iocash-pgbench-") as folder:
        file = Path(folder, "script")
        parts = ("choose.pgbench", f"{script}.pgbench")
        file.write_text("".join((FOLDER / part).read_text() for part in parts))
        told = subprocess.run(
            [
                *(binaries.find() / "pgbench", "--no-vacuum", "--protocol=prepared"),
                *(f"--client={CLIENTS}", f"--jobs={THREADS}", f"--time={max(1, round(seconds))}"),
                *(f"--random-seed={seed}", f"--file={file}"),
                *(f"--define={name}={value}" for name, value in values.items()),
                database.app,
            ],
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
    if told.returncode or number(r"failed transactions: (\d+)", told.stdout):
        raise RuntimeError(f"pgbench {script}: {told.stderr}{told.stdout}")
    done = number(r"transactions actually processed: (\d+)", told.stdout)
    return (
        int(done),
        done / number(r"tps = ([\d.]+)", told.stdout),
        number(r"latency average = ([\d.]+)", told.stdout),
    )


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found[1])
