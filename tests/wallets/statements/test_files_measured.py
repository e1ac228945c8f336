"""Statement files under load: their time, the memory of who asks, and workers that are killed."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import time
from pathlib import Path

import pytest
from django.utils.translation import override

from iocash.processes import run_job
from tests.support import people
from tests.support.duties import working
from tests.support.embedded_postgres import linux
from tests.support.server import database_of_tests
from tests.support.statement_files import a_file, drawn, long_content
from users.documents import processes
from wallets.models import StatementFile
from wallets.statements import files
from wallets.statements.pdf_file import LOOK, TEMPLATE, pdf_data

ONLY = ("manage.py", "work", "--only", "write-statement-files")


def megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@linux
@pytest.mark.ci
@pytest.mark.django_db
def test_pdf_of_1000_movements_takes_two_seconds_and_no_memory_here(alices):
    """Takes 3 s."""
    drawn(alices, [])
    before = megabytes()
    with override("en"):
        data = pdf_data(long_content(alices, 1_000))
    asked = {"source": LOOK.read_text() + TEMPLATE.read_text(), "data": data, "timestamp": 0}
    report = run_job(processes.TYPESET, json.dumps(asked).encode())
    assert report.content.startswith(b"%PDF-")
    assert report.facts is not None
    assert report.facts["cpu"] < 2
    assert megabytes() - before < 30


@linux
@pytest.mark.ci
@pytest.mark.django_db
def test_longest_files_are_within_the_limits_of_the_worker(alices):
    """Takes 15 s."""
    for kind, most in files.MOST.items():
        content = files.render_file(long_content(alices, most, kind), processes.TYPESET_LONG)
        assert len(content) > 1_000 * 100


@linux
@pytest.mark.ci
@pytest.mark.django_db(transaction=True)
def test_killed_workers_leave_no_file_behind(alices, bobs, tmp_path: Path, monkeypatch):
    """Takes 20 s."""
    for number in range(20):
        people.transfer(alices, bobs, 1_00, concept=f"Lunch {number}")
    monkeypatch.setattr(files, "AT_ONCE", -1)
    kinds = ["PDF", "CSV", "CAMT_053", "PDF"] * 5
    made = [a_file(alices, kind).id for kind in kinds]
    pending = StatementFile.objects.filter(status="PENDING")
    kills, until = 0, time.monotonic() + 90
    while pending.exists() and time.monotonic() < until:
        with working(database_of_tests(), tmp_path / "log", program=ONLY):
            before = pending.count()
            while pending.count() == before and time.monotonic() < until:
                time.sleep(0.01)
            if kills < 3:
                time.sleep(random.random() * 0.3)
                kills += pending.exists()
            else:
                while pending.exists() and time.monotonic() < until:
                    time.sleep(0.1)
        pending.update(lease=None, leased_until=None)  # what the killed one had taken
    assert kills == 3
    done = StatementFile.objects.filter(id__in=made)
    assert {each.status for each in done} == {"READY"}
    for each in done:
        assert hashlib.sha256(bytes(each.content or b"")).digest() == bytes(each.sha256 or b"")
    shown = {(each.format, each.closing_head) for each in done}
    assert len(shown) == 3
