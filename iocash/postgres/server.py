"""Use the embedded PostgreSQL: register as a user, and start the server if it is not running.

No process has to stop the server. Each user holds a shared lock, which the kernel releases when
the process exits or dies; the watcher waits for the exclusive lock.
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
PATIENCE = 60.0  # seconds: the first start creates the data; after a crash it replays the WAL


class Server:
    """The server of the checkout whose state folder is `state`. Threads and forks may share it."""

    def __init__(self, state: Path) -> None:
        self.places = Places(state)
        self._membership = (0, -1)  # the process id, and its descriptor of the users' lock
        self._sockets: Path | None = None

    def sockets(self) -> Path:
        """Return the folder of the server's socket; register, and start the server if needed.

        Raises:
            Unusable: it can't be started.
        """
        if self._sockets is None or self._membership[0] != os.getpid():
            self._sockets = self._used()
        return self._sockets

    def forget(self) -> None:
        """Check the server at the next call, because a connection failed."""
        self._sockets = None

    def is_running(self) -> bool:
        """Return whether a watcher is running and its server accepts connections."""
        watcher = self.places.watcher
        return watcher.exists() and places.is_held(watcher) and self._answers()

    def _used(self) -> Path:
        try:
            self._join()
            if not self.is_running():
                self._start()
        except PermissionError as error:
            text = f"{error.filename} belongs to another account. Use it, or delete the file."
            raise Unusable(text) from error
        except OSError as error:
            raise Unusable(f"PostgreSQL could not be started: {error}.") from error
        sockets = self.places.sockets()
        if sockets is None:
            raise Unusable(f"PostgreSQL has stopped. See {self.places.log}.")
        return sockets

    def _join(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._is_member():
            self.places.create()
            left = deadline - time.monotonic()
            descriptor = places.acquire(self.places.users, fcntl.LOCK_SH, left)
            if descriptor is None:
                raise Unusable(f"PostgreSQL has been stopping for {PATIENCE:.0f} seconds.")
            self._membership = (os.getpid(), descriptor)  # kept open until this process exits

    def _is_member(self) -> bool:
        """Whether this process holds the current lock file; it may have been replaced."""
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
                    raise Unusable(f"PostgreSQL does not answer. See {self.places.log}.")
                if places.is_held(self.places.watcher):
                    time.sleep(places.POLL)  # the watcher is starting or stopping the server
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
                return True  # the queue of connections is full
            except OSError:
                return False
        return places.is_ready(places.pid_file(home))  # it also listens before it is ready


def _output(program: list[str | Path]) -> str:
    ours = ("PYTHON", "PG")  # settings of this process, not for the server
    with subprocess.Popen(
        program,
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith(ours)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C must not stop the server
        text=True,
    ) as process:
        try:
            return process.communicate(timeout=PATIENCE)[0].strip()
        except subprocess.TimeoutExpired:
            return f"its watcher did not answer for {PATIENCE:.0f} seconds."
