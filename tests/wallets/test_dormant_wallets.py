"""The page of dormant wallets: which are listed, page by page, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from iocash.db import clock
from tests.support import people, sandbox
from tests.support.staff import VIEWER, somebody
from wallets.admin import dormant

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Browser:
    return somebody(VIEWER)


def listed(browser: Browser, **query: Any) -> tuple[list[Any], Any]:
    """The ids of the wallets on a page, and where the next page begins."""
    answer = browser.get(reverse("admin:dormant_wallets"), {"money": "all"} | query)
    assert answer.status_code == 200
    return [row["wallet"].id for row in answer.context["rows"]], answer.context["next_after"]


def pass_days(days: int) -> None:
    sandbox.set_clock(clock.now() + timedelta(days=days))


@pytest.fixture(autouse=True)
def thirty_days(settings: Any, db: None) -> Iterator[None]:
    settings.DORMANT_DAYS = 30
    with sandbox.made():
        yield


def test_open_wallet_without_a_movement_for_long_is_listed(browser, alices, bobs):
    assert listed(browser) == ([], None)
    pass_days(20)
    people.cash_in(bobs, 1_00)
    pass_days(11)
    assert listed(browser) == ([alices.id], None)
    page = browser.get(reverse("admin:dormant_wallets")).content.decode()
    for words in ("Alice Example", "100.00 EUR", "for 30 days", ">31</td>"):
        assert words in page
    pass_days(20)
    assert listed(browser)[0] == [alices.id, bobs.id]


def test_movement_or_closing_ends_the_dormancy(browser, alices, bobs):
    empty = people.a_wallet(alices.user, "USD")
    pass_days(31)
    assert listed(browser)[0] == [alices.id, bobs.id, empty.id]
    people.transfer(alices, bobs, 1_00)
    people.close(empty)
    assert listed(browser)[0] == []


@pytest.mark.parametrize(("rows", "most_read"), [(2, 100), (50, 2), (2, 3), (1, 1), (4, 4)])
def test_pages_list_each_wallet_once(rows, most_read, browser, alices, bobs, monkeypatch):
    wallets = [alices, bobs, *(people.a_wallet(alices.user, name) for name in ("USD", "JPY"))]
    pass_days(31)
    people.cash_in(bobs, 1_00)
    monkeypatch.setattr(dormant, "ROWS", rows)
    monkeypatch.setattr(dormant, "MOST_READ", most_read)
    found, after, pages = [], "", 0
    while after is not None:
        some, after = listed(browser, after=after)
        found += some
        pages += 1
        assert pages < 9
    assert found == sorted(each.id for each in wallets if each != bobs)


def test_number_of_queries_is_constant(browser, alices, bobs):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            listed(browser)
        return len(captured)

    pass_days(31)
    people.cash_in(bobs, 1_00)
    few = queries()
    pass_days(31)
    assert queries() == few


def test_wrong_place_is_the_beginning(browser, alices):
    pass_days(31)
    assert listed(browser, after="x")[0] == [alices.id]
