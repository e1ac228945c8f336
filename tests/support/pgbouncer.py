"""A real PgBouncer, as `deploy/pgbouncer.ini` has it, in front of a server of the tests."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from iocash.postgres import CHECKOUT

PATIENCE = 20.0
SHIPPED = CHECKOUT / "deploy" / "pgbouncer.ini"
PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"

needs_pgbouncer = pytest.mark.skipif(
    not Path(PROGRAM).exists(), reason="pgbouncer is not installed"
)


class Pooler:
    """Passes on to the PostgreSQL at `address` until the block ends.

    Options replace those of the shipped file.
    """

    def __init__(self, address: str, folder: Path, **options: Any) -> None:
        self.ahead = conninfo_to_dict(address)
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = make_conninfo(address, host="127.0.0.1", port=self.port)
        self.file = folder / "pgbouncer.ini"
        self.file.write_text(self.configuration(options))

    def configuration(self, options: dict[str, Any]) -> str:
        """The shipped file, for this machine: everybody on the loopback is trusted."""
        users = self.folder / "users.txt"
        users.write_text('"iocash_app" ""\n"iocash_owner" ""\n')
        here = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "auth_type": "trust",
            "auth_file": users,
            "unix_socket_dir": "",
            "logfile": self.folder / "pgbouncer.log",
            **options,
        }
        text = SHIPPED.read_text()
        for name in here:
            text = re.sub(rf"^{name} = .*\n", "", text, flags=re.MULTILINE)
        target = f"host={self.ahead['host']} port={self.ahead['port']}"
        text = text.replace("host=<database> port=5432", target)
        return text + "".join(f"{name} = {value}\n" for name, value in here.items())

    def __enter__(self) -> Self:
        rights: dict[str, Any] = {}
        if not os.geteuid():
            account = pwd.getpwnam("postgres" if self.ahead["host"] else "nobody")
            rights = {"user": account.pw_uid, "group": account.pw_gid}
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
        self.process = subprocess.Popen([PROGRAM, "-q", self.file], **rights)
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "pgbouncer.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self

    def answers(self) -> bool:
        try:
            psycopg.connect(self.address).close()
        except psycopg.OperationalError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
