"""Cases: opening, acting, two members at once, the timeline, and the erasure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.urls import reverse

from iocash.db import clock
from tests.support import people
from tests.support.backoffice import page_of
from tests.support.staff import OPERATOR, VIEWER, a_member, allow, browser_of, somebody
from tests.support.threads import at_once
from users.models import Case, CaseEntry, CaseSubject
from users.models.events import By
from wallets import erasure, posting
from wallets.models import Movement, Wallet
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

LATER = "2999-01-01"
TEXT = "Alice says that she did not pay."


def values(**changes: str) -> dict[str, str]:
    given = {"kind": "DISPUTE", "title": "Unknown payment", "text": TEXT, "due_on": LATER}
    return {"key": str(uuid4()), **given, **changes}


def open_on(browser: Browser, thing: Any, **changes: str) -> Case:
    label = thing._meta.label_lower.replace(".", "_")
    at = reverse(f"admin:{label}_action", args=[thing.pk, "open-case"])
    assert browser.post(at, values(**changes)).status_code == 302
    return Case.objects.latest("pk")


def do_action(browser: Browser, case: Case, name: str, **changes: Any) -> Any:
    at = reverse("admin:users_case_action", args=[case.pk, name])
    body = {"key": str(uuid4()), "seen": case.changes, **changes}
    return browser.post(at, body)


@pytest.fixture
def browser() -> Browser:
    return somebody(OPERATOR)


@pytest.fixture
def movement(alices: Wallet, bobs: Wallet) -> Movement:
    return Movement.objects.get(id=people.transfer(alices, bobs, 1_00).id)


def test_case_opened_on_a_page_concerns_its_user(browser, alices, movement):
    for thing in (alices.user, alices, movement):
        case = open_on(browser, thing, title=f"On {thing._meta.model_name}")
        assert case.number == f"C-{case.created_at.year}-{case.pk:04}"
        page = browser.get(page_of(case)).text
        assert case.number in page
        assert "Alice Example" in page
    page = browser.get(page_of(alices.user), {"tab": "cases"}).text
    for name in ("user", "wallet", "movement"):
        assert f"On {name}" in page


@pytest.mark.parametrize("change", [{"title": "Another"}, {"text": "Another text."}])
def test_used_form_with_other_words_is_refused(browser, alices, change):
    sent = values()
    open_on(browser, alices.user, **sent)
    at = reverse("admin:users_user_action", args=[alices.user_id, "open-case"])
    assert browser.post(at, sent | change).status_code == 200
    assert browser.post(at, sent).status_code == 302
    assert Case.objects.get().text == TEXT


def test_case_without_a_user_gets_several_later(browser, alices, bobs):
    browser.post(reverse("admin:users_case_add"), values(kind="AUTHORITY"))
    case = Case.objects.get()
    assert not case.subjects.exists()
    do_action(browser, case, "concern", subject=str(alices.user_id))
    case.refresh_from_db()
    do_action(browser, case, "concern", subject="bob")
    assert {each.user_id for each in case.subjects.all()} == {alices.user_id, bobs.user_id}
    case.refresh_from_db()
    assert "no such user name" in do_action(browser, case, "concern", subject="nobody").text


def test_form_sent_twice_opens_one_case_and_acts_once(browser, alices):
    key = str(uuid4())
    for _ in range(2):
        open_on(browser, alices, key=key)
    case = Case.objects.get()
    for _ in range(2):
        do_action(browser, case, "add-note", key=str(uuid4()), text="One")
    key = str(uuid4())
    for _ in range(2):
        do_action(browser, case, "add-note", key=key, text="Two")
    assert case.entries.filter(kind="NOTE").count() == 3


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_forms_sent_at_the_same_time_open_one_case(alices):
    browser, key = somebody(OPERATOR), str(uuid4())
    at_once(*[lambda: open_on(browser, alices, key=key)] * 4)
    assert Case.objects.count() == CaseSubject.objects.count() == CaseEntry.objects.count() == 1


@pytest.mark.slow
def test_stale_form_shows_the_last_action_and_is_accepted_again(browser, alices):
    case = open_on(browser, alices)
    colleague = browser_of(a_member(OPERATOR, name="colleague"))
    do_action(colleague, case, "due", due_on="2998-01-01")
    page = do_action(browser, case, "close", outcome="Refunded.").text
    assert "colleague: Changed the due date" in page
    case.refresh_from_db()
    assert case.is_open
    do_action(browser, case, "close", outcome="Refunded.")
    case.refresh_from_db()
    assert (case.state, case.outcome) == ("CLOSED", "Refunded.")
    do_action(browser, case, "reopen", text="There is more.")
    case.refresh_from_db()
    assert (case.state, case.outcome, case.closed_at) == ("OPEN", "", None)


def test_outcome_is_needed_to_close(browser, alices):
    case = open_on(browser, alices)
    assert do_action(browser, case, "close", outcome=" ").status_code == 200
    case.refresh_from_db()
    assert case.is_open


@pytest.mark.slow
def test_timeline_shows_actions_on_the_case_and_on_its_users_since_it_was_opened(browser, alices):
    block = reverse("admin:users_user_action", args=[alices.user_id, "block"])
    unblock = reverse("admin:users_user_action", args=[alices.user_id, "unblock"])
    browser.post(block, {"key": str(uuid4()), "reason": "OTHER"})
    case = open_on(browser, alices)
    assert "Blocked the user." not in browser.get(page_of(case)).text
    browser.post(unblock, {"key": str(uuid4()), "reason": "RESOLVED"})
    do_action(browser, case, "add-note", text="Called Alice.")
    page = browser.get(page_of(case)).text
    for text in ("Unblocked the user.", "Called Alice.", "Opened the case."):
        assert text in page
    assert "Blocked the user." not in page


def test_list_finds_mine_overdue_and_by_number(browser, alices):
    case = open_on(browser, alices, title="Old one", due_on="2000-01-01")
    open_on(browser, alices, title="New one", owner="")
    at = reverse("admin:users_case_changelist")
    overdue = browser.get(at, {"due": "overdue"}).text
    assert "Old one" in overdue
    assert "New one" not in overdue
    assert "New one" in browser.get(at, {"owned": "nobody"}).text
    found = browser.get(at, {"q": case.number}).text
    assert "Old one" in found
    assert "New one" not in found
    assert "New one" in browser.get(at, {"q": str(alices.user_id)}).text


def test_filter_calls_a_state_as_the_column_does(browser, alices):
    open_on(browser, alices)
    page = browser.get(reverse("admin:users_case_changelist"), headers={"accept-language": "es"})
    assert 'class="field-state_of">Abierto<' in page.text
    assert re.search(r'\?state__exact=OPEN"[^>]*>\s*Abierto\s*<', page.text)


def test_today_counts_overdue_cases(browser, alices):
    at = reverse("admin:index")
    assert "Overdue cases" in browser.get(at).text
    open_on(browser, alices, due_on=(clock.now() - timedelta(days=3)).date().isoformat())
    page = browser.get(at).text
    assert "1 case" in page
    assert f"{reverse('admin:users_case_changelist')}?due=overdue" in page


def test_viewer_reads_cases_and_changes_none(browser, alices):
    case, viewer = open_on(browser, alices), somebody(VIEWER)
    assert TEXT in viewer.get(page_of(case)).text
    assert do_action(viewer, case, "add-note", text="x").status_code == 403
    assert viewer.post(reverse("admin:users_case_add"), values()).status_code == 403


def test_day_of_a_member_lists_actions_on_cases(alices):
    member = a_member(OPERATOR)
    browser = browser_of(member)
    case = open_on(browser, alices)
    page = browser.get(reverse("admin:staff-activity", args=[member.pk])).text
    assert "Opened the case." in page
    assert case.number in page


def test_erasure_removes_the_texts_of_cases_of_the_user(browser, bobs):
    posting.submit(UnsubscribeUser(client_id=bobs.client_id, by=people.BY, user_id=bobs.user_id))
    case = open_on(browser, bobs)
    do_action(browser, case, "add-note", text="Called Bob.")
    case.refresh_from_db()
    do_action(browser, case, "close", outcome="Bob was right.")
    erasure.erase(user_id=bobs.user_id, by=By("staff:1"), reason="USER_REQUEST")
    case.refresh_from_db()
    assert (case.title, case.text, case.outcome) == ("", "", "")
    assert {each.text for each in case.entries.all()} == {""}
    assert do_action(browser, case, "add-note", text="More.").status_code == 200
    assert case.entries.count() == 3


def test_timeline_of_the_user_shows_that_a_case_was_opened(browser, alices, movement):
    case = open_on(browser, movement)
    timeline = {"tab": "timeline"}
    page = " ".join(browser.get(page_of(alices.user), timeline).text.split())
    link = f'<a href="{page_of(case)}">Case {case.number} was opened: Dispute.</a>'
    assert f'{link} <span class="concept">(Unknown payment)</span>' in page
    assert f'<span class="quiet">{OPERATOR}</span>' in page
    member = allow(a_member(name="clerk"), "users.view_user")
    assert case.number not in browser_of(member).get(page_of(alices.user), timeline).text
