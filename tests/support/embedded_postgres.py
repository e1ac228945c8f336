"""Processes that use the embedded server, and what is seen of the server from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from iocash.postgres import CHECKOUT, places
from iocash.postgres.places import Places

PATIENCE = 30
USER = """
import os, sys, time
from pathlib import Path
from iocash.postgres.server import Server
print(Server(Path(sys.argv[1])).sockets(), flush=True)
if sys.stdin.readline():
    print(os.fork() or time.sleep(60), flush=True)
    sys.stdin.read()
"""
linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="Only Linux tells a server that its parent died."
)
root = pytest.mark.skipif(os.geteuid() != 0, reason="Only root has accounts to choose from.")


class User:
    """A process that uses the server until it leaves or is killed."""

    def __init__(self, state: Path) -> None:
        self.sockets = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, state],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> "User":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=PATIENCE)

    def ask(self, question: str, *, role: str = "iocash_app") -> str:
        with psycopg.connect(self.address(role)) as connection:
            row = connection.execute(question.encode()).fetchone()
        assert row
        return str(row[0])

    def tell(self, statement: str, *, role: str = "iocash_owner") -> None:
        with psycopg.connect(self.address(role)) as connection:
            connection.execute(statement.encode())

    def fork(self) -> int:
        """Make a child that does nothing but live, and return its number."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("fork\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def address(self, role: str) -> str:
        assert self.process.stdout
        self.sockets = self.sockets or self.process.stdout.readline().strip()
        assert Path(self.sockets).is_dir(), self.sockets + self.process.stdout.read()
        return psycopg.conninfo.make_conninfo(
            host=self.sockets, port=places.PORT, user=role, dbname="iocash"
        )


def is_up(state: Path) -> bool:
    watcher = Places(state).watcher
    return bool(server_pid(state)) or (watcher.exists() and places.is_held(watcher))


def server_pid(state: Path) -> int:
    """Return the number of the running server, 0 when there is none."""
    home = Places(state).home()
    file = home / "data" / "postmaster.pid" if home else state
    pid = int(file.read_text().split()[0]) if file.is_file() else 0
    return pid if is_alive(pid) else 0


def is_alive(pid: int) -> bool:
    if not pid:
        return False
    ps = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(ps.stdout.strip()) and not ps.stdout.startswith(b"Z")


def watcher_pid(state: Path) -> int:
    ps = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(server_pid(state))], capture_output=True, check=True
    )
    return int(ps.stdout)


def processes_of(state: Path) -> list[int]:
    """Return the numbers of all that has to do with the state: users, watcher, initdb, server."""
    ps = subprocess.run(["ps", "-wweo", "pid=,args="], capture_output=True, text=True, check=True)
    signs = [str(folder) for folder in (state, Places(state).home()) if folder]
    lines = [line for line in ps.stdout.splitlines() if any(sign in line for sign in signs)]
    return [int(line.split()[0]) for line in lines]


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
