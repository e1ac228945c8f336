"""Ids: how they are made and how they are read from text."""

from __future__ import annotations

import re
import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """Make an id that sorts by time (UUID version 7)."""
    return uuid7()


def as_id(words: str) -> uuid.UUID | None:
    """Return the id that the text contains, or None."""
    try:
        return uuid.UUID(words.strip())
    except ValueError:
        return None


BEGINNING = re.compile(r"[0-9a-f]{8,32}")


def id_range(words: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """The lowest and highest id that begin with these (at least 8) digits; None for other text."""
    digits = words.strip().lower().replace("-", "")
    if not BEGINNING.fullmatch(digits):
        return None
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
