"""Payments out in a real browser: with and without JavaScript, by keyboard, on a phone.

Takes 35 s, and needs Chromium.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support import chromium, people
from tests.support.browsing import log_in
from tests.support.cash_outs import a_cash_out
from tests.support.payments_out import states

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]


@pytest.fixture
def sixty(alices):
    return [a_cash_out(alices, 1_00 + number) for number in range(60)]


def test_sum_of_the_ticked_follows_each_tick(page, supervisor, alices):
    for amount in (10_00, 20_00, 1_50):
        a_cash_out(alices, amount)
    people.cash_in(people.a_wallet(alices.user, "JPY"), 5_000)
    log_in(page)
    page.goto("/admin/payments-out/")
    boxes = page.locator("input[name=item]")
    boxes.nth(0).check()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator("#ticked")).to_have_text("3: EUR\u00a031.50")
    expect(page.locator("#tick-all")).to_be_checked()
    boxes.nth(1).uncheck()
    expect(page.locator("#ticked")).to_have_text("2: EUR\u00a011.50")
    expect(page.locator("#tick-all")).not_to_be_checked()


def test_queue_works_without_javascript_and_by_keyboard(browser, live_server, supervisor, sixty):
    about = {"java_script_enabled": False}
    with chromium.watched(browser, live_server.url, **about) as page:
        log_in(page)
        page.goto("/admin/payments-out/")
        expect(page.locator("#tick-all")).to_be_hidden()
        page.locator("input[value=page]").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        expect(page.locator("button:has-text('Make a bank file')")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        button = page.locator("button:has-text('Mark 60 payments as sent')")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".messagelist")).to_contain_text("60 payments marked as sent.")
    assert states(sixty) == ["SENT"] * 60


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_the_screen(page, supervisor, alices, sixty, width):
    log_in(page)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/payments-out/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width + 1
    page.click("input[value=page]")
    page.click("button:has-text('Reject…')")
    page.wait_for_url("**/payments-out/confirm/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width + 1
    page.goto(f"/admin/wallets/wallet/{alices.pk}/action/block/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width + 1
