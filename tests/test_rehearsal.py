"""`deploy/rehearse.sh`: the pages' commands install, upgrade, back up and restore a server.

Takes 345 s at a load of 10 on two processors.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dev
from tests.support.embedded_postgres import linux

TOOLS = ("bash", "bc", "curl", "git", "nginx", "openssl", "pgbouncer")
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
PLAIN = os.pathsep.join(each for each in PATH.split(os.pathsep) if not each.endswith("sbin"))
"""As users other than root have it."""
MISSING = [tool for tool in TOOLS if not shutil.which(tool, path=PATH)]

pytestmark = [
    pytest.mark.long,
    linux,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


def test_pages_install_upgrade_and_restore_a_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [dev.ROOT / "deploy" / "rehearse.sh"],
        cwd=tmp_path,
        env={"PATH": PLAIN, "HOME": str(tmp_path), "VENV": sys.prefix},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    steps = re.findall(r"^ *[\d.]+ s  (.+)$", done.stdout, re.MULTILINE)
    assert "restored to the end: every payment is there" in steps
    assert steps[-1] == "the restored server answers"
    (folder,) = re.findall(r"^The folder: (\S+)$", done.stdout, re.MULTILINE)
    assert not Path(folder).exists()
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert folder not in processes.stdout
