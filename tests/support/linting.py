"""The reports of other people's linters, in JSON."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


def linted(folder: Path, *command: str) -> Any:
    """Return a linter's report, whatever its exit code; its notes on itself go elsewhere."""
    with (folder / "notes").open("w") as notes:
        ran = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=notes, text=True, check=False
        )
    assert ran.stdout, (folder / "notes").read_text()
    return json.loads(ran.stdout)
