"""The queue of payments out: what it shows, who may act, and that each item is its own order."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from iocash.db import clock
from tests.support import people, sandbox
from tests.support.cash_outs import a_cash_out, end, money_of
from tests.support.ibans import IBAN
from tests.support.payments_out import (
    bulk,
    choose,
    confirm,
    form_on,
    ids_on,
    queue,
    send,
    states,
    words_of,
)
from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, somebody
from wallets import posting
from wallets.admin import bulk as bulk_actions
from wallets.admin import payments_out
from wallets.admin import queue as queues
from wallets.models import Movement
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOut,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.posting import group

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_person_acts")]


@pytest.fixture
def browser():
    return somebody(SUPERVISOR)


@pytest.fixture
def three(alices):
    return [a_cash_out(alices, amount) for amount in (10_00, 20_00, 1_50)]


# --- The list -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_tabs_show_cash_outs_by_state(browser, alices, bobs):
    movements = {
        "to-send": a_cash_out(alices, 1_00),
        "sent": end(MarkCashOutSent, a_cash_out(alices, 2_00)),
        "settled": end(SettleCashOut, end(MarkCashOutSent, a_cash_out(alices, 3_00))),
        "rejected": end(RejectCashOut, a_cash_out(alices, 4_00), reason="Closed"),
        "cancelled": end(CancelCashOut, a_cash_out(alices, 5_00)),
    }
    people.transfer(alices, bobs, 6_00)
    for state, movement in movements.items():
        assert ids_on(queue(browser, state=state)) == [str(movement.id)]
    assert ids_on(queue(browser)) == [str(movements["to-send"].id)]


def days_later(days: int) -> None:
    sandbox.make()
    sandbox.set_clock(clock.now() + timedelta(days=days))


@pytest.mark.slow
def test_row_names_owner_account_amount_state_and_age(browser, three):
    days_later(2)
    text = words_of(queue(browser))
    for expected in ("Alice Example", three[0].iban, "20.00 EUR", "To send", "2 days", "Rent"):
        assert expected in text
    assert "-20.00" not in text
    assert "3 payments: 31.50 EUR" in text


@pytest.mark.slow
def test_filters_select_by_name_iban_id_client_currency_and_age(browser, alices, bobs):
    people.cash_in(bobs, 10_00)
    mine, other = a_cash_out(alices, 1_00), a_cash_out(bobs, 2_00)
    theirs = {"client": str(people.a_client("Another").id)}
    yen = people.a_wallet(alices.user, "JPY")
    both = [str(mine.id), str(other.id)]
    for filters, found in (
        ({"q": "exámple ali"}, both[:1]),
        ({"q": "bob"}, both[1:]),
        ({"q": str(other.id)}, both[1:]),
        ({"q": str(alices.id)}, both[:1]),
        ({"q": "es91 2100 0418 4502 0005 1332"}, both),
        ({"q": "nobody"}, []),
        ({"client": str(alices.client_id)}, both),
        (theirs, []),
        ({"currency": "EUR"}, both),
        ({"currency": yen.currency}, []),
        ({"days": 1}, []),
    ):
        assert ids_on(queue(browser, **filters)) == found, filters
    days_later(1)
    assert ids_on(queue(browser, days=1)) == both


@pytest.mark.slow
def test_wrong_filter_shows_an_error_and_no_rows(browser, three):
    for wrong in ({"client": "x"}, {"currency": "XXX"}, {"days": "9"}, {"state": "x"}):
        answer = queue(browser, **wrong)
        assert ids_on(answer) == []
        assert answer.context["form"].errors.keys() == wrong.keys()


@pytest.mark.slow
def test_pages_follow_each_other_without_gaps(browser, three, monkeypatch):
    monkeypatch.setattr(payments_out, "PAGE", 2)
    monkeypatch.setattr(queues, "PAGE", 2)
    first = queue(browser, currency="EUR")
    assert ids_on(first) == [str(each.id) for each in three[:2]]
    second = browser.get(first.context["next"])
    assert (ids_on(second), second.context["next"]) == ([str(three[2].id)], "")
    assert "currency=EUR" in first.context["next"]
    ended = [end(RejectCashOut, each, reason="Closed") for each in three]
    for search in ("", "alice"):
        first = queue(browser, state="rejected", q=search)
        second = browser.get(first.context["next"])
        assert ids_on(first) + ids_on(second) == [str(each.id) for each in reversed(ended)]


@pytest.mark.slow
def test_pages_of_cash_outs_of_one_moment_have_no_gaps(browser, alices, monkeypatch):
    monkeypatch.setattr(payments_out, "PAGE", 2)
    monkeypatch.setattr(queues, "PAGE", 2)
    order = CashOut(**people.about(alices), amount=people.decimal(1_00), iban=IBAN)
    made = [outcome.id for outcome in group.post([order] * 3) if isinstance(outcome, Outcome)]
    (moment,) = Movement.objects.filter(id__in=made).values_list("created_at").distinct()
    first = queue(browser)
    second = browser.get(first.context["next"])
    assert ids_on(first) + ids_on(second) == sorted(map(str, made)), moment


@pytest.mark.slow
def test_query_count_of_the_queue_is_constant(browser, alices):
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert queue(browser, q="alice").status_code == 200
        return len(captured)

    a_cash_out(alices, 1_00)
    count()
    before = count()
    for _ in range(10):
        a_cash_out(alices, 1_00)
    assert count() == before <= 16


@pytest.mark.slow
def test_empty_queue_says_so(browser, alices):
    assert "No payments here." in words_of(queue(browser))


def test_large_queue_is_not_added_up(browser, three, monkeypatch):
    monkeypatch.setattr(queues, "MOST_COUNTED", 2)
    answer = queue(browser)
    assert answer.context["totals"] is None
    assert "Filter them to see their sum." in answer.text


# --- Who may act ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "offered"), [(VIEWER, []), (OPERATOR, ["send"]), (SUPERVISOR, ["send", "reject"])]
)
def test_actions_require_their_permissions(group, offered, three):
    member = somebody(group)
    assert [action.name for action in queue(member).context["actions"]] == offered
    for action in ("send", "settle", "reject"):
        may = action in offered or (group == SUPERVISOR)
        assert choose(member, action, three).status_code == (200 if may else 403)
        form = {"action": action, "key": str(uuid4()), "item": str(three[0].id), "reason": "Closed"}
        if not may:
            assert send(member, form).status_code == 403
    assert states(three) == ["PENDING"] * 3


def test_pages_require_the_view_permission_and_a_log_in(client, three):
    worker = somebody(VIEWER)
    worker.get("/admin/")
    for name in ("payments-out", "payments-out-confirm", "payments-out-action"):
        assert client.get(reverse(f"admin:{name}")).status_code == 302
        assert client.post(reverse(f"admin:{name}")).status_code == 302
    assert states(three) == ["PENDING"] * 3


# --- Actions --------------------------------------------------------------------------------------


def test_confirmation_shows_count_sums_words_and_list_and_changes_nothing(browser, three):
    text = words_of(choose(browser, "send", three))
    for expected in (
        "Mark 3 payments as sent",
        "31.50 EUR thirty-one euros and fifty cents",
        "Alice Example",
        "1.50 EUR",
    ):
        assert expected in text
    assert states(three) == ["PENDING"] * 3


@pytest.mark.slow
def test_payments_are_sent_then_settled_with_one_confirmation_each(browser, alices, three):
    assert "3 payments marked as sent. 31.50 EUR" in bulk(browser, "send", three).text
    assert states(three) == ["SENT"] * 3
    assert "3 payments settled. 31.50 EUR" in bulk(browser, "settle", three).text
    assert states(three) == ["SUCCESS"] * 3
    assert money_of(alices) == (68_50, 0)


def test_rejection_needs_a_reason_which_all_payments_have(browser, alices, three):
    page = choose(browser, "reject", three)
    again = confirm(browser, page, reason="")
    assert "This field is required." in again.text
    assert form_on(again)["key"] == form_on(page)["key"]
    assert "3 payments rejected." in confirm(browser, again, reason="Account closed").text
    assert {each.reason for each in Movement.objects.filter(status="ERROR")} == {"Account closed"}
    assert money_of(alices) == (100_00, 0)


@pytest.mark.slow
def test_scope_selects_the_page_or_all_that_match(browser, three, monkeypatch):
    monkeypatch.setattr(payments_out, "PAGE", 2)
    monkeypatch.setattr(queues, "PAGE", 2)
    form = form_on(queue(browser))
    page = choose(browser, "send", scope="page", shown=form["shown"], queue=form["queue"])
    assert len(form_on(page)["item"]) == 2
    whole = choose(browser, "send", scope="all", queue=form["queue"])
    assert len(form_on(whole)["item"]) == 3
    none = choose(browser, "send", scope="all", queue="currency=USD")
    assert none.status_code == 302


def test_all_that_match_are_at_most_the_limit(browser, three, monkeypatch):
    monkeypatch.setattr(bulk_actions, "MOST", 2)
    page = choose(browser, "send", scope="all", queue="state=to-send")
    assert len(form_on(page)["item"]) == 2


def test_wrong_filter_never_widens_the_selection(browser, three):
    assert choose(browser, "send", scope="all", queue="currency=XXX").status_code == 400


@pytest.mark.slow
def test_way_back_keeps_the_filters(browser, three):
    page = choose(browser, "send", three[:1], queue="state=to-send&currency=EUR")
    answer = confirm(browser, page)
    assert answer.redirect_chain == [("/admin/payments-out/?state=to-send&currency=EUR", 302)]
    assert ids_on(answer) == [str(each.id) for each in three[1:]]


@pytest.mark.slow
def test_nothing_selected_is_said_on_the_queue(browser, three):
    answer = browser.post(reverse("admin:payments-out-confirm"), {"action": "send"}, follow=True)
    assert "Select at least one payment." in answer.text


# --- Refusals, item by item -----------------------------------------------------------------------


@pytest.mark.slow
def test_refused_items_are_reported_with_the_reason_and_the_others_are_done(browser, three):
    page = choose(browser, "send", three)
    end(CancelCashOut, three[0])
    answer = confirm(browser, page)
    text = words_of(answer)
    assert "2 payments marked as sent. 1 of 3 could not be changed." in text
    assert "The system cancelled it just now." in text
    assert states(three) == ["CANCELLED", "SENT", "SENT"]


@pytest.mark.slow
def test_stale_selection_is_left_out_of_the_confirmation(browser, three):
    bulk(somebody(OPERATOR), "send", three[:1])
    page = choose(browser, "send", three)
    text = words_of(page)
    assert "Mark 2 payments as sent" in text
    assert "operator marked it as sent just now." in text
    assert len(form_on(page)["item"]) == 2


@pytest.mark.slow
def test_payment_that_was_sent_after_the_confirmation_is_not_rejected(browser, alices, three):
    page = choose(browser, "reject", three[:1])
    bulk(somebody(OPERATOR), "send", three[:1])
    text = words_of(confirm(browser, page, reason="Wrong account"))
    assert "operator marked it as sent just now." in text
    assert states(three[:1]) == ["SENT"]
    assert money_of(alices) == (100_00, 31_50)


@pytest.mark.slow
def test_last_of_several_changes_is_named(browser, three):
    """Bob sends it and Alice settles it: a third member reads that it was settled."""
    bulk(somebody(OPERATOR), "send", three[:1])
    bulk(browser, "settle", three[:1])
    text = words_of(choose(browser, "reject", three[:1]))
    assert "supervisor settled it just now." in text
    assert "marked it as sent" not in text


@pytest.mark.slow
def test_filters_without_a_match_can_be_cleared(browser, three):
    page = browser.get(reverse("admin:payments-out"), {"q": "nobody"}).text
    assert "Nothing matches the search and the filters." in page
    assert '<a href="?state=to-send">Clear the filters</a>' in page
    assert "Payments out that clients request" not in page


@pytest.mark.slow
def test_sent_tab_links_operators_to_the_manual(browser, alices, three):
    bulk(browser, "send", three)
    address = f"{reverse('admin:payments-out')}?state=sent"
    words = "You may only look at these payments."
    assert words in somebody(OPERATOR).get(address).text
    assert words not in browser.get(address).text


@pytest.mark.slow
def test_unsent_payment_is_not_settled(browser, three):
    assert "To send" in words_of(choose(browser, "settle", three[:1]))
    form = {"action": "settle", "key": str(uuid4()), "item": f"{three[0].id}:{three[0].version}"}
    assert "It has not been sent. Mark it as sent first." in send(browser, form).text
    assert states(three[:1]) == ["PENDING"]


@pytest.mark.slow
def test_items_that_the_database_did_not_take_can_be_sent_again(browser, three, monkeypatch):
    page = choose(browser, "send", three)
    with monkeypatch.context() as patch:
        patch.setattr(posting, "LONGEST_FOR_MANY", -1.0)
        answer = confirm(browser, page)
    assert "Try 3 again" in words_of(answer)
    assert form_on(answer)["key"] == form_on(page)["key"]
    assert "3 payments marked as sent." in confirm(browser, answer).text


@pytest.mark.slow
def test_payment_that_was_sent_before_another_try_is_not_rejected(
    browser, alices, three, monkeypatch
):
    page = choose(browser, "reject", three[:1])
    bulk(somebody(OPERATOR), "send", three[:1])
    with monkeypatch.context() as patch:
        patch.setattr(posting, "LONGEST_FOR_MANY", -1.0)
        again = confirm(browser, page, reason="Wrong account")
    assert "Try 1 again" in words_of(again)
    confirm(browser, again)
    assert states(three[:1]) == ["SENT"]
    assert money_of(alices) == (100_00, 31_50)
