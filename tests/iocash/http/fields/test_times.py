"""An instant has an offset, and a day has no time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from iocash.http import fields
from tests.support.fields import OTHER_TYPES, read, wrong


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00.5z", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31 12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T12:00:00+0200", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T12:00:00.500+0000", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789-00:30", datetime(2026, 1, 31, 12, 30, 0, 123456, UTC)),
    ],
)
def test_instant_may_have_any_offset(text: str, at: datetime) -> None:
    assert read(fields.Moment(), text) == at


@pytest.mark.parametrize(
    "value",
    [
        *OTHER_TYPES,
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00+2400",
        "2026-01-31T12:00:00+020",
        "20260131T120000Z",
        "2026-01-31T12:00:00Z ",
        "\u0662026-01-31T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_invalid_instant_is_refused(value: Any) -> None:
    assert wrong(fields.Moment(), value) == "invalid"


def test_instant_is_written_in_utc_with_milliseconds() -> None:
    at = datetime(2026, 1, 31, 12, 0, 0, 5_999, timezone(timedelta(hours=2)))
    assert fields.Moment().to_representation(at) == "2026-01-31T10:00:00.005Z"


@given(some.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=some.just(UTC)))  # noqa: DTZ001
def test_written_instant_is_read_back_to_the_millisecond(at: datetime) -> None:
    field = fields.Moment()
    again = read(field, field.to_representation(at))
    assert again == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_subclass_may_read_other_formats() -> None:
    class Published(fields.Moment):
        def read(self, text: str) -> datetime:
            return super().read(text + ":00")

    assert read(Published(), "2026-01-31T12:00:00+02") == datetime(2026, 1, 31, 10, tzinfo=UTC)


def test_day_is_read_as_a_date() -> None:
    assert read(fields.Day(), "2024-02-29") == date(2024, 2, 29)
    assert fields.Day().to_representation(date(2024, 2, 29)) == "2024-02-29"


@pytest.mark.parametrize(
    "value", [*OTHER_TYPES, "2023-02-29", "20240229", "2024-2-9", "0000-01-01"]
)
def test_invalid_day_is_refused(value: Any) -> None:
    assert wrong(fields.Day(), value) == "invalid"
