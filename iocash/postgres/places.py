"""The paths and locks of the embedded PostgreSQL of one checkout."""

import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PORT = "5432"  # part of the socket's name; nothing listens on the network
DATA = "data"
SOCKET = f".s.PGSQL.{PORT}"
LONGEST_SOCKET = 103  # bytes; Linux allows 107, macOS 103
POLL = 0.02  # seconds


class Unusable(Exception):
    """The embedded PostgreSQL can't be used; the message contains the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and locks below the state folder of a checkout.

    Root has its own set, so a command that runs as root does not change the owner's files.
    """

    state: Path

    @property
    def private(self) -> Path:
        return self.state / ("postgres" if os.geteuid() else "postgres-root")

    @property
    def starting(self) -> Path:
        """Locked by the process that starts the watcher."""
        return self.private / "starting.lock"

    @property
    def users(self) -> Path:
        """Locked, shared, by each process that uses the server, until it exits."""
        return self.private / "users.lock"

    @property
    def watcher(self) -> Path:
        """Locked by the watcher until it exits."""
        return self.private / "watcher.lock"

    @property
    def log(self) -> Path:
        return self.private / "server.log"

    @property
    def home_link(self) -> Path:
        return self.private / "home"

    @property
    def socket_link(self) -> Path:
        return self.private / "socket"

    @property
    def tag(self) -> str:
        """Identifies the checkout: a copy of it must not follow the links of the original."""
        return hashlib.sha256(os.fsencode(self.state)).hexdigest()[:10]

    def home(self) -> Path | None:
        """Return the folder of the data. It is elsewhere for root, as PostgreSQL refuses root."""
        return self.private if os.geteuid() else self._elsewhere(self.home_link)

    def sockets(self) -> Path | None:
        """Return the folder of the socket, which is elsewhere if its path is too long."""
        home = self.home()
        return home if home is None or fits(home) else self._elsewhere(self.socket_link)

    def create(self) -> None:
        for folder in (self.state, self.private):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _elsewhere(self, link: Path) -> Path | None:
        try:
            target = link.readlink()
            found = os.lstat(target)
        except OSError:
            return None
        ours = os.geteuid() in (0, found.st_uid) and not found.st_mode & 0o077
        return target if ours and stat.S_ISDIR(found.st_mode) and self.tag in target.name else None


def pid_file(home: Path) -> list[str]:
    """Return the lines of the pid file of the server in `home`; empty if it has exited."""
    try:
        text = (home / DATA / "postmaster.pid").read_text()
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines()]


def is_ready(lines: list[str]) -> bool:
    return lines[7:8] == ["ready"]


def fits(folder: Path) -> bool:
    """Return whether libpq can use a socket there: the length is limited, and commas split."""
    path = os.fsencode(folder / SOCKET)
    return len(path) <= LONGEST_SOCKET and b"," not in path


def acquire(path: Path, kind: int, patience: float = 0.0) -> int | None:
    """Lock `path` and return the descriptor, or None after `patience` seconds."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience
    while not _locked(descriptor, kind):
        if time.monotonic() >= deadline:
            os.close(descriptor)
            return None
        time.sleep(POLL)
    return descriptor


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def release(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked child may have it open too
    os.close(descriptor)


def is_held(path: Path) -> bool:
    """Return whether a process holds the exclusive lock of `path`."""
    descriptor = acquire(path, fcntl.LOCK_SH)
    if descriptor is not None:
        release(descriptor)
    return descriptor is None


@contextmanager
def alone(path: Path, patience: float) -> Iterator[None]:
    """Hold the exclusive lock of `path`.

    Raises:
        Unusable: another process holds it for longer than `patience` seconds.
    """
    descriptor = acquire(path, fcntl.LOCK_EX, patience)
    if descriptor is None:
        raise Unusable(f"Another process has been starting PostgreSQL for {patience:.0f} seconds.")
    try:
        yield
    finally:
        release(descriptor)
