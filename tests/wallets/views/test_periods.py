"""Periods include their start and not their end, on statements and on every list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from tests.model import database
from tests.support import people
from tests.support.people import Api
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

FEBRUARY, MARCH = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
INSTANTS = {
    "end of January": FEBRUARY - TICK,
    "start of February": FEBRUARY,
    "end of February": MARCH - TICK,
    "start of March": MARCH,
}
LISTS = [
    "/api/v1/wallets/{wallet}/movements",
    "/api/v1/wallets/{wallet}/holds",
    "/api/v1/wallets/{wallet}/statement",
    "/api/v1/public/wallets/{wallet}/movements",
    "/api/v2/public/wallets/{wallet}/holds",
]
PERIODS = [
    ("endDate=2026-02-01", ["end of January"]),
    ("startDate=2026-02-01&endDate=2026-03-01", ["start of February", "end of February"]),
    ("startDate=2026-03-01", ["start of March"]),
    ("startDate=2026-02-01T00:00:00Z&endDate=2026-02-01T00:00:00.001Z", ["start of February"]),
    ("startDate=2026-02-01T01:00:00%2B01:00&endDate=2026-02-02", ["start of February"]),
    ("startDate=2026-02-28T23:59:59.999999Z&endDate=2026-03-01", ["end of February"]),
    ("startDate=2026-01-31T23:59:59.999Z&endDate=2026-02-01T00:00:00.0009Z", ["end of January"]),
]


@pytest.fixture
def wallet(alice, bob) -> Wallet:
    """Alice's wallet: at each instant 1.00 comes in, and 0.01 is held."""
    wallet, target = people.first_wallet(alice), people.first_wallet(bob)
    with connection.cursor() as cursor:
        cursor.execute(database.STAND_STILL)
    for instant in INSTANTS.values():
        database.set_clock(instant)
        people.cash_in(wallet, 1_00)
        people.place(wallet, target, 1)
    database.set_clock(MARCH + timedelta(days=1))
    return wallet


def found(api: Api, address: str) -> list[str]:
    """The instants of the rows of a list, in their order."""
    answer = api.get(address)
    assert answer.status == 200, answer.json
    names = {f"{at:%m%d%H%M%S}{at.microsecond // 1000:03}": name for name, at in INSTANTS.items()}
    ((_, rows),) = answer.json["_embedded"].items()
    times = [datetime.fromisoformat(row["createdAt"]) for row in rows]
    return [names[f"{at:%m%d%H%M%S}{at.microsecond // 1000:03}"] for at in sorted(times)]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("period", "names"), PERIODS)
def test_period_includes_its_start_and_not_its_end(api, wallet, path, period, names):
    assert found(api, f"{path.format(wallet=wallet.id)}?{period}") == names


@pytest.mark.parametrize("path", LISTS)
def test_neighbouring_periods_contain_each_row_once(api, wallet, path):
    address = path.format(wallet=wallet.id)
    days = ["2026-01-01", "2026-02-01", "2026-02-28T23:59:59.999Z", "2026-03-01", "2026-03-02"]
    rows = [
        name
        for start, end in pairwise(days)
        for name in found(api, f"{address}?startDate={start}&endDate={end}")
    ]
    assert rows == [*INSTANTS]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "period",
    [
        "startDate=2026-02-01&endDate=2026-02-01",
        "startDate=2026-02-01&endDate=2026-01-31",
        "startDate=2026-02-01T00:00:00.0001Z&endDate=2026-02-01T00:00:00.0009Z",
    ],
)
def test_period_must_end_after_its_start(api, wallet, path, period):
    answer = api.get(f"{path.format(wallet=wallet.id)}?{period}")
    assert (answer.status, answer.code) == (400, "invalid_parameters")
    assert answer.json["errors"] == [
        {"field": "endDate", "code": "invalid_range", "detail": "Must be after startDate."}
    ]


def summary(page: Any, *names: str) -> list[Any]:
    return [page[name] for name in names]


def test_statement_opens_with_the_closing_balance_of_the_one_before(api, wallet):
    address = f"wallets/{wallet.id}"
    days = ["2026-01-01", "2026-02-01", "2026-03-01", "2026-03-02"]
    pages = [
        api.get(f"{address}/statement?startDate={start}&endDate={end}").json
        for start, end in pairwise(days)
    ]
    assert [page["openingBalance"] for page in pages] == ["0.00", "1.00", "3.00"]
    for page, following in pairwise(pages):
        closed = summary(page, "endDate", "closingBalance", "closingDigest")
        assert closed == summary(following, "startDate", "openingBalance", "openingDigest")


@pytest.mark.parametrize("day", ["2026-02-01", "2026-02-28T23:59:59.999Z", "2026-03-01"])
def test_balance_at_a_time_equals_the_statements_opening_balance(api, wallet, day):
    address = f"wallets/{wallet.id}"
    balance = api.get(f"{address}/balance?at={day}").json
    page = api.get(f"{address}/statement?startDate={day}").json
    opening = summary(page, "startDate", "openingBalance", "openingDigest")
    assert summary(balance, "at", "balance", "digest") == opening


def test_balance_counts_movements_before_its_instant(api, wallet):
    days = ["2026-02-01", "2026-02-01T00:00:00.001Z", "2026-03-01", "2026-03-01T00:00:00.001Z"]
    shown = [api.get(f"wallets/{wallet.id}/balance?at={day}").json["balance"] for day in days]
    assert shown == ["1.00", "2.00", "3.00", "4.00"]


@pytest.mark.parametrize("name", ["balance", "statement"])
def test_last_movement_counts_by_default(api, wallet, name):
    database.set_clock(MARCH)
    page = api.get(f"wallets/{wallet.id}/{name}").json
    assert page["balance" if name == "balance" else "closingBalance"] == "4.00"
    database.set_clock(MARCH + timedelta(milliseconds=1))
    assert api.get(page["_links"]["self"]["href"]).json == page
