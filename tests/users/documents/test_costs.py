"""Files that cost careless readers seconds or gigabytes; what they may cost here is bounded."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from threading import BoundedSemaphore

import pytest

from iocash import errors
from iocash.processes import ROOT, run_job, send_job
from tests.support import hostile_files, ordinary_files
from users.documents import MOST_BYTES, PDF, WrongDocument, jpeg, media_type_of, png, processes
from users.documents.processes import FORKER, INSPECT

BOUNDED = {"too_complex", "too_many_pixels", "trailing_data", "damaged"}


def outcome(content: bytes) -> str:
    try:
        return media_type_of(content)
    except WrongDocument as wrong:
        return wrong.code


@pytest.mark.parametrize("name", hostile_files.COSTLY)
def test_hostile_file_is_accepted_or_refused_within_limits(name):
    content = hostile_files.COSTLY[name]()
    assert len(content) <= MOST_BYTES
    assert outcome(content) in BOUNDED | {"image/png", "image/jpeg", PDF}


@pytest.mark.parametrize("name", hostile_files.PICTURES)
def test_picture_inspection_uses_little_memory(name):
    content = hostile_files.COSTLY[name]()
    tracemalloc.start()
    outcome(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (hostile_files.png(*[hostile_files.chunk(b"tEXt", b"")] * png.MOST_ANCILLARY), "image/png"),
        (
            hostile_files.png(*[hostile_files.chunk(b"tEXt", b"")] * (png.MOST_ANCILLARY + 1)),
            "too_complex",
        ),
        (
            hostile_files.png(*[hostile_files.chunk(b"IDAT", b"")] * (png.MOST_CHUNKS - 3)),
            "image/png",
        ),
        (
            hostile_files.png(*[hostile_files.chunk(b"IDAT", b"")] * (png.MOST_CHUNKS - 2)),
            "too_complex",
        ),
        (hostile_files.with_segments([hostile_files.segment(0xFE, b"")] * 900), "image/jpeg"),
        (hostile_files.with_segments([hostile_files.segment(0xFE, b"")] * 1_000), "too_complex"),
        (hostile_files.with_segments([b"\xff" * jpeg.MOST_FILL]), "image/jpeg"),
        (hostile_files.with_segments([b"\xff" * (jpeg.MOST_FILL + 1)]), "damaged"),
        (
            hostile_files.with_segments([b"\xff" * 600 + hostile_files.segment(0xFE, b"")] * 2),
            "too_complex",
        ),
        (hostile_files.many_scans(30), "image/jpeg"),
        (hostile_files.many_scans(60), "too_complex"),
        (ordinary_files.two_pictures() + hostile_files.jpeg() * 3, "image/jpeg"),
        (ordinary_files.two_pictures() + hostile_files.jpeg() * 4, "trailing_data"),
        (hostile_files.packed_objects(19_000), PDF),
        (hostile_files.packed_objects(20_001), "too_complex"),
    ],
    ids=range(15),
)
def test_limit_is_exact(content, code):
    assert outcome(content) == code


# --- The processes --------------------------------------------------------------------------------


def heavy() -> bytes:
    """More than a millisecond's work."""
    return hostile_files.packed_objects(19_000)


@pytest.mark.parametrize(
    "limit", [{"cpu": 0.001}, {"seconds": 0.001}, {"memory": 0}], ids=["cpu", "clock", "memory"]
)
def test_process_is_killed_at_its_limit(limit):
    answer = send_job(replace(INSPECT, **limit), heavy(), media_type=PDF)
    assert answer.facts is None or answer.facts.keys() & {"failed", "wrong"}
    facts = send_job(INSPECT, hostile_files.pdf(), media_type=PDF).facts
    assert facts is not None
    assert facts.keys() == {"cpu"}


def test_document_that_exceeds_its_process_limit_is_refused(monkeypatch):
    monkeypatch.setattr(processes, "INSPECT", replace(INSPECT, cpu=0.001))
    assert outcome(heavy()) == "too_complex"


def test_document_gets_503_when_all_inspection_slots_are_used():
    room = BoundedSemaphore(1)
    job = replace(INSPECT, room=room, patience=0)
    with room, pytest.raises(errors.Overloaded):
        run_job(job, hostile_files.pdf(), media_type=PDF)
    assert run_job(job, hostile_files.pdf(), media_type=PDF).facts is not None
    assert run_job(job, hostile_files.pdf(), media_type=PDF).facts is not None


def test_killed_process_is_restarted():
    media_type_of(hostile_files.pdf())
    assert FORKER.process
    FORKER.process.kill()
    FORKER.process.wait()
    assert media_type_of(hostile_files.pdf()) == PDF


def test_process_has_no_secrets_and_low_priority(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hush")
    FORKER.stop()
    media_type_of(hostile_files.pdf())
    assert FORKER.process
    known = Path(f"/proc/{FORKER.process.pid}/environ").read_bytes().split(b"\0")
    assert {each.split(b"=")[0] for each in known if each} <= {b"PATH", b"PYTHONPATH", b"LC_CTYPE"}
    assert os.getpriority(os.PRIO_PROCESS, FORKER.process.pid) > os.getpriority(os.PRIO_PROCESS, 0)


STARTS = """
from users.documents import processes
from tests.support import hostile_files
processes.inspect(hostile_files.pdf())
print(processes.FORKER.process.pid, flush=True)
input()
"""


def test_process_exits_when_the_server_is_killed():
    server = subprocess.Popen(
        [sys.executable, "-c", STARTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    with server:
        assert server.stdout
        nursery = os.pidfd_open(int(server.stdout.readline()))
        server.send_signal(signal.SIGKILL)
        ended, _, _ = select.select([nursery], [], [], 30)
    os.close(nursery)
    assert ended
