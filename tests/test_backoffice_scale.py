"""The back office of an institution with 100,000 users and a million movements.

Takes about five minutes, and 2 GB for the database. The rows that each page reads are asserted; the
time of its statements is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support import backoffice
from tests.support.cash_outs import a_cash_out, end
from tests.support.many_rows import CHANGES, copy, one_of_each
from tests.support.people import movements
from users.actions import ReadOnly
from users.models import User
from wallets.admin.tabs import TABS
from wallets.orders.cash_outs import MarkCashOutSent

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.long,
    pytest.mark.spoils_the_books,
]

USERS, MOVEMENTS, PENDING = 100_000, 900_000, 50_000
DOCUMENTS, WAITING = 100_000, 2_000
NUMBERS = {
    "users_user": USERS,
    "wallets_wallet": USERS,
    "wallets_movement": MOVEMENTS,
    "users_event": 300_000,
    "users_client": 20,
    "users_apikey": 100,
    "users_kycdocument": WAITING,
    "users_case": 2_000,
    "wallets_closing": 2_000,
    "users_reviewassignment": 100,
}
OTHERS = 100_000
LIMITS = {"balance": "2500", "cashIn": "2500", "cashOut": "1000"}
MOST_ROWS = 210_000
"""Rows of a table that a page may read: a search without an index reads the 100,000 newest, and the
first page joins users twice.
"""
READ = "SELECT relname, seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables"
LARGE = 10_000
WORDS = ("garcia", "garcia lopez", "copy77777@example.com", "+34 700 077 777", "garsia", "nobody")


@pytest.fixture
def browser(staff: Any) -> Browser:
    client = Browser()
    client.force_login(staff)
    return client


@pytest.fixture
def large(alices: Any, bobs: Any, settings: Any) -> None:
    settings.KYC_LIMITS = {"EUR": dict.fromkeys("01", LIMITS)}
    one_of_each(alices, bobs)
    payments = [a_cash_out(alices, 1_00), end(MarkCashOutSent, a_cash_out(alices, 1_00))]
    plain = movements(bobs)[0].id
    for table in CHANGES:
        number = NUMBERS.get(table, OTHERS)
        copy(table, number, USERS, source=plain if table == "wallets_movement" else None)
    copy("users_kycdocument", DOCUMENTS, USERS, status="'REPLACED'")
    iban = "'XX00' || lpad((n %% 500)::text, 16, '0')"
    paid = {"counterparty_id": "NULL", "seq": "NULL", "iban": iban}
    for number, payment in enumerate(payments):
        first = MOVEMENTS + number * PENDING + 1
        copy("wallets_movement", PENDING, USERS, first, payment.id, **paid)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {', '.join(CHANGES)}")


def pages() -> Iterator[str]:
    """Today, the search, the queue of payments, dormant wallets, a user's tabs, and all lists."""
    yield reverse("admin:index")
    yield reverse("admin:dormant_wallets")
    for words in WORDS:
        yield f"{reverse('admin:search')}?q={words.replace('+', '%2B')}"
    for state in ("TO_SEND", "SENT", "SETTLED", "REJECTED", "CANCELLED"):
        for rest in ("", "&days=3", "&q=garcia", "&q=nobody"):
            yield f"{reverse('admin:payments-out')}?state={state}{rest}"
    for user in (User.objects.get(user_name="alice"), User.objects.get(user_name="copy777")):
        for tab in TABS:
            yield f"{backoffice.page_of(user)}?tab={tab.name}"
    for model, shown in admin.site._registry.items():
        if isinstance(shown, ReadOnly) and model is not get_user_model():
            for query in backoffice.ways_to_ask(shown) + [f"q={words}" for words in WORDS[:2]]:
                yield f"{backoffice.list_of(model)}?{query}"


def read() -> dict[str, tuple[int, int]]:
    """The rows of each table that this transaction has read: by scans, and by indexes."""
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return {name: (scanned, fetched) for name, scanned, fetched in cursor.fetchall()}


def measured(ask: Callable[[], Any]) -> tuple[float, int, dict[str, tuple[int, int]]]:
    """The milliseconds of a page's statements, their number, and the rows of large tables read."""
    with transaction.atomic():
        before = read()
        with CaptureQueriesContext(connection) as captured:
            ask()
        after = read()
    rows = {
        table: (scanned - before.get(table, (0, 0))[0], fetched - before.get(table, (0, 0))[1])
        for table, (scanned, fetched) in after.items()
        if NUMBERS.get(table, OTHERS) >= LARGE and table in CHANGES
    }
    return sum(1000 * float(each["time"]) for each in captured), len(captured), rows


def test_no_page_reads_a_large_table(browser, large, capsys):
    wrong, times = [], []
    for page in pages():
        asked = browser.get(page)
        assert asked.status_code in (200, 302), page
        milliseconds, statements, rows = measured(partial(browser.get, page))
        times.append((milliseconds, statements, page))
        wrong += [
            (page, table, scanned, fetched)
            for table, (scanned, fetched) in rows.items()
            if scanned + fetched > MOST_ROWS
        ]
    with capsys.disabled():
        sys.stdout.write(f"\n{len(times)} pages; the slowest, by the time of their statements:\n")
        for milliseconds, statements, page in sorted(times, reverse=True)[:25]:
            sys.stdout.write(f"{milliseconds:7.1f} ms {statements:3} statements  {page}\n")
    assert not wrong, "\n".join(map(str, wrong))
