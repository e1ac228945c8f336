"""The page of a user and the review page in a real browser: keys, zoom, rotation, no JavaScript.

Takes 40 s, and needs Chromium. Any CSP violation, console error or foreign request fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import chromium, people
from tests.support.browsing import log_in
from tests.support.kyc import send
from tests.support.notes import a_note
from users.kyc import Kind
from users.models import Access, KycDocument, User
from wallets.models import Wallet

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]

BOX = "each => each.getBoundingClientRect().toJSON()"
SIZE: Any = {"width": 1280, "height": 900}
FRONT, BACK = Kind.DOCUMENT_IDENTITY_FRONT, Kind.DOCUMENT_IDENTITY_BACK


@pytest.fixture
def waiting(alice: User, bob: User) -> User:
    """Alice, whose identity waits for review, and Bob, who waits too."""
    send(alice, Kind.IDENTITY, FRONT, BACK)
    send(bob, Kind.OCCUPATION)
    return alice


@pytest.fixture
def page(browser: Browser, live_server: Any, supervisor: Any) -> Iterator[Page]:
    with chromium.watched(
        browser, live_server.url, viewport={"width": 1280, "height": 900}
    ) as page:
        log_in(page)
        yield page


def open_review(page: Page, user: User) -> None:
    page.goto(f"/admin/users/review/{user.pk}/change/")


def test_reviewer_works_with_the_keyboard_only(page, waiting, bob):
    open_review(page, waiting)
    shown = page.locator(".sheets .file.current")
    expect(shown).to_have_count(1)
    expect(shown).to_have_attribute("aria-label", "Identity document, front")
    page.keyboard.press("j")
    expect(shown).to_have_attribute("aria-label", "Identity document, back")
    page.keyboard.press("r")
    page.keyboard.press("+")
    expect(shown).to_have_attribute("data-turn", "1")
    expect(shown).to_have_attribute("data-zoom", "1")
    page.keyboard.press("0")
    expect(shown).to_have_attribute("data-turn", "0")
    page.keyboard.press("k")
    for key in "123":
        page.keyboard.press(key)
    page.keyboard.press("2")
    expect(page.locator("input[name=documents]:checked")).to_have_count(2)
    page.keyboard.press("2")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Bob Example")
    waiting.refresh_from_db()
    assert waiting.kyc_level == 1


def test_enter_after_a_reason_rejects(page, waiting, bob):
    open_review(page, waiting)
    for key in ("1", "x", "B", "l", "u", "r", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("h1")).to_have_text("Bob Example")
    decided = KycDocument.objects.get(user=waiting.pk, status="REJECTED")
    assert decided.reason == "Blur"
    assert not KycDocument.objects.filter(status="APPROVED").exists()


def test_key_in_a_text_field_is_a_letter(page, waiting):
    open_review(page, waiting)
    page.keyboard.press("x")
    page.keyboard.type("a1 rj")
    expect(page.locator("#id_reason")).to_have_value("a1 rj")
    expect(page.locator("input[name=documents]:checked")).to_have_count(0)


def test_rotated_picture_is_whole_and_stands_upright(page, waiting):
    open_review(page, waiting)
    picture = page.locator(".file.current img")
    before = picture.evaluate(
        "each => each.decode().then(() => each.getBoundingClientRect().toJSON())"
    )
    page.click("[data-do=rotate]")
    after = picture.evaluate("each => each.getBoundingClientRect().toJSON()")
    frame = page.locator(".file.current .sheet-frame").evaluate(
        "each => each.getBoundingClientRect().toJSON()"
    )
    assert before["width"] > before["height"]
    assert after["width"] < after["height"]
    for side, sign in (("left", 1), ("top", 1), ("right", -1), ("bottom", -1)):
        assert sign * (after[side] - frame[side]) >= -1


def test_review_of_one_document_fits_1200_pixels(page, alice):
    send(alice, Kind.IDENTITY)
    send(alice, FRONT)
    open_review(page, alice)
    page.locator(".file.current img").evaluate("each => each.decode()")
    bottom = page.locator(".accesses").evaluate(BOX)["bottom"]  # the menu can be longer
    assert 400 < bottom <= 1200


def test_only_files_that_were_shown_are_recorded_as_seen(page, waiting):
    open_review(page, waiting)
    page.locator(".file.current img").evaluate("each => each.decode()")
    seen = Access.objects.filter(what=Access.What.DOCUMENT)
    assert [each.kind for each in seen] == [FRONT]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_the_screen(width, scheme, browser, live_server, supervisor, waiting, bobs):
    alices = people.first_wallet(waiting)
    people.cash_in(alices, 100_00)
    people.transfer(alices, bobs, 12_50, concept="A long text that says why this was paid at all")
    people.place(alices, bobs, 3_00, concept="Deposit")
    a_note(waiting, "x" * 300)
    size = {"width": width, "height": 900}
    with chromium.watched(browser, live_server.url, viewport=size, color_scheme=scheme) as page:
        log_in(page)
        open_review(page, waiting)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for tab in ("wallets", "movements", "holds", "documents", "notes", "timeline"):
            page.goto(f"/admin/users/user/{waiting.pk}/change/?tab={tab}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tabs_and_review_work_without_javascript(
    browser, live_server, supervisor, alices: Wallet, waiting
):
    with chromium.watched(browser, live_server.url, java_script_enabled=False) as page:
        log_in(page)
        page.goto(f"/admin/users/user/{waiting.pk}/change/")
        page.click(".tabs >> text=Timeline")
        expect(page.locator(".timeline")).to_contain_text("received a cash-in of 100.00 EUR")
        page.click(".tabs >> text=Notes")
        page.fill("#id_text", "Called.")
        page.click("text=Add the note")
        expect(page.locator(".notes")).to_contain_text("Called.")
        open_review(page, waiting)
        expect(page.locator(".sheets .file:visible")).to_have_count(2)
        page.check(".piece:has-text('12345678Z') input[name=documents]")
        page.click("text=Approve and next")
        expect(page.locator("h1")).to_have_text("Bob Example")


def test_columns_of_a_tab_are_below_their_headers(page, alices: Wallet):
    page.goto(f"/admin/users/user/{alices.user_id}/change/")
    header, cell = (page.locator(f".tab {each} >> nth=1").evaluate(BOX) for each in ("th", "td"))
    assert header["bottom"] <= cell["top"]
    assert abs(header["right"] - cell["right"]) <= 1
