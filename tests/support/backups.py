"""An institution whose two stores are backed up by `deploy/backup.sh`, and restored."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iocash.postgres import CHECKOUT, places
from tests.support.embedded_postgres import eventually
from tests.support.scratch_postgres import Scratch


class Institution:
    """A server with an archive, the folders of its documents, anchors and backups."""

    def __init__(self, folder: Path, postgres: Scratch | None = None) -> None:
        self.backups = Path(tempfile.mkdtemp(prefix="backups-"))  # the server's account enters it
        self.backups.chmod(0o755)
        self.documents, self.anchors = folder / "documents", folder / "anchors"
        self.anchors.mkdir()
        self.postgres = postgres or Scratch(folder)
        self.account: pwd.struct_passwd = self.postgres.cluster.account
        for name in ("wal", "base"):
            (self.backups / name).mkdir()
            os.chown(self.backups / name, self.account.pw_uid, -1)
        command = f"BACKUPS={self.backups} {CHECKOUT}/deploy/backup.sh wal %p %f"
        self.postgres.tell(
            "ALTER SYSTEM SET archive_mode = on",
            f"ALTER SYSTEM SET archive_command = '{command}'",
        )
        self.postgres.stop()
        self.postgres.start()

    def environment(self) -> dict[str, str]:
        cluster = self.postgres.cluster
        return self.postgres.environment() | {
            "BACKUPS": str(self.backups),
            "DOCUMENTS_DIR": str(self.documents),
            "ANCHORS_DIR": str(self.anchors),
            "DATABASE_ACCOUNT": self.account.pw_name,
            "PGHOST": str(cluster.sockets),
            "PGPORT": places.PORT,
            "PGUSER": "postgres",
            "PATH": f"{cluster.programs}:{os.environ['PATH']}",
        }

    def run(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            words,
            cwd=CHECKOUT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def backup(self, *words: str) -> None:
        self.run("deploy/backup.sh", *words)

    def python(self, program: str, *words: str) -> str:
        return self.run(sys.executable, "-c", program, *words)

    def anchor(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S.%f")[:-3]
        self.run(sys.executable, "manage.py", "anchor", f"{self.anchors}/iocash-anchor-{now}Z.txt")

    def archive_all(self) -> None:
        """Have the last segment in the archive, as `archive_timeout` does within a minute."""
        name = self.postgres.ask("SELECT pg_walfile_name(pg_switch_wal())")
        eventually((self.backups / "wal" / name).exists)

    def destroy(self) -> None:
        self.kill()
        shutil.rmtree(self.postgres.cluster.data)
        shutil.rmtree(self.documents)

    def kill(self) -> None:
        self.postgres.process.kill()
        self.postgres.process.wait()

    def restore(self, *instant: str) -> None:
        self.run("deploy/restore.sh", str(self.postgres.cluster.data), *instant)
        self.postgres.start()
        eventually(lambda: not self.postgres.ask("SELECT pg_is_in_recovery()"))

    def verify(self, *words: str, code: int = 0) -> Any:
        program = (sys.executable, "manage.py", "verify_restore", "--json", *words)
        return json.loads(self.run(*program, code=code))

    def balance(self, wallet: str) -> int:
        return int(self.postgres.ask(f"SELECT balance FROM wallets_wallet WHERE id = '{wallet}'"))
