"""Notices of dormancy: recording one or many, two members at once, and where they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from iocash.db import clock
from tests.support import people, sandbox
from tests.support.backoffice import page_of
from tests.support.notices import a_notice
from tests.support.staff import OPERATOR, VIEWER, a_member, browser_of, somebody
from tests.support.threads import at_once
from users.models.events import By
from wallets import erasure, posting
from wallets.models import DormancyNotice, Wallet
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

LIST = "admin:dormant_wallets"


@pytest.fixture(autouse=True)
def dormant(settings: Any, alices: Wallet, bobs: Wallet) -> Iterator[None]:
    """Both wallets have money, and no movement for 31 days."""
    settings.DORMANT_DAYS = 30
    with sandbox.made():
        people.cash_in(bobs, 1_00)
        pass_days(31)
        yield


@pytest.fixture
def browser() -> Browser:
    return somebody(OPERATOR)


def pass_days(days: int) -> None:
    sandbox.set_clock(clock.now() + timedelta(days=days))


def values(*items: str, **changes: str) -> dict[str, Any]:
    given = {"channel": "LETTER", "sent_on": clock.now().date().isoformat(), "note": "Folder 7"}
    return {"key": str(uuid4()), "item": [*items], **given, **changes}


def item(wallet: Wallet, seen: object = "") -> str:
    return f"{wallet.pk}:{seen}"


def listed(browser: Browser, **query: str) -> set[UUID]:
    return {row["wallet"].id for row in browser.get(reverse(LIST), query).context["rows"]}


def test_bulk_action_records_a_notice_for_each_selected_wallet(browser, alices, bobs):
    key = uuid4()
    sent = values(item(alices), item(bobs), key=str(key))
    for _ in range(2):
        assert browser.post(reverse(LIST), sent).status_code == 302
    found = {each.id: each for each in DormancyNotice.objects.all()}
    assert found.keys() == {uuid5(key, str(each.pk)) for each in (alices, bobs)}
    assert {(each.channel, each.note) for each in found.values()} == {("LETTER", "Folder 7")}
    assert "Letter" in browser.get(reverse(LIST)).text


def test_used_form_with_other_words_records_nothing(browser, alices):
    sent = values(item(alices))
    browser.post(reverse(LIST), sent)
    answer = browser.post(reverse(LIST), sent | {"note": "Folder 8"})
    assert len(answer.context["refused"]) == 1
    assert DormancyNotice.objects.get().note == "Folder 7"


def test_wrong_form_keeps_its_input(browser, alices, bobs):
    tomorrow = (clock.now() + timedelta(days=1)).date().isoformat()
    page = browser.post(reverse(LIST), values(item(alices), sent_on=tomorrow))
    assert "The date is in the future." in page.text
    assert page.context["form"]["note"].value() == "Folder 7"
    ticked = {row["wallet"].id: row["is_ticked"] for row in page.context["rows"]}
    assert ticked == {alices.id: True, bobs.id: False}
    page = browser.post(reverse(LIST), values())
    assert "Select at least one wallet." in page.text
    assert browser.post(reverse(LIST), values("x")).status_code == 400
    assert not DormancyNotice.objects.exists()


def test_refused_wallets_are_listed_and_the_others_are_recorded(browser, alices, bobs):
    people.cash_in(alices, 1_00)
    page = browser.post(reverse(LIST), values(item(alices), item(bobs)))
    ((wallet, why),) = page.context["refused"]
    assert wallet == alices
    assert "not dormant any more" in why
    assert "Notice recorded for 1 wallet." in page.text
    assert DormancyNotice.objects.get().wallet_id == bobs.id


def test_second_member_sees_the_notice_of_the_first(browser, alices):
    colleague = browser_of(a_member(OPERATOR, name="colleague"))
    colleague.post(reverse(LIST), values(item(alices), channel="PHONE"))
    page = browser.post(reverse(LIST), values(item(alices)))
    ((_wallet, why),) = page.context["refused"]
    assert "colleague: Phone call of" in why
    seen = DormancyNotice.objects.get().pk
    assert browser.post(reverse(LIST), values(item(alices, seen))).status_code == 302
    assert DormancyNotice.objects.count() == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_simultaneous_forms_record_one_notice(browser, alices):
    sent = [values(item(alices)), values(item(alices))]
    at_once(*[lambda each=each: browser.post(reverse(LIST), each) for each in sent])
    assert DormancyNotice.objects.count() == 1


@pytest.mark.slow
def test_notice_from_the_page_of_the_wallet_is_shown_there_and_on_the_timeline(browser, alices):
    at = reverse("admin:wallets_wallet_action", args=[alices.pk, "notice"])
    assert browser.post(at, values(seen="")).status_code == 302
    stale = browser.post(at, values(seen=""))
    assert "A notice was recorded meanwhile." in stale.text
    assert browser.post(at, values(seen=stale.context["form"]["seen"].value())).status_code == 302
    assert DormancyNotice.objects.count() == 2
    for address in (page_of(alices), f"{page_of(alices.user)}?tab=timeline"):
        assert "Folder 7" in browser.get(address).text
    member = reverse("admin:staff-activity", args=[browser.session["_auth_user_id"]])
    assert "Recorded a notice of dormancy." in browser.get(member).text


@pytest.mark.slow
def test_only_notices_since_the_last_movement_count(browser, alices, bobs):
    browser.post(reverse(LIST), values(item(alices)))
    assert listed(browser, notice="sent") == {alices.id}
    assert listed(browser, notice="none") == {bobs.id}
    people.cash_in(alices, 1_00)
    pass_days(31)
    assert listed(browser, notice="sent") == set()
    assert listed(browser) == listed(browser, notice="none") == {alices.id, bobs.id}
    assert {row["notice"] for row in browser.get(reverse(LIST)).context["rows"]} == {None}
    assert browser.post(reverse(LIST), values(item(alices))).status_code == 302


def test_wallet_without_money_is_listed_on_request(browser, alices, bobs):
    empty = people.a_wallet(alices.user, "USD")
    pass_days(31)
    assert listed(browser) == {alices.id, bobs.id}
    assert listed(browser, money="all") == {alices.id, bobs.id, empty.id}


def test_viewer_reads_notices_and_records_none(alices):
    viewer = somebody(VIEWER)
    a_notice(alices)
    assert viewer.post(reverse(LIST), values(item(alices))).status_code == 403
    page = viewer.get(reverse(LIST)).text
    assert "Letter" in page
    assert "Record the notice" not in page


def test_number_of_statements_is_constant(browser, alices, bobs):
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.get(reverse(LIST), {"notice": "sent"})
        return len(captured)

    a_notice(alices)
    statements()
    few = statements()
    for each in (alices, bobs, bobs):
        a_notice(each)
    assert statements() == few


def test_erasure_removes_the_note_of_a_notice(alices, bobs):
    people.transfer(bobs, alices, 1_00)
    notice = a_notice(bobs, "Bob has moved")
    posting.submit(UnsubscribeUser(client_id=bobs.client_id, by=people.BY, user_id=bobs.user_id))
    erasure.erase(user_id=bobs.user_id, by=By("staff:1"), reason="USER_REQUEST")
    notice.refresh_from_db()
    assert (notice.note, notice.channel) == ("", "LETTER")
    assert isinstance(notice.sent_on, date)
