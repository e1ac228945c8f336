"""What processes have used of the processors and the memory: from /proc, by trees of processes."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C, and who tells us to end, wait for the end of the block."""
    waiting: list[int] = []
    before = {
        sign: signal.signal(sign, lambda number, _: waiting.append(number))
        for sign in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
        for number in waiting:
            signal.raise_signal(number)


def tree(root: int) -> list[int]:
    """The process and all that came of it and lives."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := _fields(int(folder.name)):
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents.get(pid, [])
    return found


def cpu_seconds(root: int | None) -> float:
    """What the tree has used, those that have ended included: their parents waited for them."""
    return sum(_ticks(pid) for pid in tree(root)) / TICKS if root else 0.0


def resident(root: int) -> int:
    """How many bytes of memory the tree has: pages that its processes share count once."""
    return sum(map(_proportional, tree(root)))


def _proportional(pid: int) -> int:
    """The process's part of the memory: of what it shares with n others, 1/(n+1)."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss: +(\d+) kB$", rollup, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _ticks(pid: int) -> int:
    return sum(map(int, _fields(pid)[11:15]))


def _fields(pid: int) -> list[str]:
    """What `/proc/<pid>/stat` says from the state on; nothing when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
