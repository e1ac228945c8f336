"""Files of strangers are parsed in processes with limits: the server's side.

A `Forker` starts one process that loads the libraries once. For each job, that process forks one
with limits on CPU time, time and memory (`iocash.processes.child`). Whatever a file does to it, the
server only sees that there is no answer.
"""

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

logger = logging.getLogger(__name__)

ROOT: Final = Path(__file__).resolve().parent.parent.parent
MEGABYTE: Final = 1_000_000


class FileRefused(Exception):
    """A file is not accepted; `code` and `words` contain the reason."""

    code: str = "unreadable"
    words: errors.Message


class Forker:
    """The process that forks the others; started for the first job.

    `module` is run with the number of a socket: it calls `child.serve_jobs` with its jobs.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self.lock = Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None
        self.owner = 0
        atexit.register(self.stop)

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
            command = [sys.executable, "-m", self.module, str(theirs.fileno())]
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


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a process, with its limits: seconds of CPU, seconds of time, and bytes."""

    forker: Forker
    name: str
    cpu: float
    seconds: float
    memory: int
    patience: float
    """Seconds for which a thread waits for a free place in `room`."""
    room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(2))


class Report(NamedTuple):
    """The answer of a process; `facts` is None if it exited without one."""

    facts: dict[str, Any] | None
    content: bytes = b""


def run_job(job: Job, content: bytes, **options: Any) -> Report:
    """Have a process of its own do the job. The options are JSON.

    Raises:
        Overloaded: too many documents are waiting.
    """
    if not job.room.acquire(timeout=job.patience):
        raise errors.Overloaded("Too many documents are being processed. Retry later.")
    try:
        answer = send_job(job, content, **options)
    finally:
        job.room.release()
    failed = "no answer" if answer.facts is None else answer.facts.get("failed")
    if failed:
        logger.warning("%s of a document of %d bytes failed: %s", job.name, len(content), failed)
    return answer


def send_job(job: Job, content: bytes, **options: Any) -> Report:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        job.forker.send(theirs)
        theirs.close()
        ours.settimeout(job.seconds + 1)
        request = {
            "name": job.name,
            "cpu": job.cpu,
            "seconds": job.seconds,
            "memory": job.memory,
            "size": len(content),
            "options": options,
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
