"""Load over HTTP: closed loops over kept connections, from `wrk` where it is, else from Python.

Every POST has a key of its own. What was acknowledged is kept by id, to be looked for afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iocash.postgres import CHECKOUT

SHOWN = 5
LUA = Path(__file__).with_name("load.lua")
TRANSFER = "/api/v1/wallets/%s%012d/movements"
BATCH = "/api/v1/wallets/%s%012d/movements/batch"
WALLET = "/api/v1/wallets/%s%012d"


@dataclass(frozen=True)
class Work:
    """What is asked: a `transfer`, a `batch` of transfers, or something to `read` at `path`.

    `hot` is how many percent of the transfers go to one wallet. A `fixed` path has no wallet to
    be filled in; `first` and `last` are pages of a wallet's movements.
    """

    kind: str
    path: str
    hot: int = 0
    items: int = 1
    fixed: bool = False


@dataclass(frozen=True)
class Answers:
    """What came of it. Latencies are in milliseconds; `made` are the ids that were acknowledged.

    `refused` are answers that are no success; of them `wrong` shows a few.
    """

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    refused: int
    broken: int
    wrong: tuple[str, ...]
    made: tuple[str, ...]

    @property
    def errors(self) -> int:
        return self.refused + self.broken


WITHOUT_WRK = "BENCH_WITHOUT_WRK"
"""Set in the environment, it has Python make the load."""


def wrk_here() -> str | None:
    return None if os.environ.get(WITHOUT_WRK) else shutil.which("wrk")


def generator() -> str:
    """Say what makes the load."""
    wrk = wrk_here()
    if not wrk:
        return f"Python {sys.version.split()[0]} in two processes, over raw sockets"
    words = subprocess.run([wrk, "--version"], capture_output=True, text=True, check=False).stdout
    return " ".join(words.split()[:2])


def drive(
    work: Work,
    *,
    port: int,
    clients: list[dict[str, Any]],
    connections: int,
    seconds: float,
    run: str,
    seed: int,
) -> Answers:
    """Ask for so long, over so many connections; `run` begins every key."""
    with TemporaryDirectory(prefix="iocash-load-") as name:
        folder = Path(name)
        spec = {
            "kind": work.kind,
            "path": work.path,
            "hot": work.hot,
            "items": work.items,
            "fixed": work.fixed,
            "host": f"127.0.0.1:{port}",
            "clients": clients,
            "connections": connections,
            "seconds": seconds,
            "run": run,
            "seed": seed,
            "folder": name,
        }
        if wrk_here():
            with_wrk(spec, folder)
        else:
            with_python(spec, folder)
        return collected(folder)


def with_wrk(spec: dict[str, Any], folder: Path) -> None:
    script = folder / "spec.lua"
    script.write_text(f"return {lua(spec)}\n")
    threads = min(2, spec["connections"])
    subprocess.run(
        [
            *(
                "wrk",
                f"-t{threads}",
                f"-c{spec['connections']}",
                f"-d{max(1, round(spec['seconds']))}s",
            ),
            *("--timeout", "15s", "-s", str(LUA), f"http://{spec['host']}"),
        ],
        env={**os.environ, "BENCH_SPEC": str(script)},
        stdout=subprocess.DEVNULL,
        check=True,
        start_new_session=True,  # Ctrl-C is for us alone, who end it
    )


def with_python(spec: dict[str, Any], folder: Path) -> None:
    file = folder / "spec.json"
    file.write_text(json.dumps(spec))
    program = [sys.executable, "-m", "tests.bench.sockets", str(file)]
    subprocess.run(program, cwd=CHECKOUT, check=True, start_new_session=True)


def lua(value: Any) -> str:
    """Write a value as Lua does."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {lua(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(lua, value)) + "}"
    return json.dumps(value)


def collected(folder: Path) -> Answers:
    summary = json.loads((folder / "summary").read_text())
    wrong = tuple(lines(folder, "wrong-*"))
    broken = sum(summary.pop(name) for name in ("connect", "read", "write", "timeout"))
    return Answers(
        **summary,
        refused=len(wrong),
        broken=broken,
        wrong=wrong[:SHOWN],
        made=tuple(lines(folder, "made-*")),
    )


def lines(folder: Path, pattern: str) -> Iterator[str]:
    for file in sorted(folder.glob(pattern)):
        yield from file.read_text().splitlines()
