"""Anchors of tests."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from iocash.db import clock
from wallets import audit
from wallets.anchors import folder


def write_anchor(kept: Path) -> Path:
    """Write an anchor that has all movements until now."""
    with audit.snapshot():
        return folder.write_next(kept, clock.now() + timedelta(milliseconds=1))


def anchored(settings: Any, kept: Path) -> None:
    """Let all movements until now have proofs."""
    settings.ANCHORS_DIR = str(kept)
    write_anchor(kept)
