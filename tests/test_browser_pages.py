"""Every page of the registries in a real browser: legible, labelled, whole, reached by keyboard.

Takes five minutes, and needs Chromium; axe also needs npm. Any CSP violation, console error or
request to another host fails. A new page is tested as soon as it is registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Browser, Page

from tests.support import chromium, office_pages, people
from tests.support.backoffice import list_of, page_of
from tests.support.browsing import DESK, PHONE, log_in
from tests.support.cases import a_case
from tests.support.notes import a_note
from tests.support.tools import AXE
from users.models import Case, Note, Preferences, Review, User
from wallets.admin.tabs import TABS
from wallets.models import Hold, Movement, Wallet

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.spoils_the_books,  # some rows are made around the ledger
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]

CHECKS = (Path(__file__).parent / "support" / "page_checks.js").read_text()
SIZES = (DESK, PHONE)
SCHEMES: Any = ("light", "dark")
FOCUS = """() => {
  const look = (element) => {
    const styles = [getComputedStyle(element), getComputedStyle(element, "::after")];
    return styles.map((style) =>
      [style.outline, style.boxShadow, style.borderColor, style.backgroundColor]).join();
  };
  const controls = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  return [...document.querySelectorAll(controls)].filter((each) => {
    if (!each.checkVisibility({ visibilityProperty: true }) || each.disabled) return false;
    document.activeElement?.blur();
    const before = look(each);
    each.focus({ focusVisible: true });
    return document.activeElement !== each || look(each) === before;
  }).map((each) => `no visible focus: ${each.outerHTML.slice(0, 100)}`);
}"""
NEXT_FRAME = """() => new Promise((resolve) =>
  requestAnimationFrame(() => requestAnimationFrame(resolve)))"""
RUN_AXE = """async () => {
  const found = await axe.run({ preload: false, resultTypes: ["violations"] });
  return found.violations.filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 120))}`);
}"""


@pytest.fixture
def page(browser: Browser, live_server: Any, supervisor: Any) -> Iterator[Page]:
    with chromium.watched(browser, live_server.url, reduced_motion="reduce") as page:
        log_in(page)
        yield page


@pytest.fixture
def rows(alices: Any, bobs: Any) -> office_pages.Rows:
    return office_pages.fill(alices, bobs)


def faults(page: Page, addresses: Iterable[str]) -> str:
    """What is wrong with each page, in each size and colour scheme."""
    found: dict[str, list[str]] = {}
    for address in addresses:
        page.goto(address)
        wrong = []
        for size, scheme in product(SIZES, SCHEMES):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            wrong += [f"{size['width']} {scheme} {each}" for each in page.evaluate(CHECKS)]
        wrong += page.evaluate(FOCUS)
        if wrong:
            found[address] = wrong
    return in_lines(found)


def in_lines(found: dict[str, list[str]]) -> str:
    """Each finding once, with the first page that has it."""
    first: dict[str, str] = {}
    for address, wrong in found.items():
        for each in wrong:
            first.setdefault(each, address)
    return "\n".join(f"{address}: {each}" for each, address in first.items())


def axe_findings(page: Page, addresses: Iterable[str]) -> str:
    """What axe-core finds serious or critical. It is run as by the developer tools, outside of the
    page's policy.
    """
    AXE.needed()
    source = (AXE.modules / "axe-core" / "axe.min.js").read_text()
    found: dict[str, list[str]] = {}
    for address in addresses:
        page.goto(address)
        page.evaluate(source)
        wrong = []
        for size in SIZES:
            page.set_viewport_size(size)
            page.evaluate(NEXT_FRAME)  # scripts that observe sizes have run
            wrong += [f"{size['width']} {each}" for each in page.evaluate(RUN_AXE)]
        if wrong:
            found[address] = wrong
    return in_lines(found)


def test_every_model_has_a_row(rows):
    assert {model._meta.label_lower for model in admin.site._registry} == rows.keys()


@pytest.mark.parametrize("language", ["en", pytest.param("es", marks=pytest.mark.long)])
def test_every_page_of_the_back_office_is_legible_labelled_and_whole(
    page, rows, supervisor, language
):
    Preferences.objects.update_or_create(person=supervisor, defaults={"language": language})
    wrong = faults(page, office_pages.of_the_office(rows))
    assert not wrong, wrong


def test_every_page_of_the_browsable_api_is_legible_labelled_and_whole(page, rows):
    wrong = faults(page, office_pages.of_the_api(rows))
    assert not wrong, wrong


def test_every_page_of_the_documentation_is_legible_labelled_and_whole(page):
    wrong = faults(page, office_pages.of_the_documentation())
    assert not wrong, wrong


def test_axe_finds_nothing_serious_in_the_back_office(page, rows):
    wrong = axe_findings(page, office_pages.of_the_office(rows))
    assert not wrong, wrong


def test_axe_finds_nothing_serious_in_the_api_and_the_documentation(page, rows):
    addresses = [*office_pages.of_the_api(rows), *office_pages.of_the_documentation()]
    wrong = axe_findings(page, addresses)
    assert not wrong, wrong


def test_log_in_page_is_legible_labelled_and_whole(browser, live_server):
    with chromium.watched(browser, live_server.url, reduced_motion="reduce") as page:
        wrong = faults(page, ["/admin/login/"]) + axe_findings(page, ["/admin/login/"])
    assert not wrong, wrong


LONG, RIGHT_TO_LEFT, PICTURES = "Wolfeschlegelstein" * 15, "محمد بن عبد الله", "👩‍👩‍👧‍👦🇪🇸 Z̷͎͑a̶l̸g̵o"


@pytest.mark.parametrize("name", [LONG, RIGHT_TO_LEFT, PICTURES], ids=["long", "rtl", "emoji"])
def test_hostile_name_does_not_break_a_page(page, rows, alices, bobs, name):
    """The page of the user, the lists, the queues and the search."""
    for user in (alices.user, bobs.user):
        User.objects.filter(pk=user.pk).update(first_name=name[:100], last_name=name[:100])
    Wallet.objects.filter(pk=alices.pk).update(alias=name[:60])
    a_note(alices.user, name * 3)
    people.transfer(alices, bobs, 1, concept=name[:140])
    user, case = alices.user, a_case(alices.user)
    Case.objects.filter(pk=case.pk).update(title=name[:100])
    addresses = [
        "/admin/",
        *(f"{page_of(user)}?tab={tab.name}" for tab in TABS),
        *(list_of(model) for model in (User, Review, Wallet, Movement, Hold, Note, Case)),
        page_of(alices),
        page_of(case),
        reverse("admin:users_review_change", args=[user.pk]),
        reverse("admin:payments-out"),
        f"/admin/search/?q={name[:20]}",
        f"/admin/users/user/{user.pk}/action/block/",
        f"/api/v1/users/{user.pk}",
    ]
    wrong = faults(page, addresses)
    assert not wrong, wrong
