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
CURL, PYTHON, TYPESCRIPT = ".tabs pre.sh", ".tabs pre.python", ".tabs pre.typescript"

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]


def shown(page: Page) -> str:
    """Which languages the first example shows."""
    languages = {"curl": CURL, "Python": PYTHON, "TypeScript": TYPESCRIPT}
    visible = [name for name, place in languages.items() if page.locator(place).first.is_visible()]
    return " ".join(visible)


def test_tab_is_chosen_for_all_examples_and_remembered_on_other_pages(page):
    page.goto("/api/docs/holds")
    assert shown(page) == "curl"
    page.get_by_role("tab", name="Python").first.click()
    assert shown(page) == "Python"
    assert page.locator(CURL).last.is_hidden()
    page.get_by_role("tab", name="TypeScript").last.click()
    assert shown(page) == "TypeScript"
    page.goto("/api/docs/calls#create_hold")
    example = page.locator("#create_hold .tabs").first
    assert example.locator("pre:visible").get_attribute("aria-label") == "TypeScript"


def test_program_without_curl_shows_its_first_language_to_readers_of_curl(page):
    page.goto("/api/docs/holds")
    program = page.locator(".tabs").last
    assert program.get_by_role("tab").all_text_contents() == ["Python", "TypeScript"]
    tab = program.get_by_role("tab", name="Python")
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(tab).to_have_attribute("tabindex", "0")
    assert program.locator("pre:visible").get_attribute("aria-label") == "Python"
    program.get_by_role("tab", name="TypeScript").click()
    assert program.locator("pre:visible").get_attribute("aria-label") == "TypeScript"
    page.get_by_role("tab", name="curl").first.click()
    assert program.locator("pre:visible").get_attribute("aria-label") == "Python"


def test_example_in_curl_alone_shows_in_each_language(page):
    page.goto("/api/docs/references")
    page.get_by_role("tab", name="TypeScript").first.click()
    alone = page.locator("pre.sh:visible")
    expect(alone.filter(has_text="1004}")).to_have_count(1)


def test_tabs_work_with_the_keyboard(page):
    page.goto("/api/docs/holds")
    page.get_by_role("tab", name="curl").first.focus()
    for name in ("Python", "TypeScript", "curl"):
        page.keyboard.press("ArrowRight")
        assert shown(page) == name
        selected = page.get_by_role("tab", name=name).first
        expect(selected).to_be_focused()
        expect(selected).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    assert shown(page) == "TypeScript"
    page.keyboard.press("ArrowLeft")
    assert shown(page) == "Python"
    page.keyboard.press("Home")
    assert shown(page) == "curl"


@pytest.mark.parametrize("width", [1280, 390])
def test_tabs_fit_the_width_of_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    for address in ("/api/docs/quick-start", "/api/docs/calls"):
        page.goto(address)
        for name in ("Python", "TypeScript"):
            page.get_by_role("tab", name=name).first.click()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            bar = page.locator(".bar").first
            assert bar.evaluate("it => it.scrollWidth <= it.clientWidth")


def test_chosen_tab_stays_where_it_is_on_the_screen(page):
    page.goto("/api/docs/holds")
    tab = page.get_by_role("tab", name="Python").last
    tab.scroll_into_view_if_needed()
    before = tab.bounding_box()
    tab.click()
    assert abs(tab.bounding_box()["y"] - before["y"]) < 2


def test_page_without_javascript_shows_all_languages_and_no_dead_controls(browser, live_server):
    with chromium.watched(browser, live_server.url, java_script_enabled=False) as page:
        page.goto("/api/docs/holds")
        assert shown(page) == "curl Python TypeScript"
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
