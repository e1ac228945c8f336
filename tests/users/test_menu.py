"""The menu of the back office."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.support import people
from tests.support.backoffice import worker
from tests.support.staff import SUPERVISOR, VIEWER, somebody
from users.menu import MENU, MOST, Menu, MenuSection, current_of
from users.models import User

pytestmark = pytest.mark.django_db


def shown(menu: Menu, rf: Any, person: Any, path: str = "/admin/") -> dict[str, list[Any]]:
    request = rf.get(path)
    request.user = person
    return {str(section): entries for section, entries in menu.shown(request)}


def labels(sections: dict[str, list[Any]]) -> dict[str, list[str]]:
    return {name: [str(each.label) for each in entries] for name, entries in sections.items()}


@pytest.fixture
def menu() -> Menu:
    made = Menu()
    made.add("Ledger", "Second", "users_event_changelist", permission="users.view_event")
    made.add("Ledger", "First", "users_terms_changelist", permission=None, order=10)
    made.add(
        MenuSection.CUSTOMERS,
        "People",
        "users_user_changelist",
        permission="users.view_user",
        waiting=lambda member: User.objects.filter(status="ACTIVATED"),
    )
    return made


def test_sections_have_the_order_of_the_menu_and_entries_their_own(menu, rf, staff):
    assert labels(shown(menu, rf, staff)) == {
        "Customers": ["People"],
        "Ledger": ["First", "Second"],
    }


def test_entry_needs_its_permission_and_a_section_an_entry(menu, rf):
    assert labels(shown(menu, rf, worker())) == {"Ledger": ["First"]}


def test_unknown_section_is_refused(menu):
    with pytest.raises(ValueError, match="Elsewhere"):
        menu.add("Elsewhere", "Label", "index", permission=None)


def test_waiting_rows_are_counted_up_to_a_limit(menu, rf, staff, alice, monkeypatch):
    assert shown(menu, rf, staff)["Customers"][0].count == "1"
    monkeypatch.setattr("users.menu.MOST", 0)
    assert shown(menu, rf, staff)["Customers"][0].count == "0+"
    User.objects.update(status="BLOCKED")
    assert shown(menu, rf, staff)["Customers"][0].count == ""
    assert MOST == 99


def test_all_counts_are_one_statement(menu, rf, staff, alice, django_assert_num_queries):
    menu.add("Bank", "Clients", "index", permission=None, waiting=lambda member: User.objects.all())
    with django_assert_num_queries(1):
        sections = shown(menu, rf, staff)
    assert [sections[name][0].count for name in ("Customers", "Bank")] == ["1", "1"]


def test_hidden_entry_is_not_counted(menu, rf, alice, django_assert_num_queries):
    person = worker()
    person.get_all_permissions()
    with django_assert_num_queries(0):
        shown(menu, rf, person)


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/admin/users/user/", "Users"),
        ("/admin/users/user/1/change/", "Users"),
        ("/admin/", "Overview"),
        ("/admin/second-factor/", None),
    ],
)
def test_entry_of_the_current_page_is_marked(rf, staff, path, current):
    found = [
        str(each.label)
        for entries in shown(MENU, rf, staff, path).values()
        for each in entries
        if each.is_current
    ]
    assert found == ([current] if current else [])


def test_menu_leads_to_every_list(rf, staff):
    addresses = {each.address for entries in shown(MENU, rf, staff).values() for each in entries}
    lists = {
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    }
    assert lists <= addresses


@pytest.mark.slow
@pytest.mark.parametrize("group", [VIEWER, SUPERVISOR])
def test_staff_may_open_every_entry_of_their_menu(group, rf):
    browser = somebody(group)
    response = browser.get("/admin/")
    addresses = [each.address for _, entries in response.context["menu"] for each in entries]
    assert len(addresses) > 5
    assert {browser.get(each).status_code for each in addresses} == {200}


def test_review_waits_for_staff(rf, staff, alice):
    from users import demo_documents, kyc

    demo_documents.send_samples(alice, frozenset({kyc.Kind.DOCUMENT_INCOME_TAX}), people.BY)
    (review, *_) = shown(MENU, rf, staff)["Reviews"]
    assert (str(review.label), review.count) == ("Documents to review", "1")


def test_entry_with_the_longest_address_is_the_current_one():
    entries: Any = [SimpleNamespace(address=address) for address in ("/admin/a/", "/admin/a/b/")]
    above, below = entries
    assert current_of(entries, "/admin/a/b/1/") is below
    assert current_of(entries, "/admin/a/1/") is above
    assert current_of(entries, "/admin/b/") is None
