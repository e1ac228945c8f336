"""Lists of the back office cost what a page shows, however large the tables are."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support import backoffice, people
from users import change_lists
from users.actions import ReadOnly
from users.models import Event

pytestmark = pytest.mark.django_db

LISTS = {
    model._meta.label_lower: shown
    for model, shown in admin.site._registry.items()
    if isinstance(shown, ReadOnly) and model is not get_user_model()
}
"""Those of tables that grow; the list of staff is short, and is Django's own."""
URGENT_FIRST = {"users.review", "users.task"}
"""Their order is that of waiting or of due dates: what waits or is open has an index."""

COUNTING = re.compile(r"COUNT\(\*\)|\bDISTINCT\b", re.IGNORECASE)
ORDER = re.compile(r"ORDER BY (.+?)(?: LIMIT| OFFSET|\)|$)")


@pytest.fixture
def browser(staff: Any) -> Client:
    client = Client()
    client.force_login(staff)
    return client


CASES = [
    (label, query) for label, shown in LISTS.items() for query in backoffice.ways_to_ask(shown)
]


def of_the_table(captured: CaptureQueriesContext, label: str) -> list[str]:
    table = LISTS[label].model._meta.db_table
    return [query["sql"] for query in captured if f'FROM "{table}"' in query["sql"]]


def normal(query: str) -> str:
    return re.sub(r"=[0-9a-f-]{36}$", "=an-id", query)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "query"), CASES, ids=[f"{label}?{normal(query)}" for label, query in CASES]
)
def test_list_runs_no_count_and_sorts_by_its_key(label, query, browser):
    address = reverse(f"admin:{label.replace('.', '_')}_changelist")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = browser.get(f"{address}?{query}")
    assert answer.status_code == 200, answer.get("Location")
    asked = of_the_table(captured, label)
    assert asked or query.startswith("q=")  # some words name nothing, and nothing is asked
    assert not [sql for sql in asked if COUNTING.search(sql)]
    if label in URGENT_FIRST:
        return
    key = LISTS[label].model._meta.pk
    for sql in asked:
        for found in ORDER.findall(sql)[-1:]:  # that of the rows; subqueries may have others
            shared = key.column == "position"  # two clients can have events with one
            order = found.removesuffix(', "users_event"."id" DESC') if shared else found
            assert order.endswith(f'"{key.column}" DESC'), sql
            assert "," not in order, sql


def test_list_links_to_the_next_and_previous_page(browser, alices, monkeypatch):
    monkeypatch.setattr(LISTS["wallets.movement"], "list_per_page", 2)
    for amount in range(1, 5):
        people.cash_in(alices, amount)
    address = reverse("admin:wallets_movement_changelist")
    first = browser.get(address).content.decode()
    assert "Movements 1 to 2" in first
    assert 'href="?p=2" rel="next"' in first
    assert 'rel="prev"' not in first
    last = browser.get(f"{address}?p=3").content.decode()
    assert "Movements 5 to 5" in last
    assert 'href="?p=2" rel="prev"' in last
    assert 'rel="next"' not in last


def test_list_keeps_its_filters_on_the_next_page(browser, alices, monkeypatch):
    monkeypatch.setattr(LISTS["wallets.movement"], "list_per_page", 1)
    people.cash_in(alices, 1)
    address = reverse("admin:wallets_movement_changelist")
    content = browser.get(f"{address}?type__exact=CASH_IN").content.decode()
    assert re.search(r"type__exact=CASH_IN&amp;p=2|p=2&amp;type__exact=CASH_IN", content)


def test_last_page_suggests_a_search(browser, alices, monkeypatch):
    monkeypatch.setattr(LISTS["wallets.movement"], "list_per_page", 1)
    monkeypatch.setattr(change_lists, "LAST_PAGE", 1)
    people.cash_in(alices, 1)
    address = reverse("admin:wallets_movement_changelist")
    content = browser.get(address).content.decode()
    assert "Search or filter to see more." in content
    assert 'rel="next"' not in content
    assert browser.get(f"{address}?p=2").status_code == 302


def test_event_is_found_by_its_subject_and_its_request(browser, alices):
    address = reverse("admin:users_event_changelist")
    event = Event.objects.filter(subject="wallet").order_by("pk").last()
    assert event
    Event.objects.filter(pk=event.pk).update(request_id="the-request")
    for words in (event.subject_id, "the-request"):
        assert str(event.subject_id) in browser.get(f"{address}?q={words}").content.decode()
    assert "No events" in browser.get(f"{address}?q=other-request").content.decode()


def test_request_search_covers_recent_events_only(browser, alices, monkeypatch):
    monkeypatch.setattr(change_lists, "RECENT", 1)
    first = Event.objects.order_by("pk").first()
    assert first
    Event.objects.filter(pk=first.pk).update(request_id="the-request")
    address = reverse("admin:users_event_changelist")
    assert "No events" in browser.get(f"{address}?q=the-request").content.decode()


@pytest.mark.parametrize("words", ["ali", people.ALICE["user_name"], people.ALICE["mobile_phone"]])
def test_user_is_found_by_phone_and_beginning_of_name(browser, alice, bob, words):
    address = reverse("admin:users_user_changelist")
    content = browser.get(address, {"q": words}).content.decode()
    assert str(alice.id) in content
    assert str(bob.id) not in content


def test_filters_and_columns_are_in_words(browser, alices):
    people.cash_in(alices, 5_00)
    address = reverse("admin:wallets_movement_changelist")
    content = browser.get(f"{address}?type__exact=CASH_IN").content.decode()
    assert re.search(r'<li class="selected">\s*<a href="[^"]*">Cash-in</a>', content)
    assert ">Settled</a>" in content
    assert ">Alice Example</a>" in content
    assert not re.search(r">\s*(CASH_IN|SUCCESS|Cash In|Success)\s*<", content)


def test_history_names_actors_and_actions_in_words(browser, alices):
    wallet = reverse("admin:wallets_wallet_change", args=[alices.pk])
    browser.post(
        reverse("admin:wallets_wallet_action", args=[alices.pk, "block"]),
        {"key": str(uuid4()), "reason": "SUSPECTED_FRAUD"},
    )
    content = browser.get(wallet).content.decode()
    assert re.search(r'Wallet blocked <span class="quiet">Reason: Suspected fraud</span>', content)
    assert "<td>staff</td>" in content
    assert "System (tests)" in content
    assert "wallet.blocked" not in content
    assert "SUSPECTED_FRAUD" not in content


def test_page_names_people_and_shortens_ids(browser, alices, bobs):
    people.transfer(alices, bobs, 1_00)
    movement = people.movements(bobs)[-1]
    content = browser.get(
        reverse("admin:wallets_movement_change", args=[movement.pk])
    ).content.decode()
    assert f'<a href="/admin/wallets/wallet/{alices.pk}/change/">Alice Example: ' in content
    assert f'data-copy="{movement.operation_id}"' in content
    assert f">{movement.operation_id}<" not in content
    assert "<h1>Transfer, 1.00 EUR</h1>" in content
