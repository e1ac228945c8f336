"""Lists of the back office as CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client as Browser
from django.urls import reverse
from django.utils.translation import override

from tests.support import backoffice, people
from tests.support.resources import make_each
from users.actions import ReadOnly
from users.change_lists import exports
from users.models import Client, User
from users.staff.records import recorded_words
from wallets.models import Movement, Wallet

pytestmark = pytest.mark.django_db

LISTS = [
    model._meta.label_lower
    for model, shown in admin.site._registry.items()
    if isinstance(shown, ReadOnly)
]


@pytest.fixture
def browser(staff: Any) -> Browser:
    client = Browser()
    client.force_login(staff)
    return client


def address(label: str) -> str:
    return reverse("admin:export", args=label.split("."))


def read(answer: Any) -> list[dict[str, str]]:
    """The rows of a file, by header."""
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def exported(browser: Browser, label: str, **query: str) -> list[dict[str, str]]:
    return read(browser.get(address(label), query))


@pytest.mark.parametrize("label", LISTS)
def test_every_list_has_a_button_and_a_file_with_a_row_for_each_row(label, browser, alices, bobs):
    make_each(alices, bobs, 1_00)
    shown = browser.get(reverse(f"admin:{label.replace('.', '_')}_changelist"))
    assert f'href="{address(label)}"' in shown.content.decode()
    rows = exported(browser, label)
    assert len(rows) == shown.context["cl"].result_count
    for row in rows:
        assert len(row) == len(set(row))
        assert None not in row.values()


def test_movements_have_names_plain_amounts_and_times_in_utc(browser, alices, bobs):
    people.transfer(alices, bobs, 12_50, concept="Lunch")
    out = next(row for row in exported(browser, "wallets.movement") if row["amount"] == "-12.50")
    assert (out["owner"], out["other"]) == ("Alice Example", "Bob Example")
    assert (out["currency"], out["concept"], out["type"]) == ("EUR", "Lunch", "TRANSFER")
    assert out["created_at"].endswith("Z")
    movement = Movement.objects.get(id=out["id"])
    assert datetime.fromisoformat(out["created_at"]).tzinfo == UTC
    assert abs(datetime.fromisoformat(out["created_at"]) - movement.created_at).total_seconds() < 1


def test_file_has_the_filters_and_the_search_of_the_list(browser, alices, bobs):
    people.block(alices)
    (row,) = exported(browser, "wallets.wallet", status__exact="BLOCKED")
    assert row["id"] == str(alices.id)
    (row,) = exported(browser, "users.user", q="bob")
    assert row["first_name"] == "Bob"
    listed = browser.get(backoffice.list_of(Wallet), {"status__exact": "BLOCKED", "p": "1"})
    assert f"{address('wallets.wallet')}?status__exact=BLOCKED" in listed.content.decode()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+34600000001", "'+34600000001"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("a=1", "a=1"),
        ("Acme;=1", "Acme;'=1"),
        ("Acme\n +1", "Acme\n '+1"),
        ("a; b-c", "a; b-c"),
        ("", ""),
        (None, ""),
        (7, 7),
        (exports.Plain("-12.50"), "-12.50"),
    ],
)
def test_text_is_never_a_formula(value, shown):
    assert exports.cell(value) == shown


def test_formula_in_a_name_is_written_as_text(browser, alice):
    User.objects.filter(id=alice.id).update(last_name='=HYPERLINK("http://x","y")\n,z"')
    (row,) = exported(browser, "users.user")
    assert row["last_name"] == '\'=HYPERLINK("http://x","y")\n,z"'
    assert row["mobile_phone"] == "'+34600000001"


def test_export_is_recorded_without_the_searched_words(browser, staff, alices):
    exported(browser, "wallets.wallet", q="Alice Example", status__exact="READY")
    entry = LogEntry.objects.get(user=staff)
    assert entry.content_type == ContentType.objects.get_for_model(Wallet)
    assert entry.object_id is None
    assert entry.get_change_message() == (
        "Exported 1 row as CSV. Filters: status__exact=READY, search."
    )
    assert "Alice" not in str(vars(entry))


def test_export_needs_the_permission_to_view_the_list(alices):
    person = backoffice.worker()
    browser = Browser()
    assert browser.get(address("wallets.wallet")).status_code == 302
    browser.force_login(person)
    assert browser.get(address("wallets.wallet")).status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_wallet"))
    assert len(exported(browser, "wallets.wallet")) == 1
    assert browser.get(address("users.user")).status_code == 403
    assert LogEntry.objects.count() == 1


def test_unknown_list_is_not_found(browser):
    assert browser.get("/admin/export/users/nothing/").status_code == 404
    assert browser.get("/admin/export/auth/group/").status_code == 404


def test_too_many_rows_are_refused_with_a_message(browser, alices, bobs, monkeypatch):
    monkeypatch.setattr(exports, "MOST_ROWS", 1)
    answer = browser.get(address("wallets.wallet"), {"status__exact": "READY", "p": "1"})
    assert answer.status_code == 302
    assert answer["Location"] == f"{backoffice.list_of(Wallet)}?status__exact=READY"
    assert "more than 1 rows" in browser.get(answer["Location"]).content.decode()
    assert not LogEntry.objects.exists()


def test_search_that_shows_only_a_part_is_not_exported(browser, alices, bobs, monkeypatch):
    monkeypatch.setattr(exports, "MOST_FOUND", 2)
    answer = browser.get(address("wallets.wallet"), {"q": "Example", "status__exact": "READY"})
    assert "The search finds too much" in browser.get(answer["Location"]).content.decode()
    assert not LogEntry.objects.exists()
    assert len(exported(browser, "wallets.wallet", q="Alice")) == 1


def test_list_shows_a_note_when_a_search_finds_too_much(browser, alices, bobs, monkeypatch):
    monkeypatch.setattr(ReadOnly, "list_per_page", 1)
    words = "The search finds too much to show all of it."
    address_of_list = backoffice.list_of(Wallet)
    assert words not in browser.get(address_of_list, {"q": "Example"}).text
    monkeypatch.setattr(exports, "MOST_FOUND", 2)
    assert words in browser.get(address_of_list, {"q": "Example"}).text
    assert words not in browser.get(address_of_list, {"q": "Alice"}).text
    assert words not in browser.get(address_of_list).text


def test_filtered_list_shows_the_note_on_its_last_page(browser, alices, bobs, monkeypatch):
    monkeypatch.setattr(exports, "MOST_FOUND", 2)
    filtered = {"q": "Example", "status__exact": "READY"}
    words = "The search finds too much to show all of it."
    assert words in browser.get(backoffice.list_of(Wallet), filtered).text
    assert words not in browser.get(backoffice.list_of(Wallet), filtered | {"q": "Alice"}).text


def test_export_is_stored_in_english_and_shown_in_the_language_of_the_reader(browser, alices):
    with override("es"):
        browser.get(
            address("wallets.wallet"),
            {"q": "Example", "status__exact": "READY"},
            headers={"accept-language": "es"},
        )
    entry = LogEntry.objects.get()
    stored = "Exported 1 row as CSV. Filters: status__exact=READY, search."
    assert entry.change_message == recorded_words(entry) == stored
    with override("es"):
        assert recorded_words(entry).startswith("Exportó 1 fila como CSV. Filtros: status__exact")
        assert not recorded_words(entry).endswith("search.")


def test_value_of_a_filter_that_the_list_does_not_offer_is_not_recorded():
    asked = {"status__exact": "READY", "mobile_phone": "+34600000001"}
    kept = exports.filters_in_log(asked, ("status",))
    assert kept == "status__exact=READY, mobile_phone"


def test_rows_are_read_in_parts(browser, client_demo, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(exports, "PART_ROWS", 2)
    Client.objects.bulk_create(Client(name=f"Client {number}") for number in range(4))
    with django_assert_num_queries(4):
        sizes = [len(part) for part in exports.parts(Client.objects.all())]
    assert sizes == [2, 2, 1]
    assert len(exported(browser, "users.client")) == 5


def test_parts_end_at_the_limit(client_demo, monkeypatch):
    monkeypatch.setattr(exports, "PART_ROWS", 2)
    monkeypatch.setattr(exports, "MOST_ROWS", 3)
    Client.objects.bulk_create(Client(name=f"Client {number}") for number in range(4))
    assert [len(part) for part in exports.parts(Client.objects.all())] == [2, 1]


def test_refused_filter_leads_back_to_the_list(browser, alices):
    answer = browser.get(address("wallets.wallet"), {"status__exact__x": "1"})
    assert answer.status_code in (302, 400)
