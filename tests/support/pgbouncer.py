"""A real PgBouncer, as `deploy/pgbouncer.ini` has it, in front of a server of the tests."""

from __future__ import annotations

import os
import pwd
import re
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

from iocash.postgres import CHECKOUT
from iocash.postgres.cluster import ending_with_parent
from tests.support.embedded_postgres import eventually

SHIPPED = CHECKOUT / "deploy" / "pgbouncer.ini"
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PORT = 6432

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


class Pooler:
    """Passes on to the PostgreSQL at `address` until the block ends.

    It runs under `account`, because PgBouncer refuses to be root. Settings replace those of the
    shipped file.
    """

    def __init__(self, address: str, account: pwd.struct_passwd, **settings: Any) -> None:
        self.ahead, self.account = conninfo_to_dict(address), account
        self.folder = Path(tempfile.mkdtemp(prefix="pooler"))
        self.folder.chmod(0o755)
        self.log = self.folder / "pgbouncer.log"
        self.address = make_conninfo(address, host=str(self.folder), port=PORT)
        users = self.folder / "users.txt"
        users.write_text('"iocash_app" ""\n"iocash_owner" ""\n')
        (self.folder / "pgbouncer.ini").write_text(self._configuration(users, settings))
        if not os.geteuid():
            os.chown(self.folder, account.pw_uid, account.pw_gid)

    def _configuration(self, users: Path, settings: dict[str, Any]) -> str:
        """The shipped file, for this machine: whoever reaches its socket is trusted."""
        here = {
            "listen_addr": "",
            "listen_port": PORT,
            "auth_type": "trust",
            "auth_file": users,
            "unix_socket_dir": self.folder,
            "unix_socket_mode": "0777",
            "logfile": self.log,
            **settings,
        }
        text = SHIPPED.read_text()
        for name in here:
            text = re.sub(rf"^{name} = .*\n", "", text, flags=re.MULTILINE)
        target = f"host={self.ahead['host']} port={self.ahead['port']}"
        text = text.replace("host=<database> port=5432", target)
        return text + "".join(f"{name} = {value}\n" for name, value in here.items())

    def start(self) -> None:
        rights: dict[str, Any] = {}
        if not os.geteuid():
            rights = {"user": self.account.pw_uid, "group": self.account.pw_gid}
        assert PROGRAM
        self.process = subprocess.Popen(
            [PROGRAM, "-q", self.folder / "pgbouncer.ini"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=ending_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it only ties)
            **rights,
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        ended = self.process.poll() is not None
        assert not ended, self.log.read_text() if self.log.exists() else "it ended"
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(f"{self.folder}/.s.PGSQL.{PORT}")
            return True
        return False

    def reload(self) -> None:
        """Read the configuration again, as `systemctl reload pgbouncer` says."""
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)
