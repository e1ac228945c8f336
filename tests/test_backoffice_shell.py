"""What lists and pages of objects share: labels, empty lists, and the filters of the way back."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.template import Context, Template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import mark_safe

from tests.support import people
from tests.support.backoffice import Office, list_of, page_of
from users.actions import ReadOnly
from users.menu import MENU
from users.models import Client
from wallets.models import Hold, Movement, Wallet

pytestmark = pytest.mark.django_db

KEPT = {"_changelist_filters": "type__exact=CASH_IN&q=alice"}


@pytest.fixture
def office(staff: Any) -> Office:
    return Office(staff)


def test_list_has_the_name_that_it_has_in_the_menu(office):
    assert "<h1>Bank accounts</h1>" in office.get("/admin/wallets/externalaccount/")


def test_each_cell_has_the_text_of_its_header(office, alices):
    shown = office.get(list_of(Movement))
    headers = re.findall(r'<div class="text"><span>(.*?)</span>', shown)
    (row,) = re.findall(r"<tr><t.*?</tr>", shown, re.DOTALL)
    assert len(headers) > 3
    assert re.findall(r'data-label="(.*?)"', row) == headers


def test_label_of_a_cell_is_escaped_and_column_of_checkboxes_has_none():
    headers = [{"text": mark_safe('<input type="checkbox">')}, {"text": 'a "b"'}]
    cells = [mark_safe('<td class="x">1</td>'), mark_safe('<th class="y">2</th>')]
    drawn = Template("{% load office %}{% labelled_cells cells headers %}").render(
        Context({"cells": cells, "headers": headers})
    )
    label = escape('A "b"')
    assert drawn == f'<td class="x">1</td><th data-label="{label}" class="y">2</th>'


def lists() -> list[str]:
    return [
        f"{model._meta.app_label}_{model._meta.model_name}_changelist"
        for model, shown in admin.site._registry.items()
        if isinstance(shown, ReadOnly) and model._meta.app_label in {"users", "wallets"}
    ]


@pytest.mark.parametrize("url_name", lists())
def test_empty_list_explains_its_purpose(url_name, office):
    purpose = str(MENU.purposes[url_name])
    assert escape(purpose) in office.get(reverse(f"admin:{url_name}"))


def searched_lists() -> list[str]:
    return [
        f"{model._meta.app_label}_{model._meta.model_name}_changelist"
        for model, shown in admin.site._registry.items()
        if shown.search_fields
    ]


@pytest.mark.parametrize("url_name", searched_lists())
def test_search_without_matches_says_so_and_keeps_the_words(url_name, office):
    shown = office.get(reverse(f"admin:{url_name}"), q="nothing-is-called-this")
    assert "Nothing matches the search and the filters." in shown
    assert 'value="nothing-is-called-this"' in shown
    assert "Clear the search" in shown


@pytest.mark.parametrize("name", ["payments-out-action", "payments-out-confirm"])
def test_page_that_is_only_posted_to_leads_back_to_the_office(name, office):
    answer = office.browser.get(reverse(f"admin:{name}"))
    assert answer.status_code in {302, 400, 405}
    assert answer.status_code == 302 or 'id="office-menu"' in answer.text


def test_list_without_matches_offers_to_clear_the_search_or_the_filters(office):
    shown = office.get(list_of(Movement), q="nobody", type__exact="CASH_IN")
    assert "Nothing matches the search and the filters." in shown
    assert 'href="?type__exact=CASH_IN">Clear the search' in shown
    assert 'href="?q=nobody">Clear the filters' in shown
    assert str(MENU.purposes["wallets_movement_changelist"]) not in shown


def test_search_keeps_the_filters_and_no_link_drops_both(office, alices):
    shown = office.get(list_of(Movement), q=str(alices.pk), type__exact="CASH_IN")
    assert '<input type="hidden" name="type__exact" value="CASH_IN">' in shown
    assert 'href="?type__exact=CASH_IN">Clear the search' in shown
    assert 'href="?"' not in shown


def test_only_a_link_that_says_so_clears_the_search_of_a_list_of_django(office):
    links = re.findall(r'<a href="\?">(.*?)</a>', office.get("/admin/auth/user/", q="nobody"))
    assert set(links) <= {"Clear the search"}


@pytest.mark.slow
def test_action_leads_on_with_the_filters_of_the_list(office, alices):
    page = f"{page_of(alices)}?{urlencode(KEPT)}"
    shown = office.get(page)
    (action,) = re.findall(r'href="\.\./(action/block/[^"]*)"', shown)
    assert action == f"action/block/?{escape(urlencode(KEPT))}"
    address = f"{page_of(alices).removesuffix('change/')}action/block/?{urlencode(KEPT)}"
    shown = office.get(address)
    for link in (page, f"{list_of(Wallet)}?{KEPT['_changelist_filters']}"):
        assert f'href="{escape(link)}"' in shown
    form = office.browser.get(address).context["form"]
    body = {"key": str(form["key"].value()), "reason": "SUSPECTED_FRAUD"}
    answer = office.browser.post(address, body)
    assert answer["Location"] == page


def test_action_without_filters_leads_to_the_plain_page(office, client_demo: Client):
    address = f"{page_of(client_demo).removesuffix('change/')}action/suspend/"
    form = office.browser.get(address).context["form"]
    answer = office.browser.post(address, {"key": str(form["key"].value())})
    assert answer["Location"] == page_of(client_demo)


def test_trail_leads_back_to_the_filtered_list(office, alices):
    shown = office.get(f"{page_of(alices)}?{urlencode(KEPT)}")
    trail = shown[shown.index('class="trail"') : shown.index('id="main"')]
    assert f'href="{list_of(Wallet)}?{escape(KEPT["_changelist_filters"])}"' in trail


def test_trail_names_no_app(office, alices, bobs):
    people.place(alices, bobs, 1_00)
    for address in (list_of(Hold), page_of(Hold.objects.get()), "/admin/auth/user/add/"):
        shown = office.get(address)
        trail = shown[shown.index('class="trail"') : shown.index('id="main"')]
        for word in ("Wallets and movements", "Users and clients", "Authentication"):
            assert word not in trail
