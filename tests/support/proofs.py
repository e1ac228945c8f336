"""Proofs of tests, and the program that verifies them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from iocash.postgres import CHECKOUT
from wallets.models import Movement

VERIFY = CHECKOUT / "docs" / "verify.py"


def path_of(movement: Movement) -> str:
    return f"wallets/{movement.wallet_id}/movements/{movement.id}/proof"


def root_of(anchor: Path) -> str:
    return anchor.read_text().split()[-1]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """`docs/verify.py` alone: without the environment, the folder and the packages."""
    command = [sys.executable, "-I", "-S", str(VERIFY), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={})
