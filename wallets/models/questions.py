"""What the querysets of this package share: the words of people, and spans of time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from django.db.models import Q

MILLISECOND = timedelta(milliseconds=1)
LATEST = datetime.max.replace(tzinfo=UTC) - MILLISECOND
"""Nothing is created later: an end that is has no effect."""


def within(column: str, start: datetime | None, end: datetime | None) -> Q:
    """Those whose `column` is from `start` to the millisecond of `end`, both included."""
    found = Q()
    if start is not None:
        found &= Q((f"{column}__gte", start))
    if end is not None and end < LATEST:
        end = end.replace(microsecond=end.microsecond // 1000 * 1000)
        found &= Q((f"{column}__lt", end + MILLISECOND))
    return found


def as_id(words: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(words.strip())
    except ValueError:
        return None


def compact(iban: str) -> str:
    return "".join(iban.split()).upper()
