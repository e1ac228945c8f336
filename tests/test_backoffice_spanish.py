"""The back office in Spanish: every page that links lead to, and every form, has no English text.

`tests/iocash/test_catalogues.py` finds texts without a translation. This finds texts that no
function translates, and translations that the pages don't use.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urldefrag, urljoin
from uuid import uuid4

import pytest
from django.contrib import admin
from django.template.loader import render_to_string
from django.test import Client as Browser
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import translation

from iocash.db import clock
from tests.support import cash_outs, catalogues, kyc, people, plain_texts
from tests.support.ibans import IBAN
from tests.support.notices import a_notice
from tests.support.resources import things
from tests.support.tasks import a_task
from users import pages
from users.admin.cases import act_on_case, open_case
from users.admin.tasks import (
    assigns_to,
    change_task,
    last_change_id,
    marks_done,
    reopen_task,
    sets_due_date,
)
from users.kyc import Kind
from users.manual import MANUAL
from users.models import Case, CaseEntry, CaseSubject, RejectionReason, TaskChange, User
from wallets import posting
from wallets.admin.closing import payment_from
from wallets.models import Closing, Movement, Wallet
from wallets.orders.cash_outs import RejectCashOut
from wallets.orders.users import BlockUser
from wallets.orders.wallets import BlockWallet

pytestmark = pytest.mark.django_db

SPANISH = {"Accept-Language": "es"}
MOST_OF_A_KIND = 2
"""Pages with the same view, and the same name of an action or a tab, that are opened."""
SHORTEST = 12
"""Shorter texts can be Spanish too, or a name."""
ENGLISH = re.compile(r"\b(the|and|of|with|this|your|was|has|not|from|can't|no longer)\b", re.I)


CURRENCY = re.compile(r"[A-Z]{3}")
USER_NAME = "staff"
"""That of the member of staff who opens the pages."""


def test_no_visible_text_of_a_template_is_outside_of_the_tags_that_translate():
    assert plain_texts.in_templates(catalogues.ROOT) == []


@pytest.mark.slow
def test_no_text_of_the_code_is_plain():
    assert plain_texts.in_python() == []


@pytest.fixture
def browser(staff: Any) -> Browser:
    opened = Browser(headers=SPANISH)
    opened.force_login(staff)
    return opened


@pytest.mark.ci
def test_pages_are_in_spanish(browser, alices, bobs):
    """Takes 8 s."""
    some_history(alices, bobs)
    stored = [*RejectionReason.objects.values_list("text", flat=True)]
    found = Counter[str]()
    opened = 0
    for address, content in crawled(browser, starts()):
        opened += 1
        for text in visible_texts(content):
            if is_english(text) and not any(each in text for each in stored):
                found[f"{kind_of(address)[0]}: {text}"] += 1
    assert not found, "\n".join(sorted(found))
    assert opened > 60


def some_history(alices: Wallet, bobs: Wallet) -> None:
    """A row of each kind, a review that waits, and wallets and users that were stopped."""
    things(alices, bobs)
    kyc.send(alices.user, Kind.IDENTITY, Kind.HOME_ADDRESS)
    kyc.approve(bobs.user, [Kind.IDENTITY])
    people.reverse(Movement.objects.get(id=people.transfer(alices, bobs, 1_00).id))
    people.execute(people.place(alices, bobs, 2_00), 1_00)
    cash_outs.end(RejectCashOut, cash_outs.a_cash_out(alices, 1_00), reason="IBAN")
    posting.submit(BlockWallet(**people.about(bobs), reason="SUSPECTED_FRAUD"))
    order = BlockUser(
        client_id=bobs.client_id, by=people.BY, user_id=bobs.user_id, reason="LEGAL_ORDER"
    )
    posting.submit(order)
    a_case(alices.user)
    a_closing(alices)
    some_tasks(alices.user)
    a_notice(alices)


def a_case(user: User) -> None:
    """A case with each action that can be done to it."""
    values = {"kind": Case.Kind.DISPUTE, "title": "Alice", "due_on": clock.now().date()}
    case = open_case(values, [(CaseSubject.Kind.USER, user.id, user)], by=people.BY, key=uuid4())
    for kind in CaseEntry.Kind:
        detail = "2026-01-01" if kind == CaseEntry.Kind.DUE else ""
        act_on_case(case, kind, by=people.BY, key=uuid4(), detail=detail)


def some_tasks(user: User) -> None:
    """A task with each action that can be done to it."""
    task = a_task(user, "Alice")
    actions = {
        TaskChange.Kind.DUE: sets_due_date(clock.now().date()),
        TaskChange.Kind.OWNER: assigns_to("staff:1"),
        TaskChange.Kind.DONE: marks_done(people.BY),
        TaskChange.Kind.REOPENED: reopen_task,
    }
    for kind, change in actions.items():
        seen = last_change_id(task)
        change_task(task, kind, by=people.BY, key=uuid4(), seen=seen, change=change)


def a_closing(wallet: Wallet) -> None:
    closing = Closing.objects.create(
        id=uuid4(), client_id=wallet.client_id, user=wallet.user, iban=IBAN, actor=people.BY.actor
    )
    seen = Wallet.objects.seen().get(id=wallet.id)
    payment_from(closing, seen, 1, people.BY).save(force_insert=True)


def test_log_in_is_in_spanish():
    browser = Browser(headers=SPANISH)
    address = reverse("admin:login")
    for content in (browser.get(address).content, browser.post(address, {"username": "x"}).content):
        assert [text for text in visible_texts(content.decode()) if is_english(text)] == []


def test_refusals_are_in_spanish(browser):
    missing = browser.get("/admin/nowhere/")
    wrong = browser.post(reverse("admin:payments-out-confirm"), {"action": "dance"})
    assert (missing.status_code, wrong.status_code) == (404, 400)
    for answer in (missing, wrong):
        assert [text for text in visible_texts(answer.content.decode()) if is_english(text)] == []


def test_locked_log_in_is_in_spanish():
    with translation.override("es"):
        content = render_to_string("locked.html")
    assert '<html lang="es">' in content
    assert [text for text in visible_texts(content) if is_english(text)] == []


@pytest.mark.parametrize("slug", MANUAL.chapters)
def test_chapter_of_the_manual_has_the_same_parts_in_spanish(slug):
    english, spanish = (
        tags_of((catalogues.ROOT / f"templates/staff/{language}/{slug}.html").read_text())
        for language in ("en", "es")
    )
    assert spanish == english


def tags_of(source: str) -> list[str]:
    """The tags in order; of a picture neither its language nor its alternative text."""
    source = re.sub(r' alt="[^"]*"', "", source).replace("manual/es/", "manual/en/")
    return re.findall(r"<(?!/?strong|/?code)[^>]+>", source)


# --- Reading -------------------------------------------------------------------------------------


class PageReader(plain_texts.Reader):
    """Reads what people see of a page: no scripts, and no codes."""

    inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag in {"script", "style", "code", "option"} and not self.inside:
            self.inside = tag if tag != "option" or is_zone(dict(attrs).get("value")) else ""

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if not self.inside:
            super().handle_data(data)


def is_zone(value: str | None) -> bool:
    return "/" in (value or "")


def visible_texts(content: str) -> list[str]:
    reader = PageReader()
    reader.feed(content)
    reader.close()
    return [text for text in reader.texts if text]


def sources() -> Iterator[str]:
    """The English texts of the catalogue that have another translation, without their values."""
    for message in catalogues.entries(catalogues.read_source(catalogues.OFFICE.read_text())):
        _, *texts = catalogues.key_of(message)
        for text in filter(None, texts):
            parts = [
                part.strip(" .,:;()") for part in re.split(r"%\(\w+\)[sd]|%[sd]|<[^>]*>", text)
            ]
            said = " ".join(catalogues.forms_of(message))
            yield from (part for part in parts if len(part) >= SHORTEST and part not in said)


def whole_sources() -> set[str]:
    """The English texts that are not Spanish too, in lower case: nothing else may equal them."""
    found = catalogues.translations(catalogues.OFFICE)
    return {text.lower() for text in found} - {said.lower() for said in found.values()}


WHOLE = whole_sources()
SOURCES = re.compile("|".join(rf"\b{re.escape(each)}" for each in sorted({*sources()}, key=len)))


def is_english(text: str) -> bool:
    if text == USER_NAME or CURRENCY.fullmatch(text):
        return False
    whole = text.lower().strip(" :,…")
    return bool(whole in WHOLE or SOURCES.search(text) or ENGLISH.search(text))


# --- Opening -------------------------------------------------------------------------------------


def starts() -> Iterator[str]:
    """The first page, the lists, the pages to add something, and pages of our own."""
    yield reverse("admin:index")
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield from (reverse(f"{name}_{verb}") for verb in ("changelist", "add"))
        for row in model._default_manager.all()[:1]:
            yield from (reverse(f"{name}_{verb}", args=[row.pk]) for verb in ("change", "history"))
            yield from actions_of(name, admin.site._registry[model], row)
    for name in pages.OWN.registered:
        try:
            yield reverse(f"admin:{name}")
        except NoReverseMatch:  # links lead to it
            continue


def actions_of(name: str, shown: Any, row: Any) -> Iterator[str]:
    for action in getattr(shown, "page_actions", ()):
        yield reverse(f"{name}_action", args=[row.pk, action.name])


def kind_of(address: str) -> tuple[str, str]:
    """What pages that look the same have in common."""
    path, _, query = address.partition("?")
    match = resolve(path)
    return match.view_name or path, str(match.kwargs.get("name", "")) + "".join(
        re.findall(r"tab=\w+|state=\w+", query)
    )


def crawled(browser: Browser, addresses: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The pages at the addresses, and those that they link to; of an action, the refused form."""
    waiting, seen = [*addresses], set[str]()
    of_a_kind = Counter[tuple[str, str]]()
    while waiting:
        address = waiting.pop(0)
        if address in seen or not is_page(address) or of_a_kind[kind_of(address)] >= MOST_OF_A_KIND:
            continue
        seen.add(address)
        answer = browser.get(address)
        if answer.status_code != 200 or "html" not in answer["Content-Type"]:
            continue
        of_a_kind[kind_of(address)] += 1
        content = answer.content.decode()
        yield address, content
        if "/action/" in address:
            yield address, browser.post(address, {}, follow=True).content.decode()
        links = re.findall(r'<a [^>]*?href="([^"]+)"', content)
        waiting += [urldefrag(urljoin(address, link.replace("&amp;", "&")))[0] for link in links]


def is_page(address: str) -> bool:
    if not address.startswith("/admin/") or "logout" in address:
        return False
    try:
        resolve(address.partition("?")[0])
    except Resolver404:
        return False
    return True
