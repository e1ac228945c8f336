"""Anchors in a folder: each contains the movements since the one before it.

A full anchor, one each night, has all wallets and all movements since the full one before it. The
parts between have what has settled since the anchor before, so a few minutes later a lost movement
is known elsewhere. An empty file beside a part says that it is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from iocash.times import moment
from wallets.anchors.blocks import SUFFIX, index_of, replacing
from wallets.anchors.file import lines
from wallets.anchors.parts import new_part

FORM: Final = "iocash-anchor-*.txt"
PART: Final = ".part"
PARTS_ARE_KEPT: Final = timedelta(days=7)
SENT: Final = ".sent"
"""What follows the name of an anchor in the name of its empty file that says that it was sent."""


def newest_anchor(folder: Path) -> Path | None:
    """The last anchor of a folder; None if it has none."""
    return max(folder.glob(FORM), default=None)


def newest_full_anchor(folder: Path) -> Path | None:
    """The last anchor that is no part; None if there is none."""
    newest_first = sorted(folder.glob(FORM), reverse=True)
    return next((each for each in newest_first if not is_part(each)), None)


def is_part(anchor: Path) -> bool:
    return anchor.with_name(anchor.name + PART).exists()


def chain_of(anchor: Path) -> list[Path]:
    """The full anchor and the parts up to an anchor, which together have all that it knows."""
    full = anchor
    before = sorted(each for each in anchor.parent.glob(FORM) if each <= anchor)
    while is_part(full) and before:
        full = before.pop()
    return sorted(each for each in anchor.parent.glob(FORM) if full <= each <= anchor)


def anchors_since(folder: Path, instant: datetime) -> list[Path]:
    """The anchors of a folder that were begun after `instant`, in order of their times."""
    first = folder / name_of_anchor(instant)
    return sorted(path for path in folder.glob(FORM) if path.name > first.name)


def name_of_anchor(at: datetime) -> str:
    return FORM.replace("*", moment(at).replace(":", ""))


def write_next(folder: Path, now: datetime) -> Path:
    """Write a full anchor after the newest full one, in the snapshot of this transaction.

    Raises:
        OSError: the folder can't be read or written; there is no partial file.
        BadAnchor: the newest full anchor was damaged.
    """
    return write_lines(folder / name_of_anchor(now), lines(now, newest_full_anchor(folder)))


class WrittenPart(NamedTuple):
    """A part, and a wallet that has lost what is anchored, or a blank."""

    path: Path
    lost: str


def write_part(folder: Path, now: datetime) -> WrittenPart | None:
    """Write a part after the newest anchor, in the snapshot of this transaction.

    Returns None if there is no full anchor yet, or nothing new.

    Raises:
        OSError: the folder can't be read or written; there is no partial file.
        BadAnchor: the newest anchor was damaged.
    """
    full = newest_full_anchor(folder)
    if full is None:
        return None
    former = sorted(each for each in folder.glob(FORM) if each >= full)
    found = new_part(now, former)
    if found is None:
        return None
    path = folder / name_of_anchor(now)
    path.with_name(path.name + PART).touch(mode=0o600)
    return WrittenPart(write_lines(path, found.lines), found.lost)


def write_lines(path: Path, found: Iterable[str]) -> Path:
    with replacing(path) as out:
        for line in found:
            out.write(f"{line}\n")
    index_of(path)
    return path


def drop_parts(folder: Path, until: str, now: datetime, *, is_sent: bool) -> int:
    """Delete parts of more than a week ago, whose movements are in full anchors; return how many.

    `until` is the name of the newest anchor that matched the ledger: later ones are kept. With
    `is_sent`, those that were not sent are kept too.
    """
    end = min(until, name_of_anchor(now - PARTS_ARE_KEPT))
    dropped = 0
    for each in folder.glob(FORM):
        if each.name < end and is_part(each) and (mark_of(each).exists() or not is_sent):
            each.unlink()
            for suffix in (SUFFIX, SENT, PART):
                each.with_name(each.name + suffix).unlink(missing_ok=True)
            dropped += 1
    return dropped


def unsent_anchors(folder: Path) -> list[Path]:
    """The anchors of a folder that were not marked as sent, the oldest first."""
    return [each for each in sorted(folder.glob(FORM)) if not mark_of(each).exists()]


def mark_sent(anchor: Path) -> None:
    mark_of(anchor).touch(mode=0o600)


def mark_of(anchor: Path) -> Path:
    return anchor.with_name(anchor.name + SENT)
