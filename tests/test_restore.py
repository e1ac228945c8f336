"""Both stores are backed up, destroyed and restored: to an instant, and to the end.

Takes 285 s at a load of 14 on two processors.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.backups import Institution
from tests.support.embedded_postgres import linux

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
