"""Both stores are backed up, destroyed and restored: to an instant, and to the end.

Takes 285 s at a load of 14 on two processors.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iocash.postgres import CHECKOUT, places
from tests.support.embedded_postgres import eventually, linux
from tests.support.scratch_postgres import Scratch

pytestmark = [pytest.mark.ci, linux]

PAY = """
import sys, django
django.setup()
from tests.support import people
from wallets.models import Wallet
wallet = Wallet.objects.get(pk=sys.argv[1])
for number in range(int(sys.argv[3])):
    people.cash_in(wallet, 1, key=f"{sys.argv[2]}-{number}")
"""
SEND = """
import sys, django
django.setup()
from tests.support import kyc
from users.kyc import Kind
from wallets.models import Wallet
kyc.send(Wallet.objects.get(pk=sys.argv[1]).user, Kind.DOCUMENT_INCOME_TAX)
"""


class Institution:
    """A server with an archive, the folders of its documents, anchors and backups."""

    def __init__(self, folder: Path) -> None:
        self.backups = Path(tempfile.mkdtemp(prefix="backups-"))  # the server's account enters it
        self.backups.chmod(0o755)
        self.documents, self.anchors = folder / "documents", folder / "anchors"
        self.anchors.mkdir()
        self.postgres = Scratch(folder)
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
        self.postgres.process.kill()
        self.postgres.process.wait()
        shutil.rmtree(self.postgres.cluster.data)
        shutil.rmtree(self.documents)

    def restore(self, *instant: str) -> None:
        self.run("deploy/restore.sh", str(self.postgres.cluster.data), *instant)
        self.postgres.start()
        eventually(lambda: not self.postgres.ask("SELECT pg_is_in_recovery()"))

    def verify(self, *words: str, code: int = 0) -> Any:
        program = (sys.executable, "manage.py", "verify_restore", "--json", *words)
        return json.loads(self.run(*program, code=code))

    def balance(self, wallet: str) -> int:
        return int(self.postgres.ask(f"SELECT balance FROM wallets_wallet WHERE id = '{wallet}'"))


def wrong(report: Any) -> dict[str, list[str]]:
    return {each["name"]: each["wrong"] for each in report["checks"] if each["wrong"]}


@pytest.fixture
def institution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Institution]:
    monkeypatch.setenv("DOCUMENTS_DIR", str(tmp_path / "documents"))
    found = Institution(tmp_path)
    yield found
    found.postgres.remove()
    shutil.rmtree(found.backups)


def test_backup_restores_an_instant_and_everything(institution: Institution) -> None:
    wallet = institution.postgres.seed()["aliceWalletId"]
    institution.documents.mkdir(exist_ok=True)
    before = institution.balance(wallet)
    institution.python(SEND, wallet)
    institution.backup("base")
    institution.python(PAY, wallet, "early", "5")
    institution.anchor()
    time.sleep(1.1)  # the instant lies between two seconds
    instant = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    time.sleep(0.1)
    institution.python(PAY, wallet, "late", "7")
    institution.backup("documents")
    institution.anchor()
    institution.archive_all()

    institution.destroy()
    institution.restore(instant)
    assert institution.balance(wallet) == before + 5
    report = institution.verify("--until", instant)
    assert wrong(report) == {}
    assert report["anchors"][-1]["missing"] == {"movements": 7}
    assert wrong(institution.verify(code=1)).keys() == {"anchor"}

    institution.destroy()
    institution.restore()
    assert institution.balance(wallet) == before + 12
    assert wrong(institution.verify()) == {}
    lose_a_document(institution)
    lose_the_end_of_the_archive(institution, wallet, before)


def lose_a_document(institution: Institution) -> None:
    file = next(each for each in institution.documents.rglob("*") if each.is_file())
    content = file.read_bytes()
    file.unlink()
    assert wrong(institution.verify(code=1)).keys() == {"documents"}
    file.write_bytes(content)


def lose_the_end_of_the_archive(institution: Institution, wallet: str, before: int) -> None:
    """PostgreSQL takes the first missing file for the end: only the anchor tells."""
    institution.destroy()
    max(each for each in (institution.backups / "wal").iterdir() if len(each.name) == 24).unlink()
    institution.restore()
    assert institution.balance(wallet) < before + 12
    (sentence,) = wrong(institution.verify(code=1))["anchor"]
    assert " movements of the anchor of " in sentence
