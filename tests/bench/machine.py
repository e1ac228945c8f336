"""Where and when it was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from iocash.postgres import CHECKOUT

PACKAGES = ("django", "djangorestframework", "psycopg", "granian")


def facts() -> dict[str, str]:
    """Date, commit, processors, memory, and the versions of what matters."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "processors": f"{os.cpu_count()} of {found('/proc/cpuinfo', r'model name.*: (.*)')}",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load": " ".join(f"{each:.1f}" for each in os.getloadavg()),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def commit() -> str:
    """What was measured; a plus says that something in it was not committed."""
    words = ["git", "describe", "--always", "--abbrev=10", "--dirty=+"]
    told = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def found(file: str, pattern: str) -> str:
    try:
        match = re.search(pattern, Path(file).read_text())
    except OSError:
        match = None
    return match[1] if match else "unknown"
