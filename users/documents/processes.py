"""The server's side of `sandbox`: the jobs, their limits, and the processes that run them."""

from __future__ import annotations

import atexit
import json
import logging
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any, Final, NamedTuple

from iocash import errors
from users.documents.pdf import KIND
from users.documents.refusals import PDF, WrongDocument, too_complex

logger = logging.getLogger(__name__)

ROOT: Final = Path(__file__).resolve().parent.parent.parent
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a process, with its limits: seconds of CPU, seconds of time, and bytes."""

    name: str
    cpu: float
    seconds: float
    memory: int
    patience: float
    """Seconds for which a thread waits for a free place in `room`."""
    room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(2))


INSPECT: Final = Job("inspect", cpu=0.12, seconds=3, memory=24 * MEGABYTE, patience=2)
COUNT: Final = Job("count", cpu=1, seconds=5, memory=100 * MEGABYTE, patience=5)
DRAW: Final = Job("draw", cpu=6, seconds=15, memory=600 * MEGABYTE, patience=10)
TYPESET: Final = Job("typeset", cpu=5, seconds=8, memory=700 * MEGABYTE, patience=4)
TYPESET_LONG: Final = Job("typeset", cpu=40, seconds=90, memory=1500 * MEGABYTE, patience=10)
"""For the worker, which nobody waits for."""


class Report(NamedTuple):
    """The answer of a process; `facts` is None if it exited without one."""

    facts: dict[str, Any] | None
    content: bytes = b""


def inspect(content: bytes) -> None:
    """Check a PDF for active content.

    Raises:
        WrongDocument: active_content, damaged, encrypted, too_complex.
        Overloaded: too many documents are waiting.
    """
    facts = run_job(INSPECT, content, PDF).facts
    if facts is None or "failed" in facts:
        raise too_complex(KIND, errors.Message("it takes too much time or memory"))
    if "wrong" in facts:
        code, words = facts["wrong"]
        raise WrongDocument(code, errors.Message.unpack(words))


def page_count(content: bytes, media_type: str) -> int:
    """How many pages there are to draw; 0 when that can't be found out within the limits.

    Raises:
        Overloaded: too many documents are waiting.
    """
    facts = run_job(COUNT, content, media_type).facts or {}
    return int(facts.get("pages", 0))


def draw(content: bytes, media_type: str, number: int) -> bytes:
    """Render a page, counted from 1, as a JPEG; empty if the process fails or exceeds its limits.

    Raises:
        Overloaded: too many documents are waiting.
    """
    return run_job(DRAW, content, media_type, number).content


def typeset(source: str, data: Any, timestamp: int, job: Job = TYPESET) -> bytes:
    """Make a PDF of a template of typst and its data; empty if the process fails.

    `timestamp`, in seconds, is the date of the document.

    Raises:
        Overloaded: too many documents are waiting.
    """
    asked = {"source": source, "data": data, "timestamp": timestamp}
    return run_job(job, json.dumps(asked).encode(), PDF).content


def run_job(job: Job, content: bytes, media_type: str, number: int = 1) -> Report:
    """Have a process of its own do the job.

    Raises:
        Overloaded: too many documents are waiting.
    """
    if not job.room.acquire(timeout=job.patience):
        raise errors.Overloaded("Too many documents are being processed. Retry later.")
    try:
        answer = send_job(job, content, media_type, number)
    finally:
        job.room.release()
    failed = "no answer" if answer.facts is None else answer.facts.get("failed")
    if failed:
        logger.warning("%s of a document of %d bytes failed: %s", job.name, len(content), failed)
    return answer


def send_job(job: Job, content: bytes, media_type: str, number: int) -> Report:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        FORKER.send(theirs)
        theirs.close()
        ours.settimeout(job.seconds + 1)
        request = {
            "name": job.name,
            "cpu": job.cpu,
            "seconds": job.seconds,
            "memory": job.memory,
            "size": len(content),
            "media_type": media_type,
            "number": number,
        }
        try:
            ours.sendall(json.dumps(request).encode() + b"\n")
            ours.sendall(content)
            return receive_report(ours)
        except OSError:  # it has ended, or says nothing
            return Report(None)


def receive_report(connection: socket.socket) -> Report:
    with connection.makefile("rb") as stream:
        line = stream.readline()
        return Report(json.loads(line), stream.read()) if line.endswith(b"\n") else Report(None)


class Forker:
    """The process that forks the others; started for the first document."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None
        self.owner = 0

    def send(self, connection: socket.socket) -> None:
        """Send a connection to the process; start a new one if the old one has exited."""
        with self.lock:
            try:
                socket.send_fds(self.started(), [b"+"], [connection.fileno()])
            except OSError:
                self.stop()
                socket.send_fds(self.started(), [b"+"], [connection.fileno()])

    def started(self) -> socket.socket:
        if self.control is None or self.owner != os.getpid():  # after a fork, start another one
            self.control, theirs = socket.socketpair()
            command = [sys.executable, "-m", "users.documents.sandbox", str(theirs.fileno())]
            with theirs:
                self.process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env={"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", "")},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            self.owner = os.getpid()
        return self.control

    def stop(self) -> None:
        """Close this end of the socket: the process exits, as it does if this one is killed."""
        control, process, self.control, self.process = self.control, self.process, None, None
        if control and process and self.owner == os.getpid():
            control.close()
            process.wait()


FORKER: Final = Forker()
atexit.register(FORKER.stop)
