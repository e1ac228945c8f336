"""Processes that parse files: one process with limits for each file.

A module that is run with the number of a socket loads its libraries once and calls `serve_jobs`.
For each connection that it receives, it forks a process that sets its limits, reads a job, answers
and exits. A crash affects that process only, and a fork takes milliseconds. The processes have no
credentials in their environment, write no files, and exit with the server that started them.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from iocash.processes import FileRefused

Answer = tuple[dict[str, Any], bytes]
Jobs = Mapping[str, Callable[..., Answer]]
NICENESS = 5
"""Lower priority than payments."""


def serve_jobs(control: socket.socket, jobs: Jobs) -> None:
    """Fork a process for each connection, until the server closes its end."""
    os.nice(NICENESS)
    gc.freeze()
    while True:
        _, connections, _, _ = socket.recv_fds(control, 1, 1)
        reap()
        if not connections:
            return
        if os.fork() == 0:
            control.close()
            work(socket.socket(fileno=connections[0]), jobs)
        os.close(connections[0])


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def work(connection: socket.socket, jobs: Jobs) -> None:
    """Run one job and exit in any case, so that this process never continues the loop above."""
    status = 1
    try:
        with connection.makefile("rwb") as stream:
            job = json.loads(stream.readline())
            limit(job["cpu"], job["seconds"], job["memory"])
            facts, content = do_job(jobs, job, stream.read(job["size"]))
            stream.write(json.dumps(facts).encode() + b"\n" + content)
        status = 0
    finally:
        os._exit(status)


def do_job(jobs: Jobs, job: dict[str, Any], content: bytes) -> Answer:
    """Do the job. What a library makes of a hostile file is no concern but its name."""
    try:
        facts, made = jobs[job["name"]](content, **job["options"])
    except FileRefused as refused:
        return {"wrong": [refused.code, refused.words.pack()]}, b""
    except (Exception, MemoryError) as error:  # noqa: BLE001
        return {"failed": type(error).__name__}, b""
    return facts | {"cpu": time.process_time()}, made


def limit(cpu: float, seconds: float, memory: int) -> None:
    """Limit the CPU time, the time and the memory of this process.

    `memory` is in bytes, in addition to the libraries. The signals of both timers kill a process
    that does not handle them, even inside a library.
    """
    for kills, timer, time_left in (
        (signal.SIGPROF, signal.ITIMER_PROF, cpu),
        (signal.SIGALRM, signal.ITIMER_REAL, seconds),
    ):
        signal.signal(kills, signal.SIG_DFL)
        signal.setitimer(timer, time_left)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    with suppress(FileNotFoundError):  # Linux only
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
