"""The page about restoring one group: its commands restore it while the other group works.

Takes 260 s at a load of 10 on two processors.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

import dev
from iocash.postgres import CHECKOUT
from tests.support.backups import Institution
from tests.support.embedded_postgres import linux
from tests.support.group_servers import TwoGroups, two_groups

pytestmark = [pytest.mark.ci, linux]

PAGE = (dev.ROOT / "docs" / "operations" / "restore-group.md").read_text()
BLOCKS = dict(re.findall(r"^```sh ([\w-]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
START = "systemctl start postgresql\n"
HERE = """
set -eu
systemctl() { :; }
runuser() { shift 3; "$@"; }
"""
"""The test stops and starts the server, of which it is the only account."""
WRITE = """
import json, sys, django
django.setup()
from tests.support import kyc, people
from users.kyc import Kind
for name in sys.argv[1:]:
    user = people.a_user(people.a_client(name), people.ALICE)
    kyc.send_one(user, Kind.DOCUMENT_INCOME_TAX)
    people.cash_in(people.first_wallet(user), 5_00)
"""
PAY = """
import sys, django
django.setup()
from tests.support import people
from wallets.models import Wallet
people.cash_in(Wallet.objects.get(client__name=sys.argv[1]), 1_00)
"""


class Restored:
    """Two groups with one folder of documents, of which `west` is backed up and restored."""

    def __init__(self, groups: TwoGroups, folder: Path) -> None:
        self.groups, self.folder = groups, folder
        self.backup = Institution(folder, groups.west)
        self.backup.documents.mkdir()
        self.data = groups.west.cluster.data
        self.instant = ""
        (folder / "environment").write_text("")
        lines = [f'{name}="{value}"' for name, value in groups.environment.items()]
        lines.append(f'DOCUMENTS_DIR="{self.backup.documents}"')
        (folder / "environment").write_text("\n".join(lines) + "\n")
        (folder / "owner").write_text("")

    def python(self, group: str, program: str, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=CHECKOUT,
            env=self.environment() | self.groups.environment | {"GROUP": group},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def environment(self) -> dict[str, str]:
        given = self.backup.environment()
        return given | {
            "GROUP": "west",
            "DATA": str(self.data),
            "HBA": str(self.data / "pg_hba.conf"),
            "INSTANT": self.instant,
            "SETTINGS": str(self.folder),
            "ACCOUNT": "root",
        }

    def run(self, name: str) -> tuple[int, str]:
        """Run a block of the page; return its exit code and what it prints."""
        text, code, said = BLOCKS[name].replace("/srv/iocash/deploy/", "deploy/"), 0, ""
        for number, part in enumerate(text.split(START)):
            if number:
                self.groups.west.start()
            done = subprocess.run(
                ["bash", "-c", HERE + part],
                cwd=CHECKOUT,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            code, said = done.returncode, said + done.stdout
            if code:
                break
        return code, said

    def move(self, client: str, group: str) -> None:
        done = self.groups.manage("move_client", client, "--to", group)
        assert done.returncode == 0, done.stdout + done.stderr

    def statuses(self) -> dict[str, tuple[str, str]]:
        """The statuses of all clients at home and in the west; blank: no row."""
        found: dict[str, list[str]] = {}
        for place, server in enumerate((self.groups.home, self.groups.west)):
            with psycopg.connect(server.address("postgres")) as raw:
                for name, status in raw.execute("SELECT name, status FROM users_client"):
                    found.setdefault(name, ["", ""])[place] = status
        return {name: (home, west) for name, (home, west) in found.items()}


@pytest.fixture
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Restored]:
    monkeypatch.setenv("DOCUMENTS_DIR", str(tmp_path / "documents"))
    with two_groups(tmp_path) as groups:
        found = Restored(groups, tmp_path)
        yield found
        shutil.rmtree(found.backup.backups)


def test_page_restores_a_group_while_the_other_works(restored: Restored) -> None:
    restored.python("west", WRITE, "Staying", "Leaving")
    restored.python("home", WRITE, "Coming", "Others")
    restored.backup.backup("base")
    time.sleep(1.1)  # the instant lies between two seconds
    restored.instant = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    time.sleep(0.1)
    restored.move("Leaving", "home")
    restored.move("Coming", "west")
    restored.python("west", PAY, "Staying")
    restored.python("home", PAY, "Leaving")
    restored.backup.archive_all()
    documents = sorted(restored.backup.documents.rglob("*"))

    restored.backup.kill()
    for name in ("lay-out", "keep-out"):
        assert restored.run(name)[0] == 0, name
    require_servers_to_be_out(restored)
    code, said = restored.run("look")
    assert code == 1
    assert "Leaving" in said
    assert "is active in home too" in said
    assert "Coming" in said
    assert "it came from home" in said
    code, said = restored.run("settle")
    assert code == 0, said
    assert restored.statuses() == {
        "Staying": ("", "ACTIVE"),
        "Leaving": ("ACTIVE", "MOVED"),
        "Coming": ("ACTIVE", ""),
        "Others": ("ACTIVE", ""),
    }
    code, said = restored.run("let-in")
    assert code == 1, said
    assert "There is no anchor to compare with" in said
    assert said.count("wrong  ") == 1
    assert sorted(restored.backup.documents.rglob("*")) == documents
    restored.python("west", PAY, "Staying")
    for name in ("Leaving", "Coming", "Others"):
        restored.python("home", PAY, name)
    restored.groups.audit()


def require_servers_to_be_out(restored: Restored) -> None:
    """The serving role is refused here; clients of the other group are served."""
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        psycopg.connect(restored.groups.west.address())
    restored.python("home", PAY, "Others")
