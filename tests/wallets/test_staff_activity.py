"""What a member of staff did on a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from iocash.db import clock
from tests.support import sandbox
from tests.support.cash_outs import a_cash_out
from tests.support.log_ins import log_in
from tests.support.staff import (
    ADMINISTRATOR,
    OPERATOR,
    ROLES,
    SUPERVISOR,
    VIEWER,
    a_member,
    browser_of,
)
from users.kyc import looks
from users.models import Access, Event
from users.models.events import By, EventKind
from wallets.admin import staff_activity
from wallets.admin.deeds import BOOKED, DEEDS, LOOKS
from wallets.models import Movement

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_person_acts")]


def page_of_member(member: Any) -> str:
    return f"/admin/staff/{member.pk}/activity/"


def do_action(browser: Browser, app: str, thing: Any, name: str, **values: Any) -> None:
    model = type(thing)._meta.model_name
    form = {"key": str(uuid4()), "confirmed": "1"} | values
    answer = browser.post(f"/admin/{app}/{model}/{thing.pk}/action/{name}/", form)
    assert answer.status_code == 302


@pytest.fixture
def operator() -> Any:
    return a_member(OPERATOR, name="bob")


def test_every_kind_of_event_and_movement_has_words():
    assert DEEDS.keys() == set(EventKind)
    assert BOOKED.keys() == set(Movement.Type)
    assert LOOKS.keys() == set(Access.What)
    sentences = [str(each) for each in (*DEEDS.values(), *BOOKED.values(), *LOOKS.values())]
    assert all(each.endswith(".") for each in sentences)


def test_deeds_are_told_in_words_with_name_amount_and_link(operator, alices, bobs):
    browser = browser_of(operator)
    do_action(
        browser, "wallets", alices, "add-movement", kind="CASH_IN", amount="5", concept="Cash"
    )
    do_action(browser, "users", alices.user, "block", reason="OTHER")
    looks.record_access(bobs.user, Access.What.REVIEW, By(f"staff:{operator.pk}"))
    page = browser_of(a_member(SUPERVISOR)).get(page_of_member(operator)).text
    rows = page.partition("<tbody>")[2].partition("</tbody>")[0]
    newest_first = [
        "Opened the review of the user.",
        "Blocked the user.",
        "Added a cash-in.",
        "Logged in.",
    ]
    places = [rows.index(words) for words in newest_first]
    assert places == sorted(places)
    assert rows.count(alices.user.display_name) == 2
    assert bobs.user.display_name in rows
    assert "5.00 EUR" in rows
    assert f"/admin/users/user/{alices.user.pk}/change/" in rows
    movement = Movement.objects.get(amount=5_00)
    assert f"/admin/wallets/movement/{movement.pk}/change/" in rows
    assert "EVIDENCE" not in rows
    assert "user.blocked" not in rows


def test_deeds_of_others_are_not_listed(operator, alices):
    other = a_member(OPERATOR, name="alice")
    do_action(browser_of(other), "users", alices.user, "block", reason="OTHER")
    page = browser_of(operator).get(page_of_member(operator)).text
    assert "Blocked the user." not in page


def test_settled_cash_out_says_so(alices):
    boss = a_member(SUPERVISOR, name="boss")
    browser = browser_of(boss)
    movement = a_cash_out(alices, 30_00)
    do_action(browser, "wallets", movement, "send")
    do_action(browser, "wallets", movement, "settle")
    page = browser.get(page_of_member(boss)).text
    assert "Marked a payment out as sent to the bank." in page
    assert "Settled a payment out." in page
    assert "-30.00 EUR" in page.replace("\u2212", "-")


@pytest.mark.parametrize("role", ROLES)
def test_oneself_supervisors_and_administrators_may_see_it(role, operator):
    browser = browser_of(a_member(role, name="reader"))
    expected = 200 if role in {SUPERVISOR, ADMINISTRATOR} else 403
    assert browser.get(page_of_member(operator)).status_code == expected
    assert browser_of(operator).get(page_of_member(operator)).status_code == 200
    assert Browser().get(page_of_member(operator)).status_code == 302


def test_reader_sees_no_customer_that_they_may_not_see(operator, alices):
    browser = browser_of(operator)
    do_action(
        browser, "wallets", alices, "add-movement", kind="CASH_IN", amount="5", concept="Cash"
    )
    do_action(browser, "users", alices.user, "block", reason="OTHER")
    page = browser_of(a_member(ADMINISTRATOR)).get(page_of_member(operator)).text
    assert "Blocked the user." in page
    assert "Booked a movement." in page
    assert alices.user.display_name not in page
    assert "5.00 EUR" not in page
    assert "/admin/users/user/" not in page
    assert "/admin/wallets/movement/" not in page


def test_page_of_an_unknown_member_is_404():
    assert browser_of(a_member(SUPERVISOR)).get("/admin/staff/999999/activity/").status_code == 404


def test_day_begins_at_midnight(operator, alices):
    sandbox.make()
    today = timezone.localtime(clock.now()).date()
    do_action(browser_of(operator), "users", alices.user, "block", reason="OTHER")
    sandbox.set_clock(clock.now() + timedelta(days=1))
    do_action(browser_of(operator), "users", alices.user, "unblock", reason="OTHER")
    browser = browser_of(operator)
    now = browser.get(page_of_member(operator)).text
    assert "Unblocked the user." in now
    assert "Blocked the user." not in now
    before = browser.get(page_of_member(operator), {"day": today.isoformat()}).text
    assert "Blocked the user." in before
    assert "Unblocked the user." not in before


@pytest.mark.parametrize(
    "query",
    ["day=x", "day=2026-02-30", "day=0001-01-01", "day=9999-12-31", "until=x", "until=2026-01-01"],
)
def test_malformed_day_shows_today(operator, query):
    answer = browser_of(operator).get(f"{page_of_member(operator)}?{query}")
    assert answer.status_code == 200


@pytest.mark.slow
def test_pages_list_every_deed_once(operator, alices, monkeypatch):
    monkeypatch.setattr(staff_activity, "ROWS", 3)
    browser = browser_of(operator)
    for reason in ("block", "unblock") * 4:
        do_action(browser, "users", alices.user, reason, reason="OTHER")
    words, until = [], None
    while until != "":
        answer = browser.get(page_of_member(operator), {"until": until} if until else {})
        words += [deed.words for deed in answer.context["deeds"]]
        until = answer.context["until"]
    assert words == ["Unblocked the user.", "Blocked the user."] * 4 + ["Logged in."]


def test_deeds_of_one_instant_are_on_one_page(monkeypatch):
    monkeypatch.setattr(staff_activity, "ROWS", 2)
    late, early = timezone.now(), timezone.now() - timedelta(seconds=1)
    deeds = [staff_activity.Deed(at, "x") for at in (late, early, early, early)]
    assert staff_activity.page_of_deeds(deeds) == (deeds[:1], early)
    assert staff_activity.page_of_deeds(deeds[1:]) == (
        deeds[1:],
        early - timedelta(microseconds=1),
    )


@pytest.mark.slow
def test_page_takes_the_same_statements_for_any_number(
    operator, alices, django_assert_max_num_queries
):
    browser = browser_of(operator)
    for reason in ("block", "unblock") * 5:
        do_action(browser, "users", alices.user, reason, reason="OTHER")
    reader = browser_of(a_member(SUPERVISOR))
    with django_assert_max_num_queries(19):
        assert reader.get(page_of_member(operator)).text.count("locked the user.") == 10


def test_events_of_a_member_are_found_by_an_index(operator):
    events = Event.objects.by_staff(operator).filter(created_at__gte=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "event_by_staff" in events.order_by("-created_at").explain()
    assert "access_by_actor" in Access.objects.filter(actor="staff:1").explain()


def test_log_in_is_listed_with_its_address(supervisor):
    browser = Browser(REMOTE_ADDR="203.0.113.7")
    log_in(browser)
    page = browser.get(page_of_member(supervisor)).text
    assert "Logged in." in page
    assert "203.0.113.7" in page


def test_menu_of_a_viewer_has_no_page_of_staff():
    page = browser_of(a_member(VIEWER)).get("/admin/").text
    assert "failed-log-ins" not in page
