"""The frame of the back office in a real browser: menu, header, lists and account.

Takes 60 s, and needs Chromium.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import chromium, people
from tests.support.browsing import log_in

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]

PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


@pytest.fixture
def page(browser: Browser, live_server: Any, supervisor: Any) -> Iterator[Page]:
    with chromium.watched(browser, live_server.url) as page:
        log_in(page)
        yield page


def test_menu_of_a_phone_opens_and_closes_with_the_keyboard(page):
    page.set_viewport_size(PHONE)
    page.goto("/admin/")
    menu = page.locator("#office-menu")
    expect(menu).to_be_hidden()
    page.focus(".menu-button")
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(page.locator(".menu-button")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(menu.locator("a").first).to_be_focused()
    menu.get_by_text("Movements").click()
    expect(page.locator("h1")).to_have_text("Movements")


def test_menu_of_a_wide_screen_is_always_there_and_marks_the_page(page):
    page.set_viewport_size(WIDE)
    page.goto("/admin/wallets/movement/")
    expect(page.locator("#office-menu [aria-current=page]")).to_have_text("Movements")
    expect(page.locator(".menu-button")).to_be_hidden()


def test_rows_are_cards_on_a_phone_and_nothing_is_cut_off(page, alices, bobs):
    people.transfer(alices, bobs, 10_00)
    page.goto("/admin/wallets/movement/")
    page.set_viewport_size(PHONE)
    expect(page.locator("#result_list thead")).to_have_css("position", "absolute")
    label = "getComputedStyle(document.querySelector('[data-label=Type]'), '::before').content"
    assert page.evaluate(label) == '"Type"'
    assert page.evaluate("document.querySelector('.results').scrollWidth") <= PHONE["width"]
    expect(page.locator(".more-columns")).to_be_hidden()


def test_columns_that_do_not_fit_are_announced(page, alices):
    page.goto("/admin/wallets/movement/")
    page.set_viewport_size({"width": 800, "height": 800})
    page.evaluate("document.querySelector('#result_list td').textContent = 'x'.repeat(300)")
    expect(page.locator(".more-columns")).to_be_visible()
    page.set_viewport_size({"width": 2800, "height": 800})
    page.evaluate("document.querySelector('#result_list td').textContent = 'x'")
    expect(page.locator(".more-columns")).to_be_hidden()


def test_filters_of_a_phone_open_on_request(page, alices):
    page.set_viewport_size(PHONE)
    page.goto("/admin/wallets/movement/")
    expect(page.locator("#changelist-filter")).to_be_hidden()
    page.click(".filter-button")
    page.click("#changelist-filter a[href*=CASH_IN]")
    expect(page.locator(".filter-button")).to_contain_text("active")
    expect(page).to_have_url(re.compile("type__exact=CASH_IN"))


def test_id_is_copied(page, client_demo, browser, live_server):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/admin/users/client/{client_demo.pk}/change/")
    page.click(".object-tools a:has-text('Issue a key')")
    page.fill("#id_label", "Shop")
    page.click(".submit-row input[type=submit]")
    page.click("button.copy")
    expect(page.locator("button.copy")).to_have_class("copy copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#secret")


def test_slash_goes_to_the_search_but_not_while_typing(page):
    page.goto("/admin/wallets/movement/")
    page.keyboard.press("/")
    expect(page.locator("#office-search")).to_be_focused()
    page.keyboard.type("a/b")
    expect(page.locator("#office-search")).to_have_value("a/b")


def test_theme_is_remembered(page):
    page.emulate_media(color_scheme="light")
    page.goto("/admin/account/")
    page.check("[name=theme][value=dark]")
    page.goto("/admin/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_language_and_time_zone_are_chosen_in_the_account(page, alices):
    page.goto("/admin/account/")
    page.select_option("#id_language", "es")
    page.select_option("#id_time_zone", "America/Sao_Paulo")
    page.click(".account [type=submit]")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.goto("/admin/wallets/movement/")
    expect(page.locator("#result_list tbody")).to_contain_text("-03")
