"""Times and dates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from iocash.http.serializers import Field
from iocash.times import DURATION, Duration, moment, to_millisecond


class Moment(Field):
    """A time: RFC 3339 with any offset as input, UTC with milliseconds as output.

    The colon of the offset may be missing: generated clients write `+0000`.
    """

    default_error_messages = {
        "invalid": "Must be a date and time with an offset (RFC 3339), like 2026-01-31T12:00:00Z.",
    }
    PATTERN = re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
        r"([Zz]|[+-][0-9]{2}:?[0-9]{2})"
    )
    example = "2026-01-31T12:00:00.000Z"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}

    def read(self, text: str) -> datetime:
        """Parse a time. Subclasses accept other formats too.

        Raises:
            ValueError, OverflowError: the time does not exist.
        """
        if not self.PATTERN.fullmatch(text):
            raise ValueError(text)
        return datetime.fromisoformat(text.upper()).astimezone(UTC)

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            return self.read(data)
        except (ValueError, OverflowError):
            self.fail("invalid")

    to_representation = staticmethod(moment)  # type: ignore[assignment]  # it needs no field


class Instant(Moment):
    """A time in a query, truncated to milliseconds. A date alone is midnight in UTC."""

    default_error_messages = {
        "invalid": "Must be a date, or a date and time with an offset (RFC 3339), like "
        "2026-01-31 or 2026-01-31T12:00:00Z.",
    }
    MIDNIGHT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

    def read(self, text: str) -> datetime:
        spelled = f"{text}T00:00:00Z" if self.MIDNIGHT.fullmatch(text) else text
        return to_millisecond(super().read(spelled))


class Day(Field):
    """A date without a time: `2026-01-31`."""

    default_error_messages = {"invalid": "Must be a date like 2026-01-31."}
    example = "2026-01-31"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", data):
            self.fail("invalid")
        try:
            return date.fromisoformat(data)
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: date) -> str:
        return value.isoformat()


class DurationText(Field):
    """A duration of ISO 8601: `P1M`, `P2W`, `P1DT12H`."""

    default_error_messages = {"invalid": "Must be a duration (ISO 8601), like P1M or P1DT12H."}
    example = "P1M"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{DURATION.pattern.replace('?:', '')}$"}

    def to_internal_value(self, data: Any) -> Duration:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            return Duration.parse(data)
        except ValueError:
            self.fail("invalid")
