"""A real PgBouncer before a PostgreSQL, in transaction mode."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from iocash.postgres.cluster import ending_with_parent
from tests.support.embedded_postgres import eventually

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
PORT = 6432
ROLES = ["iocash_app", "iocash_owner", "postgres"]
SETTINGS = {
    "auth_type": "trust",
    "pool_mode": "transaction",
    "default_pool_size": 20,
    "max_client_conn": 500,
    "server_login_retry": 1,
    "ignore_startup_parameters": "extra_float_digits, options",
    "unix_socket_mode": "0777",
    "listen_port": PORT,
}


class Pooler:
    """Runs under `account` (PgBouncer refuses to be root) before the server at `address`."""

    def __init__(self, address: str, account: pwd.struct_passwd, **settings: Any) -> None:
        self.ahead, self.account = conninfo_to_dict(address), account
        self.folder = Path(tempfile.mkdtemp(prefix="pooler"))
        self.folder.chmod(0o755)
        self.address = make_conninfo(address, host=str(self.folder), port=PORT)
        (self.folder / "users").write_text("".join(f'"{role}" ""\n' for role in ROLES))
        settings = SETTINGS | settings | {"auth_file": self.folder / "users"}
        settings |= {"unix_socket_dir": self.folder, "logfile": self.folder / "log"}
        lines = [f"{name} = {value}" for name, value in settings.items()]
        ahead = f"* = host={self.ahead['host']} port={self.ahead['port']}"
        text = "\n".join(["[databases]", ahead, "[pgbouncer]", *lines, ""])
        (self.folder / "ini").write_text(text)
        if not os.geteuid():
            os.chown(self.folder, account.pw_uid, account.pw_gid)

    def start(self) -> None:
        rights: dict[str, Any] = {}
        if not os.geteuid():
            rights = {"user": self.account.pw_uid, "group": self.account.pw_gid}
        assert PROGRAM
        self.process = subprocess.Popen(
            [PROGRAM, "-q", self.folder / "ini"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=ending_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it only ties)
            **rights,
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        log = self.folder / "log"
        assert self.process.poll() is None, log.read_text() if log.exists() else "it ended"
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(f"{self.folder}/.s.PGSQL.{PORT}")
            return True
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)
