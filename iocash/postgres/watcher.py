"""Start the embedded PostgreSQL; stop it when its last user is gone, however it died.

The watcher is the server's parent. It holds its own lock for life, and waits for the exclusive
lock of the users' file: while it stops the server, newcomers wait for that lock, so nobody meets a
server that is going away. When the server is killed, the watcher ends; when the watcher is killed,
the server stops, where the system can tell it to; the next connection starts both.
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
ATTENTION = 2.0  # seconds between looks at the socket


def main(state: str, programs: str) -> None:
    """Become a process of our own, and watch; say `ready`, `busy` or what is wrong to who waits."""
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    os.chdir("/")
    where = Places(Path(state))
    if places.take(where.watcher, fcntl.LOCK_EX, 1.0) is None:
        _say("busy")
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
        return _say(f"{error}\n{_tail(where.log, begun)}")
    signal.signal(signal.SIGTERM, lambda *_: server.send_signal(signal.SIGINT))
    Thread(target=_stop_when_unused, args=(server, users), daemon=True).start()
    _say("ready")
    for descriptor in (1, 2):
        os.dup2(log.fileno(), descriptor)
    return _attend(server, cluster.sockets / places.SOCKET)


def _stop_when_unused(server: subprocess.Popen[bytes], users: int) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)  # nobody uses the server any more, and nobody can begin to
    server.send_signal(signal.SIGINT)
    time.sleep(STOPPING)
    server.send_signal(signal.SIGQUIT)


def _attend(server: subprocess.Popen[bytes], socket: Path) -> None:
    """Return when the server has ended; end it when nobody can reach it: its folder was removed."""
    while True:
        try:
            server.wait(ATTENTION)
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


def _say(text: str) -> None:
    with suppress(BrokenPipeError):  # the one who waited is gone
        sys.stdout.write(text)
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
