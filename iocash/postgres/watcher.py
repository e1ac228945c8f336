"""Start the embedded PostgreSQL; stop it when its last user has exited.

The watcher is the server's parent. It holds its own lock until it exits, and waits for the
exclusive lock of the users' file. While it stops the server, new users wait for that lock, so they
never connect to a server that is stopping. If the server is killed, the watcher exits. If the
watcher is killed, the server stops (Linux only). The next connection starts both.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO

from iocash.postgres import places
from iocash.postgres.cluster import STOPPING, Cluster
from iocash.postgres.places import Places, Unusable

LOG_LIMIT = 1_000_000  # bytes
CHECK_INTERVAL = 2.0  # seconds between checks of the socket


def main(state: str, programs: str) -> None:
    """Detach, and watch. Print `ready`, `busy` or the error for the waiting parent."""
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    os.chdir("/")
    where = Places(Path(state))
    if places.acquire(where.watcher, fcntl.LOCK_EX, 1.0) is None:
        _report("busy")
    else:
        with _open_log(where.log) as log:
            _watch(where, Path(programs), log)


def _watch(where: Places, programs: Path, log: IO[bytes]) -> None:
    begun = log.tell()
    try:
        users = os.open(where.users, os.O_RDWR)
        cluster = Cluster(where, programs, log)
        server = cluster.start()
    except (Unusable, OSError, subprocess.SubprocessError) as error:
        return _report(f"{error}\n{_tail(where.log, begun)}")
    signal.signal(signal.SIGTERM, lambda *_: server.send_signal(signal.SIGINT))
    Thread(target=_stop_when_unused, args=(server, users), daemon=True).start()
    _report("ready")
    for descriptor in (1, 2):
        os.dup2(log.fileno(), descriptor)
    return _attend(server, cluster.sockets / places.SOCKET)


def _stop_when_unused(server: subprocess.Popen[bytes], users: int) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)  # there are no users, and new ones have to wait
    server.send_signal(signal.SIGINT)
    time.sleep(STOPPING)
    server.send_signal(signal.SIGQUIT)


def _attend(server: subprocess.Popen[bytes], socket: Path) -> None:
    """Wait until the server exits; stop it if the folder of its socket was removed."""
    while True:
        try:
            server.wait(CHECK_INTERVAL)
        except subprocess.TimeoutExpired:
            if not socket.exists():
                server.send_signal(signal.SIGINT)
        else:
            return


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.old"))
    return path.open("ab")


def _tail(path: Path, begun: int) -> str:
    lines = path.read_bytes()[begun:].decode(errors="replace").splitlines()
    return "\n".join(["The end of its log:", *lines[-10:]]) if lines else ""


def _report(text: str) -> None:
    with suppress(BrokenPipeError):  # the parent has exited
        sys.stdout.write(text)
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
