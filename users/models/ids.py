"""Ids: how they are made and how they are read from text."""

from __future__ import annotations

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
