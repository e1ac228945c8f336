"""Use the embedded PostgreSQL: join those who use it, have it started when it is not running.

Nobody who uses the server is responsible for stopping it. Each process holds a shared lock, which
the kernel drops however the process dies; the watcher waits for the exclusive one.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from iocash.postgres import CHECKOUT, binaries, places
from iocash.postgres.places import Places, Unusable

WATCHER = "iocash.postgres.watcher"
PATIENCE = 60.0  # seconds: a first start makes the data, one after a crash replays what was written


class Server:
    """The server of the checkout whose state folder is `state`. Threads and forks may share it."""

    def __init__(self, state: Path) -> None:
        self.places = Places(state)
        self._membership = (0, -1)  # the process, and its descriptor of the users' lock
        self._sockets: Path | None = None

    def sockets(self) -> Path:
        """Return the folder of the server's socket: join its users, and start it if need be.

        Raises: Unavailable, when it can't be started.
        """
        if self._sockets is None or self._membership[0] != os.getpid():
            self._sockets = self._used()
        return self._sockets

    def forget(self) -> None:
        """Look anew the next time: a connection failed."""
        self._sockets = None

    def is_running(self) -> bool:
        """Return whether a watcher is there and its server accepts connections."""
        watcher = self.places.watcher
        return watcher.exists() and places.is_held(watcher) and self._answers()

    def _used(self) -> Path:
        try:
            self._join()
            if not self.is_running():
                self._start()
        except PermissionError as error:
            text = f"{error.filename} belongs to another account: use that one, or remove it."
            raise Unusable(text) from error
        except OSError as error:
            raise Unusable(f"PostgreSQL could not be started: {error}.") from error
        sockets = self.places.sockets()
        if sockets is None:
            raise Unusable(f"PostgreSQL has gone again: see {self.places.log}.")
        return sockets

    def _join(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._is_member():
            self.places.create()
            descriptor = places.take(self.places.users, fcntl.LOCK_SH, deadline - time.monotonic())
            if descriptor is None:
                raise Unusable(f"PostgreSQL has been stopping for {PATIENCE:.0f} seconds.")
            self._membership = (os.getpid(), descriptor)  # never closed: we are a user for life

    def _is_member(self) -> bool:
        """Whether this process holds the lock that is there now: the file may be a new one."""
        process, descriptor = self._membership
        try:
            same = os.path.samestat(os.fstat(descriptor), self.places.users.stat())
        except OSError:
            return False
        return same and process == os.getpid()

    def _start(self) -> None:
        deadline = time.monotonic() + PATIENCE
        with places.alone(self.places.starting, PATIENCE):
            while not self.is_running():
                if time.monotonic() > deadline:
                    raise Unusable(f"PostgreSQL does not answer: see {self.places.log}.")
                if places.is_held(self.places.watcher):
                    time.sleep(places.POLL)  # it is starting the server, or stopping it
                else:
                    self._launch()

    def _launch(self) -> None:
        """Start a watcher and wait until its server is ready."""
        verdict = _output([sys.executable, "-m", WATCHER, self.places.state, binaries.find()])
        if verdict not in ("ready", "busy"):
            raise Unusable(f"PostgreSQL did not start: {verdict or 'its watcher was killed.'}")

    def _answers(self) -> bool:
        home, folder = self.places.home(), self.places.sockets()
        if home is None or folder is None:
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(folder / places.SOCKET))
            except BlockingIOError:
                return True  # so many are connecting that the queue is full
            except OSError:
                return False
        return places.is_ready(places.pid_file(home))  # not before: it listens, to say "not yet"


def _output(program: list[str | Path]) -> str:
    ours = ("PYTHON", "PG")  # what configures us and our connections is not meant for the server
    with subprocess.Popen(
        program,
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith(ours)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for us, not for the server
        text=True,
    ) as process:
        try:
            return process.communicate(timeout=PATIENCE)[0].strip()
        except subprocess.TimeoutExpired:
            return f"its watcher said nothing for {PATIENCE:.0f} seconds."
