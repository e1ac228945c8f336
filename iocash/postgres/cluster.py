"""Create and serve the data of the embedded PostgreSQL. The watcher calls it under its lock."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from iocash.postgres import binaries, places
from iocash.postgres.places import Places, Unusable

ROOTS_PARENT = Path("/var/lib/iocash")  # kept after reboots, unlike /tmp
SHORT_PARENT = Path("/tmp")  # noqa: S108 (the folder inside is private, and its owner is checked)
STOPPING = 20.0  # seconds for a fast shutdown; then an immediate one
ORPHANS = 20.0  # seconds until the children of a killed server exit
ORPHANED = b"pre-existing shared memory block"

SETTINGS = {
    "listen_addresses": "",
    "port": places.PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # Statements and error details contain personal data.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
INITDB = (
    "--no-instructions",
    "--username=postgres",
    "--encoding=UTF8",
    "--auth-local=trust",
    "--auth-host=reject",
)
SINGLE = ("-c", "exit_on_error=on", "postgres")
ROLES = """
CREATE ROLE iocash_owner LOGIN CREATEDB
ALTER ROLE iocash_owner SET lock_timeout = '1s'
CREATE ROLE iocash_app LOGIN CONNECTION LIMIT 90
ALTER ROLE iocash_app SET lock_timeout = '2s'
ALTER ROLE iocash_app SET statement_timeout = '10s'
ALTER ROLE iocash_app SET idle_in_transaction_session_timeout = '15s'
ALTER ROLE iocash_app SET tcp_keepalives_idle = '10s'
ALTER ROLE iocash_app SET tcp_keepalives_interval = '5s'
ALTER ROLE iocash_app SET tcp_keepalives_count = 3
ALTER ROLE iocash_app SET tcp_user_timeout = '20s'
GRANT pg_read_all_stats TO iocash_app
CREATE DATABASE iocash OWNER iocash_owner
"""  # single-user mode reads one statement a line


class Cluster:
    """The data, their owner, and the programs that serve them."""

    def __init__(self, where: Places, programs: Path, log: IO[bytes]) -> None:
        self.log = log
        self.name = f"iocash-{where.tag}-"
        self.account = _account(where)
        self.home = where.home() or self._settle(where.home_link, ROOTS_PARENT)
        self.sockets = where.sockets() or self._settle(where.socket_link, SHORT_PARENT)
        self.data = self.home / places.DATA
        self.programs = programs
        if not os.geteuid():
            self.programs = binaries.within_reach(programs, self._rights(), ROOTS_PARENT)

    def _settle(self, link: Path, parent: Path) -> Path:
        """Create a private folder in `parent`, and `link` to it."""
        if not parent.exists():
            parent.mkdir(parents=True)
            parent.chmod(0o755)
        folder = Path(tempfile.mkdtemp(prefix=self.name, dir=parent))
        os.chown(folder, self.account.pw_uid, self.account.pw_gid)
        link.unlink(missing_ok=True)
        link.symlink_to(folder)
        return folder

    def start(self) -> subprocess.Popen[bytes]:
        """Return the running server, ready for connections.

        Raises:
            Unusable: the server exits instead.
        """
        self._stop_leftover()
        if not self.data.exists():
            self._create()
        deadline = time.monotonic() + ORPHANS
        while True:
            begun = self._log_size()
            server = self._popen("postgres", "-D", self.data, *self._settings())
            if self._becomes_ready(server):
                return server
            if not self._met_orphans(begun) or time.monotonic() > deadline:
                raise Unusable("it exited immediately.")
            time.sleep(0.2)

    def _log_size(self) -> int:
        return os.fstat(self.log.fileno()).st_size

    def _met_orphans(self, begun: int) -> bool:
        return ORPHANED in Path(self.log.name).read_bytes()[begun:]

    def _stop_leftover(self) -> None:
        """Stop a server whose watcher was killed; on Linux the kernel has already signalled it."""
        pid = self._recorded_pid()
        for sign in (signal.SIGINT, signal.SIGQUIT):
            if self._is_server(pid):
                os.kill(pid, sign)
                _wait_while(lambda: self._is_server(pid), STOPPING)
        if self._is_server(pid):
            raise Unusable(f"process {pid}, an old server, can't be stopped.")
        for name in (places.SOCKET, f"{places.SOCKET}.lock"):
            (self.sockets / name).unlink(missing_ok=True)

    def _create(self) -> None:
        """Create the data under another name, so that an interrupted run is not taken for data."""
        for unfinished in self.home.glob("new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        new = self.home / f"new-{os.getpid()}"
        self._run("initdb", "-D", new, *INITDB, *self._locale())
        self._run("postgres", "--single", "-D", new, *SINGLE, sql=ROLES)
        new.rename(self.data)

    def _locale(self) -> tuple[str, ...]:
        builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        return ("--locale=C", *builtin) if binaries.major(self.programs) >= 17 else ("--locale=C",)

    def _settings(self) -> list[str]:
        folder = str(self.sockets).replace('"', '""')
        settings = {**SETTINGS, "unix_socket_directories": f'"{folder}"'}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _becomes_ready(self, server: subprocess.Popen[bytes]) -> bool:
        while server.poll() is None:
            lines = places.pid_file(self.home)
            if lines[:1] == [str(server.pid)] and places.is_ready(lines):
                return True
            time.sleep(places.POLL)
        return False

    def _recorded_pid(self) -> int:
        first = "".join(places.pid_file(self.home)[:1])
        return int(first) if first.isdecimal() else 0

    def _is_server(self, pid: int) -> bool:
        """Whether process `pid` serves our data; False for a zombie or another process."""
        return pid > 0 and os.fsencode(self.data) in _command(pid)

    def _run(self, program: str, *words: str | Path, sql: str = "") -> None:
        process = self._popen(program, *words, stdin=subprocess.PIPE)
        process.communicate(sql.strip().encode() + b"\n")
        if process.returncode:
            raise Unusable(f"{program} failed.")

    def _popen(
        self, program: str, *words: str | Path, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        # PostgreSQL does not start while any process has the id in its pid file, unless that id is
        # passed as PG_GRANDPARENT_PID. Deleting the file would also disable PostgreSQL's check
        # for surviving children of the old server.
        stale = str(self._recorded_pid())
        return subprocess.Popen(
            [self.programs / program, *words],
            cwd=self.home,
            env={"PATH": os.defpath, "LC_ALL": "C", "PG_GRANDPARENT_PID": stale},
            stdin=stdin,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=ending_with_parent(signal.SIGINT),  # noqa: PLW1509 (there are no threads yet)
            **self._rights(),
        )

    def _rights(self) -> dict[str, Any]:
        if os.geteuid():
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}


def _account(where: Places) -> pwd.struct_passwd:
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    home = where.home()
    if home:
        return pwd.getpwuid(home.stat().st_uid)
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unusable("it does not run as root, and there is no account postgres or nobody.")


def _command(pid: int) -> bytes:
    """Return the command line of a process; empty if it has exited."""
    if not Path("/proc/self/cmdline").exists():
        ps = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(ps, capture_output=True, check=False).stdout
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _wait_while(condition: Callable[[], bool], patience: float) -> None:
    deadline = time.monotonic() + patience
    while condition() and time.monotonic() < deadline:
        time.sleep(places.POLL)


def ending_with_parent(sign: signal.Signals) -> Callable[[], None] | None:
    """Return a function for the child: the kernel stops it when its parent dies (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    set_option, parent = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        set_option(1, sign)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

    return tie
