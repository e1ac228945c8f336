"""Anchors in a folder: each contains the movements since the one before it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from iocash.times import moment
from wallets.anchors.blocks import index_of, replacing
from wallets.anchors.file import lines

FORM: Final = "iocash-anchor-*.txt"
SENT: Final = ".sent"
"""What follows the name of an anchor in the name of its empty file that says that it was sent."""


def newest_anchor(folder: Path) -> Path | None:
    """The last anchor of a folder; None if it has none."""
    return max(folder.glob(FORM), default=None)


def anchors_since(folder: Path, instant: datetime) -> list[Path]:
    """The anchors of a folder that were begun after `instant`, in order of their times."""
    first = folder / name_of_anchor(instant)
    return sorted(path for path in folder.glob(FORM) if path.name > first.name)


def name_of_anchor(at: datetime) -> str:
    return FORM.replace("*", moment(at).replace(":", ""))


def write_next(folder: Path, now: datetime) -> Path:
    """Write an anchor after the newest one, in the snapshot of this transaction.

    Raises:
        OSError: the folder can't be read or written; there is no partial file.
        BadAnchor: the newest anchor was damaged.
    """
    path = folder / name_of_anchor(now)
    with replacing(path) as out:
        for line in lines(now, newest_anchor(folder)):
            out.write(f"{line}\n")
    index_of(path)
    return path


def unsent_anchors(folder: Path) -> list[Path]:
    """The anchors of a folder that were not marked as sent, the oldest first."""
    return [each for each in sorted(folder.glob(FORM)) if not mark_of(each).exists()]


def mark_sent(anchor: Path) -> None:
    mark_of(anchor).touch(mode=0o600)


def mark_of(anchor: Path) -> Path:
    return anchor.with_name(anchor.name + SENT)
