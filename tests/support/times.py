"""Times as the API shows them: to the millisecond, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def in_an_hour() -> datetime:
    return (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=123_000)


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
