"""Where the file of a server's metrics is, and which files nobody needs any more.

The processes of a server have one parent, so its process id and the time of its start name the
file. Another server on the same machine has another file.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from iocash.metrics.store import SLOTS, VERSION

NAME: Final = re.compile(r"v\d+-(\d+)-(\d+)\.metrics")
STARTED: Final = 19
"""The place of the start time in `/proc/PID/stat`, counted after the name of the program."""


class UnsafeFolder(Exception):
    """Other users of the machine could write there."""


def file_of_server(folder: str) -> Path:
    """Return the path of this server's file; remove the files of servers that have ended.

    Without a `folder` it is in a private one of this user, among the temporary files.

    Raises:
        UnsafeFolder: somebody else owns the folder, or can write there.
        OSError: it can't be created or read.
    """
    place = Path(folder or f"{tempfile.gettempdir()}/iocash-metrics-{os.geteuid()}")
    place.mkdir(mode=0o700, parents=bool(folder), exist_ok=True)
    found = os.lstat(place)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise UnsafeFolder(f"{place} must be a folder that only the server's user can write to.")
    parent = os.getppid()
    own = place / f"v{VERSION}-{parent}-{start_of(parent)}.metrics"
    for file in place.iterdir():
        named = NAME.fullmatch(file.name)
        if named and file != own and is_gone(*map(int, named.groups())):
            remove_if_unused(file)
    return own


def start_of(process: int) -> int:
    """When a process was started, in ticks since the machine was; 0 if it can't be found."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[STARTED])


def is_gone(process: int, started: int) -> bool:
    """Return whether the process that was started then has ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return start_of(process) != started


def remove_if_unused(file: Path) -> None:
    """Remove the file of a server that has ended, unless one of its processes still lives."""
    with suppress(OSError), file.open("r+b") as opened:
        fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, SLOTS, 0)
        file.unlink()
