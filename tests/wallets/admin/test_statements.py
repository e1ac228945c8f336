"""Staff download statements from the page of a wallet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser
from django.urls import reverse

from iocash.db import clock
from tests.support import people, sandbox
from tests.support.backoffice import page_of
from tests.support.staff import VIEWER, a_member, browser_of
from tests.support.statement_files import csv_of
from wallets.duties.statements import WriteStatementFiles
from wallets.models import StatementFile
from wallets.statements import files

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Browser:
    return browser_of(a_member(VIEWER))


@pytest.fixture
def form(alices, bobs) -> str:
    """The form; Alice's movements are of yesterday."""
    sandbox.make()
    people.transfer(alices, bobs, 10_00)
    sandbox.set_clock(clock.now() + timedelta(days=1))
    return reverse("admin:wallets_wallet_action", args=[alices.pk, "statement"])


def values(kind: str = "CSV", **changed: Any) -> dict[str, Any]:
    yesterday = clock.today() - timedelta(days=1)
    first = (yesterday - timedelta(days=30)).isoformat()
    sent = {"format": kind, "first_day": first, "last_day": yesterday.isoformat(), "key": uuid4()}
    return sent | changed


@pytest.mark.parametrize(
    ("kind", "media_type", "beginning"),
    [
        ("PDF", "application/pdf", b"%PDF-1.7"),
        ("CSV", "text/csv; charset=utf-8", b"\xef\xbb\xbfsettledAt"),
        ("CAMT_053", "application/xml", b"<?xml"),
    ],
)
def test_form_answers_with_the_file(browser, form, kind, media_type, beginning):
    answer = browser.post(form, values(kind))
    assert (answer.status_code, answer["Content-Type"]) == (200, media_type)
    assert answer.content.startswith(beginning)
    assert 'attachment; filename="statement-' in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.slow
def test_last_day_is_included(browser, form):
    rows = csv_of(browser.post(form, values()).content)
    assert [row["type"] for row in rows] == [
        "OPENING_BALANCE",
        "CASH_IN",
        "TRANSFER",
        "CLOSING_BALANCE",
    ]
    early = (clock.today() - timedelta(days=2)).isoformat()
    assert len(csv_of(browser.post(form, values(last_day=early)).content)) == 2


def test_wrong_period_is_refused_at_the_form(browser, form):
    today = clock.today().isoformat()
    assert "The last day must be over, in UTC." in browser.post(form, values(last_day=today)).text
    sent = values(last_day="2020-01-01")
    assert "The last day is before the first day." in browser.post(form, sent).text
    assert not StatementFile.objects.exists()


def test_too_many_movements_are_refused_at_the_form(browser, form, monkeypatch):
    monkeypatch.setitem(files.MOST, files.Format.CSV, 1)
    assert "the limit is 1 per CSV file" in browser.post(form, values()).text


@pytest.mark.slow
def test_long_statement_is_listed_when_the_worker_has_made_it(browser, form, alices, monkeypatch):
    monkeypatch.setattr(files, "AT_ONCE", 0)
    answer = browser.post(form, values(), follow=True)
    assert "The statement is being made." in answer.text
    address = reverse("admin:statement-file", args=[StatementFile.objects.get().pk])
    assert address not in answer.text
    assert browser.get(address).status_code == 404
    WriteStatementFiles().perform()
    assert address in browser.get(page_of(alices)).text
    assert browser.get(address).content.startswith(b"\xef\xbb\xbf")


def test_each_download_is_recorded(browser, form):
    browser.post(form, values())
    browser.get(reverse("admin:statement-file", args=[StatementFile.objects.get().pk]))
    found = [each.change_message for each in LogEntry.objects.all()]
    assert len(found) == 2
    assert all(each.startswith("Downloaded a statement: CSV, ") for each in found)


@pytest.mark.slow
def test_form_that_is_sent_twice_makes_one_file(browser, form):
    sent = values()
    first, second = browser.post(form, sent), browser.post(form, sent)
    assert first.content == second.content
    assert StatementFile.objects.count() == 1


def test_page_shows_no_list_without_files(browser, form, alices):
    assert "statements-heading" not in browser.get(page_of(alices)).text
