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


BEGINNING = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]{0,27})?|[0-9a-f]{32}")
"""The first 8 digits of an id, or more with its hyphens. More without them could be an IBAN."""


def id_range(words: str) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The lowest and highest id that begin with these digits; None and None for other text."""
    beginning = words.strip().lower()
    if not BEGINNING.fullmatch(beginning):
        return None, None
    digits = beginning.replace("-", "")[:32]
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
