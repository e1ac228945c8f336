"""The documentation in a real browser: tabs, copy buttons, anchors and search.

Takes one minute; needs Debian's chromium. Any CSP violation, console error or request to another
host fails.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from iocash.docs.guides import GUIDES
from tests.support import chromium

ADDRESSES = ("/api/docs/errors", "/api/docs/calls", *(f"/api/docs/{each.slug}" for each in GUIDES))
EVERYWHERE = ("/api/docs", *ADDRESSES)
SEARCH = "input[type=search]"
CURL, PYTHON = ".tabs pre.sh", ".tabs pre.python"

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]


def shown(page: Page) -> tuple[bool, bool]:
    """Whether the first example shows curl, and Python."""
    curl, python = page.locator(CURL).first, page.locator(PYTHON).first
    return curl.is_visible(), python.is_visible()


def test_tab_is_chosen_for_all_examples_and_remembered_on_other_pages(page):
    page.goto("/api/docs/holds")
    assert shown(page) == (True, False)
    page.get_by_role("tab", name="Python").first.click()
    assert shown(page) == (False, True)
    assert page.locator(CURL).last.is_hidden()
    page.goto("/api/docs/calls")
    assert shown(page) == (False, True)


def test_tabs_work_with_the_keyboard(page):
    page.goto("/api/docs/holds")
    page.get_by_role("tab", name="curl").first.focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == (False, True)
    selected = page.get_by_role("tab", name="Python").first
    expect(selected).to_be_focused()
    expect(selected).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowRight")
    assert shown(page) == (True, False)
    page.keyboard.press("End")
    assert shown(page) == (False, True)


def test_chosen_tab_stays_where_it_is_on_the_screen(page):
    page.goto("/api/docs/holds")
    tab = page.get_by_role("tab", name="Python").last
    tab.scroll_into_view_if_needed()
    before = tab.bounding_box()
    tab.click()
    assert abs(tab.bounding_box()["y"] - before["y"]) < 2


def test_page_without_javascript_shows_both_languages_and_no_dead_controls(browser, live_server):
    with chromium.watched(browser, live_server.url, java_script_enabled=False) as page:
        page.goto("/api/docs/holds")
        assert shown(page) == (True, True)
        assert page.locator(SEARCH).is_hidden()
        assert page.locator("button").count() == 0
        page.click("nav.guides a:has-text('Limits')")
        expect(page.locator("h1")).to_have_text("Limits")


def test_copy_button_copies_the_visible_example(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/api/docs/holds")
    button = page.locator(".tabs button.copy").first
    button.click()
    expect(button).to_have_text("Copied")
    curl = page.locator(CURL).first.text_content()
    assert page.evaluate("navigator.clipboard.readText()") == curl
    page.get_by_role("tab", name="Python").first.click()
    button.click()
    python = page.locator(PYTHON).first.text_content()
    page.wait_for_function(
        "want => navigator.clipboard.readText().then(is => is === want)", arg=python
    )


@pytest.mark.parametrize("address", EVERYWHERE)
def test_search_is_on_every_page(page, address):
    page.goto(address)
    page.fill(SEARCH, "investigation")
    link = page.locator(".found a").first
    expect(link).to_have_attribute("href", "/api/docs/reconciliation#what-to-compare-every-day")


def test_search_works_with_the_keyboard_alone(page):
    page.goto("/api/docs/glossary")
    page.keyboard.press("/")
    expect(page.locator(SEARCH)).to_be_focused()
    page.keyboard.type("reversal_exceeded")
    expect(page.locator(".found [role=status]")).to_have_text("1 result")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".found a").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/api/docs/errors#reversal_exceeded")


def test_search_ranks_headings_first_and_says_when_nothing_is_found(page):
    page.goto("/api/docs/holds")
    page.fill(SEARCH, "dry run")
    expect(page.locator(".found strong").first).to_have_text("Dry runs")
    page.fill(SEARCH, "dry zebra")
    expect(page.locator(".found [role=status]")).to_have_text("No results")
    page.keyboard.press("Escape")
    expect(page.locator(".found")).to_be_hidden()
    expect(page.locator(SEARCH)).to_be_focused()


def test_anchor_shows_on_focus_and_leads_to_its_heading(page):
    page.goto("/api/docs/holds")
    link = page.locator("#execute .anchor")
    assert link.evaluate("it => getComputedStyle(it).opacity") == "0"
    link.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert link.evaluate("it => getComputedStyle(it).opacity") == "1"
    link.press("Enter")
    page.wait_for_url("**/api/docs/holds#execute")
    page.goto("/api/docs/quick-start#client-py")
    expect(page.locator("#client-py pre")).to_be_visible()
