"""The format of times in the API, in logs and in reports."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC with milliseconds and `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
