"""The page of a user in the back office: its head, its tabs, its timeline, and who may see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.support import people
from tests.support.backoffice import page_of
from tests.support.cash_outs import a_cash_out, end
from tests.support.kyc import approve, review, send_one
from tests.support.limits import LEVELS
from tests.support.staff import SUPERVISOR, VIEWER, somebody
from users.kyc import IDENTITY, Kind
from users.models import Access
from wallets import posting
from wallets.models import Wallet
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.users import BlockUser

pytestmark = pytest.mark.django_db

MOST_QUERIES = 14


@pytest.fixture
def browser() -> Browser:
    return somebody(SUPERVISOR)


def shown(browser: Browser, wallet: Wallet, tab: str = "", **query: str) -> str:
    """The text of the page of the wallet's owner."""
    answer = browser.get(page_of(wallet.user), {"tab": tab, **query})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def timeline(browser: Browser, wallet: Wallet, **query: str) -> Any:
    answer = browser.get(page_of(wallet.user), {"tab": "timeline", **query})
    return answer.context["timeline"]


def sentences(browser: Browser, wallet: Wallet) -> list[str]:
    return [each.words for each in timeline(browser, wallet).entries]


def with_permissions(*names: str) -> Browser:
    member = get_user_model().objects.create_user("clerk", is_staff=True)
    member.user_permissions.set(Permission.objects.filter(codename__in=names))
    browser = Browser()
    browser.force_login(member)
    return browser


# --- The head -------------------------------------------------------------------------------------


def test_head_shows_name_status_level_client_and_totals(browser, alices):
    second = people.a_wallet(alices.user)
    people.cash_in(second, 20_50)
    page = shown(browser, alices)
    for words in ("<h1>Alice Example</h1>", "Active", "KYC level 0", "Demo", "120.50 EUR"):
        assert words in page


def test_head_shows_how_much_of_each_limit_is_used(browser, alices, settings):
    settings.KYC_LIMITS = LEVELS
    page = shown(browser, alices)
    assert "100.00 EUR of 150.00 EUR used (66 %); 50.00 EUR left" in page
    assert '<meter min="0" max="100" value="66"' in page


def test_head_shows_what_is_missing_for_the_next_level(browser, alices):
    send_one(alices.user, Kind.IDENTITY)
    review(alices.user, send_one(alices.user, Kind.DOCUMENT_IDENTITY_BACK), reason="Blurred")
    page = shown(browser, alices)
    assert "Missing for level 1" in page
    assert 'Identity <span class="quiet">waits for review' in page
    assert 'Identity document, front <span class="quiet">missing' in page
    assert 'Identity document, back <span class="quiet">rejected: Blurred' in page


def test_head_shows_no_limits_at_the_highest_level(browser, alices):
    approve(alices.user, set(Kind))
    page = shown(browser, alices)
    assert "No limits at this level." in page
    assert "All documents are approved." in page


def test_head_counts_what_waits(browser, alices, bobs):
    people.place(alices, bobs, 1_00)
    people.place(alices, bobs, 1_00)
    a_cash_out(alices, 5_00)
    send_one(alices.user, Kind.IDENTITY)
    page = shown(browser, alices)
    for words in ("Open holds: 2", "Payments out: 1", "Documents to review: 1"):
        assert words in page
    assert "Waiting" not in shown(browser, bobs).replace("Waiting for me", "")


def test_head_shows_the_block_of_a_blocked_user(browser, alices):
    assert "Blocked by" not in shown(browser, alices)

    def do_action(name: str, reason: str) -> None:
        form = {"key": str(uuid4()), "reason": reason}
        browser.post(page_of(alices.user).replace("change/", f"action/{name}/"), form)

    do_action("block", "CLIENT_REQUEST")
    do_action("unblock", "RESOLVED")
    assert "Blocked by" not in shown(browser, alices)
    do_action("block", "LEGAL_ORDER")
    assert f"Blocked by {SUPERVISOR}, legal order, <time" in shown(browser, alices)


# --- The tabs -------------------------------------------------------------------------------------


def test_movements_tab_names_the_other_party_and_links_to_the_list(browser, alices, bobs):
    people.transfer(alices, bobs, 12_50, concept="Lunch")
    page = shown(browser, alices, "movements")
    for words in (">Bob Example</a>", "-12.50 EUR", "Lunch", f"?q={alices.id}"):
        assert words in page


def test_movements_tab_shows_a_rejected_cash_out_as_rejected(browser, alices):
    end(RejectCashOut, a_cash_out(alices, 5_00), reason="No such account")
    page = shown(browser, alices, "movements")
    assert "Rejected" in page
    assert "No such account" in page


def test_holds_tab_shows_for_whom_money_is_held(browser, alices, bobs):
    people.place(alices, bobs, 5_00, concept="Deposit")
    page = shown(browser, alices, "holds")
    for words in (">Bob Example</a>", "5.00 EUR", "Open", "never", "Deposit"):
        assert words in page


def test_holds_tab_names_pending_payments_out(browser, alices):
    link, words = '<a href="?tab=holds#tab">Held</a>', "Pending payments out hold money too: 1"
    page = shown(browser, alices, "holds")
    assert link not in page
    assert words not in page
    a_cash_out(alices, 5_00)
    page = shown(browser, alices, "holds")
    assert link in page
    assert f'<a href="?tab=movements#tab">{words}</a>' in page


def test_expired_hold_is_shown_as_expired(browser, alices, bobs):
    people.place(alices, bobs, 5_00, expires_at=timezone.now() + timedelta(hours=1))
    people.pass_time(timedelta(hours=2))
    page = shown(browser, alices, "holds")
    assert "Expired" in page
    assert "Open holds" not in page


def test_unknown_tab_is_the_first(browser, alices):
    assert "Available" in shown(browser, alices, "nothing")


# --- The timeline ---------------------------------------------------------------------------------


def test_timeline_tells_what_happened_in_words(browser, alices, bobs):
    people.transfer(alices, bobs, 12_50, concept="Lunch")
    people.transfer(bobs, alices, 2_00)
    people.place(alices, bobs, 1_00)
    send_one(alices.user, Kind.IDENTITY)
    block = BlockUser(
        client_id=alices.client_id,
        by=people.BY,
        user_id=alices.user_id,
        reason="LEGAL_ORDER",
    )
    posting.submit(block)
    assert sentences(browser, alices)[:7] == [
        "The user was blocked. Reason: legal order.",
        "Received for review: Identity.",
        "1.00 EUR of Alice Example were set aside for Bob Example.",
        "Bob Example paid Alice Example 2.00 EUR.",
        "Alice Example paid Bob Example 12.50 EUR.",
        "Alice Example received a cash-in of 100.00 EUR.",
        "The EUR wallet was opened.",
    ]
    assert "(Lunch)" in shown(browser, alices, "timeline")


def test_timeline_tells_the_steps_of_a_cash_out_and_who_took_them(browser, alices):
    cash_out = a_cash_out(alices, 5_00)
    for verb in (MarkCashOutSent, SettleCashOut):
        end(verb, cash_out)
    rejected = a_cash_out(alices, 5_00)
    end(RejectCashOut, rejected, reason="No such account")
    second, first = timeline(browser, alices).entries[:2]
    assert [step.words for step in first.steps] == ["Sent to the bank", "Paid by the bank"]
    assert [step.words for step in second.steps] == ["Rejected. Reason: No such account"]


def test_timeline_names_members_of_staff(browser, alices):
    browser.post(
        page_of(alices.user).replace("change/", "action/block/"),
        {"key": "01980000-0000-7000-8000-000000000000", "reason": "SUSPECTED_FRAUD"},
    )
    entry = timeline(browser, alices).entries[0]
    assert (entry.words, entry.who) == (
        "The user was blocked. Reason: suspected fraud.",
        SUPERVISOR,
    )


@pytest.mark.slow
def test_pages_of_the_timeline_show_everything_once(browser, alices, bobs):
    for amount in range(1, 26):
        people.transfer(alices, bobs, amount)
        send_one(alices.user, Kind.IDENTITY, identity_number=f"123456{amount:02}Z")
    found, cursor = [], ""
    while True:
        page = timeline(browser, alices, before=cursor)
        found += [each.words for each in page.entries]
        cursor = page.next_cursor
        if not cursor:
            break
        assert len(page.entries) == 20
    paid = [words for words in found if "paid" in words]
    assert paid == [f"Alice Example paid Bob Example 0.{n:02} EUR." for n in range(25, 0, -1)]
    assert found.count("Received for review: Identity.") == 25
    assert found[-1] == "The user was created."


def test_wrong_cursor_shows_the_first_page(browser, alices):
    assert timeline(browser, alices, before="x").entries == timeline(browser, alices).entries


# --- Who may see what -----------------------------------------------------------------------------


def test_member_without_money_permissions_sees_no_money(alices, bobs):
    people.transfer(alices, bobs, 12_50, concept="Lunch")
    people.place(alices, bobs, 3_00)
    browser = with_permissions("view_user", "view_review", "view_note")
    for tab in ("", "wallets", "movements", "holds", "documents", "notes", "timeline"):
        page = shown(browser, alices, tab)
        for words in ("EUR", "Lunch", "Bob", "Available", "Limits", "?tab=wallets"):
            assert words not in page, (tab, words)


def test_member_without_permission_for_movements_sees_balances_but_no_flows(alices, settings):
    settings.KYC_LIMITS = LEVELS
    browser = with_permissions("view_user", "view_wallet")
    page = shown(browser, alices)
    assert "100.00 EUR" in page
    for words in ("Limits", "Cash-ins", "?tab=movements"):
        assert words not in page
    assert "cash-in" not in shown(browser, alices, "timeline")


def test_member_without_permission_for_documents_sees_none(alices):
    approve(alices.user, IDENTITY)
    send_one(alices.user, Kind.OCCUPATION)
    browser = somebody(VIEWER)
    for tab in ("", "documents", "timeline"):
        page = shown(browser, alices, tab)
        for words in ("Occupation", "Identity document", "for review", "Missing for"):
            assert words not in page, (tab, words)
        assert "KYC level 1" in page


def test_page_records_no_access_because_it_shows_no_document(browser, alices):
    send_one(alices.user, Kind.IDENTITY)
    shown(browser, alices, "documents")
    assert Access.objects.count() == 0


# --- What it costs --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("tab", ["wallets", "movements", "holds", "documents", "notes", "timeline"])
def test_number_of_queries_is_constant_and_small(tab, browser, alices, bobs):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(browser, alices, tab)
        return len(captured)

    def happens(amount: int) -> None:
        people.transfer(alices, bobs, amount)
        people.place(alices, bobs, amount, expires_at=None)
        a_cash_out(alices, amount)
        send_one(alices.user, Kind.IDENTITY, identity_number=f"123456{amount:02}Z")
        shown(browser, alices)

    happens(1)
    few = queries()
    for amount in range(2, 6):
        happens(amount)
    assert queries() == few <= MOST_QUERIES
