"""Lists and the search of the back office with many rows."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support.many_rows import CHANGES, copy, one_of_each
from users.actions import ReadOnly

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]

FEW = 50
OWNERS = ("users_user", "wallets_wallet")
LISTS = {
    model._meta.label_lower: model._meta.db_table
    for model, shown in admin.site._registry.items()
    if isinstance(shown, ReadOnly)
}
TABLES = {label: table for label, table in LISTS.items() if table in CHANGES} | {
    "users.review": "users_kycdocument"
}
"""The table whose rows a list shows, by the label of the list."""
OF_ALL = {"users.task": "?owned=all"}
"""The query that shows the rows of all members, for lists that show one's own first."""
SHORT = {
    "auth.user",
    "auth.group",
    "users.signingkey",
    "users.terms",
    "wallets.audit",
    "wallets.bankaccount",
}


@pytest.fixture
def browser(staff: Any) -> Browser:
    client = Browser()
    client.force_login(staff)
    return client


@pytest.fixture
def one(alices: Any, bobs: Any) -> None:
    one_of_each(alices, bobs)


def test_every_list_that_grows_is_tested():
    assert LISTS.keys() - TABLES.keys() <= SHORT


@pytest.mark.slow
@pytest.mark.parametrize("label", TABLES)
def test_list_takes_as_many_statements_for_fifty_people_as_for_two(label, browser, one):
    address = reverse(f"admin:{label.replace('.', '_')}_changelist") + OF_ALL.get(label, "")

    def statements() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            answer = browser.get(address)
        assert answer.status_code == 200
        return [each["sql"] for each in captured]

    for table in takewhile(lambda table: table != TABLES[label], OWNERS):
        copy(table, FEW, FEW)
    copy(TABLES[label], 2, FEW)
    statements()
    few = statements()
    copy(TABLES[label], FEW - 2, FEW, first=3)
    many = statements()
    assert browser.get(address).context["cl"].result_count >= FEW
    assert len(many) == len(few), many


# --- Rows read ------------------------------------------------------------------------------------

USERS, MOVEMENTS = 30_000, 100_000
LARGE = ("users_user", "wallets_wallet", "wallets_movement")
READ = """
    SELECT relname, seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables
    WHERE relname = ANY(%s)
"""
WORDS = (
    "garcia",
    "garcia lopez",
    "gar",
    "com",
    "copy",
    "347000",
    "+34 700 000 007",
    "copy77@example.com",
    "nobody",
    "xqzkwv",
    "garsia",
    "garsia lopes",
    "li",
    "12345678Z",
    "savings",
    "Savings 99",
    "XX000000000000000002",
    "RENT",
    "INV 500",
    "%",
    "\\",
    "x" * 200,
    "00000000",
    "00000000-0000-7000-8000-000000000000",
)
MOST_IN_SEARCH, MOST_IN_LIST = 2_000, 20_100
"""Rows of a table: 500 or 5,000 of each kind that are found, and then read by their ids. A list
does both twice: for the rows that it shows, and to know whether the search finds more."""


def rows_read() -> dict[str, tuple[int, int]]:
    """The rows of each table that this transaction has read: by scans, and by indexes."""
    with connection.cursor() as cursor:
        cursor.execute(READ, [list(LARGE)])
        return {name: (scanned, fetched) for name, scanned, fetched in cursor.fetchall()}


@pytest.mark.ci
def test_no_search_reads_a_whole_table(browser, one):
    """Takes 60 s."""
    for table, number in zip(LARGE, (USERS, USERS, MOVEMENTS), strict=True):
        copy(table, number, USERS)
    pages = [("/admin/search/", MOST_IN_SEARCH)] + [
        (f"/admin/{name}/", MOST_IN_LIST)
        for name in ("users/user", "wallets/wallet", "wallets/movement")
    ]
    wrong = []
    for page, most in pages:
        for words in WORDS:
            before = rows_read()
            assert browser.get(page, {"q": words}).status_code in (200, 302)
            after = rows_read()
            for table in LARGE:
                scanned, fetched = (
                    now - then for now, then in zip(after[table], before[table], strict=True)
                )
                if scanned or fetched > most:
                    wrong.append((page, words, table, scanned, fetched))
    assert not wrong, wrong
