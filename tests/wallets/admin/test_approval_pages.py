"""The pages with which members of staff ask for approvals and decide about them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.test import Client as Browser
from django.urls import reverse

from tests.support import people, staff
from tests.support.approval_pages import REASON, action_address, ask_on_page, decide_on_page
from tests.support.approvals import a_request, ask, balance_of, raise_threshold, seen_now
from tests.support.cash_outs import a_cash_out
from tests.support.payments_out import bulk, choose, form_on, words_of
from users.admin.approved_staff import about_member
from users.approvals.asking import ask_for_approval
from users.models import Approval, User
from users.models.approvals import ApprovalKind
from wallets import posting
from wallets.admin import bulk as payments
from wallets.models import Movement, Wallet
from wallets.orders.cash_outs import MarkCashOutSent

pytestmark = pytest.mark.django_db
State = Approval.State


@pytest.fixture
def alice_at_work(asker: Any) -> Browser:
    return staff.browser_of(asker)


@pytest.fixture
def bob_at_work(second: Any) -> Browser:
    return staff.browser_of(second)


@pytest.mark.slow
def test_cash_in_is_asked_for_on_the_page_of_the_wallet_and_approved(
    alice_at_work, bob_at_work, alices
):
    asked = ask_on_page(
        alice_at_work, alices, "add-movement", kind="CASH_IN", amount="5", concept="Card"
    )
    assert (asked.amount, asked.reason) == (5_00, "Letter of the bank")
    assert balance_of(alices) == 100_00
    own = alice_at_work.get(reverse("admin:approvals"))
    assert "Nothing waits for you" in words_of(own)
    assert "Letter of the bank" in words_of(own)
    page = bob_at_work.get(reverse("admin:approvals"))
    assert "Balance afterwards 105.00 EUR" in words_of(page)
    page = bob_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert [each.name for each in page.context["page_actions"]] == ["approve", "refuse"]
    assert "105.00 EUR" in words_of(page)
    assert "Approved and done." in words_of(decide_on_page(bob_at_work, asked))
    assert balance_of(alices) == 105_00
    page = bob_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert page.context["page_actions"] == []


@pytest.mark.slow
def test_big_sum_is_asked_for_in_figures_and_words(alice_at_work, bob_at_work, alices):
    values = {"kind": "CASH_IN", "amount": "5.000.000,00", "concept": "x"}
    form = {"key": str(uuid4()), **values}
    before = alice_at_work.post(action_address(alices, "add-movement"), form)
    asked = ask_on_page(alice_at_work, alices, "add-movement", **values)
    after = bob_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    for text in (words_of(before), words_of(after)):
        assert "Amount 5,000,000.00 EUR In words five million euros" in text
        assert "Balance afterwards 5,000,100.00 EUR" in text


@pytest.mark.slow
def test_asker_can_only_withdraw_on_the_page(alice_at_work, alices):
    asked = ask_on_page(
        alice_at_work, alices, "add-movement", kind="UP", amount="5", concept="Card"
    )
    page = alice_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert [each.name for each in page.context["page_actions"]] == ["withdraw"]
    assert "You asked for this" in words_of(page)
    page = decide_on_page(alice_at_work, asked)
    assert "You asked for this. Somebody else must decide." in words_of(page)
    assert balance_of(alices) == 100_00
    alice_at_work.post(action_address(asked, "withdraw"), {"key": str(uuid4())})
    asked.refresh_from_db()
    assert asked.state == State.WITHDRAWN


@pytest.mark.slow
def test_page_shows_changed_facts_and_the_same_form_then_approves(
    bob_at_work, asker, second, alices
):
    asked = a_request(alices, 5_00, asker)
    form = {"key": str(uuid4()), "seen": seen_now(asked), "decision": "Seen"}
    User.objects.filter(id=alices.user_id).update(first_name="Alicia")
    page = bob_at_work.post(action_address(asked, "approve"), form)
    assert "The facts have changed. Nothing was done." in words_of(page)
    assert "Owner: Alice Example → Alicia Example" in words_of(page)
    assert balance_of(alices) == 100_00
    form["seen"] = page.context["form"]["seen"].value()
    assert bob_at_work.post(action_address(asked, "approve"), form).status_code == 302
    assert balance_of(alices) == 105_00


@pytest.mark.slow
def test_refusal_needs_a_reason_and_is_shown_to_the_asker(
    alice_at_work, bob_at_work, asker, alices
):
    asked = a_request(alices, 5_00, asker)
    form = {"key": str(uuid4()), "decision": ""}
    assert bob_at_work.post(action_address(asked, "refuse"), form).status_code == 200
    bob_at_work.post(action_address(asked, "refuse"), form | {"decision": "No letter"})
    page = alice_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert "No letter" in words_of(page)


def test_impossible_action_is_refused_before_it_is_asked_for(alice_at_work, alices):
    form = {"key": str(uuid4()), "kind": "DOWN", "amount": "100.01", "concept": "Card"}
    page = alice_at_work.post(action_address(alices, "add-movement"), form)
    assert "Available: 100.00 EUR" in words_of(page)
    page = alice_at_work.post(action_address(alices, "add-movement"), form | REASON)
    assert "Available: 100.00 EUR" in words_of(page)
    assert not Approval.objects.exists()


def test_action_below_the_threshold_is_done_at_once(alice_at_work, asker, second, alices):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    form = {"key": str(uuid4()), "kind": "CASH_IN", "amount": "5", "concept": "Card"}
    alice_at_work.post(action_address(alices, "add-movement"), form | {"confirmed": "1"})
    assert balance_of(alices) == 105_00


@pytest.mark.slow
def test_reversal_without_an_amount_asks_for_the_shown_one(alice_at_work, bob_at_work, alices):
    received = Movement.objects.get(wallet=alices)
    asked = ask_on_page(alice_at_work, received, "reverse", amount="", concept="")
    assert asked.amount == 100_00
    decide_on_page(bob_at_work, asked)
    assert balance_of(alices) == 0


def sent_cash_outs(wallet: Wallet, number: int) -> list[Movement]:
    found = [a_cash_out(wallet, 1_00) for _ in range(number)]
    for each in found:
        about: dict[str, Any] = {"wallet_id": wallet.id, "movement_id": each.id}
        posting.submit(MarkCashOutSent(client_id=wallet.client_id, by=people.BY, **about))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["settle", "reject"])
def test_many_sent_payments_are_asked_for_and_approved_at_once(
    alice_at_work, bob_at_work, alices, name
):
    payments = sent_cash_outs(alices, 3)
    values = {"reason": "Returned"} if name == "reject" else {}
    page = bulk(alice_at_work, name, payments, approval_reason="Statement 7", **values)
    assert "3 payments wait for an approval." in words_of(page)
    page = bulk(alice_at_work, name, payments, approval_reason="Statement 7", **values)
    assert "This waits for an approval already." in words_of(page)
    waiting = [str(pk) for pk in Approval.objects.values_list("pk", flat=True)]
    page = bob_at_work.post(reverse("admin:approvals-confirm"), {"item": waiting})
    rows = page.context["rows"]
    assert len(rows) == 3
    assert words_of(page).count("Statement 7") == 3
    items = [f"{row.asked.pk}:{row.digest}" for row in rows]
    page = bob_at_work.post(reverse("admin:approvals-decide"), {"item": items[:1]}, follow=True)
    assert "1 request approved and done." in words_of(page)
    page = bob_at_work.post(reverse("admin:approvals-decide"), {"item": items}, follow=True)
    text = words_of(page)
    assert "This was decided already." in text
    assert "The facts have changed" not in text
    assert not Movement.objects.filter(type="CASH_OUT", status="PENDING").exists()


def test_bulk_approval_leaves_out_own_requests(alice_at_work, asker, alices):
    asked = a_request(alices, 5_00, asker)
    page = alice_at_work.post(reverse("admin:approvals-confirm"), {"item": [str(asked.pk)]})
    assert page.context["left_out"] == 1
    item = f"{asked.pk}:{seen_now(asked)}"
    alice_at_work.post(reverse("admin:approvals-decide"), {"item": [item]})
    assert balance_of(alices) == 100_00


@pytest.mark.parametrize("route", ["approvals-confirm", "approvals-decide"])
def test_malformed_selection_is_refused(bob_at_work, route):
    assert bob_at_work.post(reverse(f"admin:{route}"), {"item": ["x"]}).status_code == 400


def test_staff_create_no_money_over_the_api(asker, alices):
    browser = Browser(enforce_csrf_checks=False)
    browser.force_login(asker)
    staff.allow(asker, "wallets.add_movement")
    body = {"type": "CASH_IN", "amount": "5.00"}
    address = f"/api/v1/wallets/{alices.pk}/movements"
    answer = browser.post(
        address, body, content_type="application/json", headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "permission_denied"
    assert balance_of(alices) == 100_00


@pytest.mark.slow
def test_first_page_counts_requests_waiting_for_the_member(
    alice_at_work, bob_at_work, asker, alices
):
    a_request(alices, 5_00, asker)
    assert "Waiting for my approval 1 request" in words_of(bob_at_work.get("/admin/"))
    assert "Waiting for my approval None" in words_of(alice_at_work.get("/admin/"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["approve", "refuse", "withdraw"])
@pytest.mark.parametrize("kind", [ApprovalKind.RESET_PASSWORD, ApprovalKind.ACTIVATE_MEMBER])
def test_request_about_a_deleted_member_has_pages(name, kind, asker, second):
    carol = staff.a_member(staff.VIEWER, name="carol")
    asked = ask(about_member(kind)(carol, {}), asker)
    get_user_model().objects.filter(pk=carol.pk).delete()
    browser = staff.browser_of(asker if name == "withdraw" else second)
    pages = (
        reverse("admin:users_approval_change", args=[asked.pk]),
        reverse("admin:approvals"),
        action_address(asked, name),
    )
    assert [browser.get(each).status_code for each in pages] == [200, 200, 200]


@pytest.mark.slow
def test_request_about_a_deleted_member_is_not_approved(asker, second):
    carol = staff.a_member(staff.VIEWER, name="carol")
    asked = ask(about_member(ApprovalKind.RESET_PASSWORD)(carol, {}), asker)
    get_user_model().objects.filter(pk=carol.pk).delete()
    page = decide_on_page(staff.browser_of(second), asked)
    assert page.status_code == 200
    assert "does not exist" in words_of(page)
    asked.refresh_from_db()
    assert asked.is_waiting


ACTION = "admin:payments-out-action"
REASON_OF_BULK = {"approval_reason": "The bank's statement"}


@pytest.fixture
def sent(asker: Any, second: Any, alices: Wallet) -> list[Any]:
    """Payments out that were sent to the bank; one person may settle the first one alone."""
    raise_threshold(ApprovalKind.SETTLE_CASH_OUT, 5_00, asker, second)
    found = [a_cash_out(alices, minor) for minor in (4_00, 20_00, 30_00)]
    for each in found:
        posting.submit(MarkCashOutSent(**people.about(alices), movement_id=each.id))
    return found


@pytest.mark.slow
def test_busy_database_leaves_a_report_of_all_payments(alice_at_work, sent, monkeypatch):
    calls: list[Any] = []

    def busy(*values: Any, **more: Any) -> Any:
        calls.append(values)
        if len(calls) == 2:
            raise OperationalError("canceling statement due to lock timeout")
        return ask_for_approval(*values, **more)

    form = form_on(choose(alice_at_work, "settle", sent)) | REASON_OF_BULK
    with monkeypatch.context() as patched:
        patched.setattr(payments, "ask_for_approval", busy)
        page = alice_at_work.post(reverse(ACTION), form)
    assert page.status_code == 200
    text = words_of(page)
    assert "1 payment settled. 1 payment waits for an approval." in text
    assert "30.00" in text
    assert "Try 1 again" in text
    assert Movement.objects.filter(type="CASH_OUT", status="SUCCESS").count() == 1
    assert Approval.objects.waiting().count() == 1
    again = alice_at_work.post(reverse(ACTION), form_on(page), follow=True)
    assert "1 payment waits for an approval" in words_of(again)
    assert Approval.objects.waiting().count() == 2


@pytest.mark.slow
def test_bulk_stops_asking_after_its_time_and_tells_the_rest(alice_at_work, sent, monkeypatch):
    form = form_on(choose(alice_at_work, "settle", sent)) | REASON_OF_BULK
    with monkeypatch.context() as patched:
        patched.setattr(payments, "LONGEST_TO_ASK", -1.0)
        page = alice_at_work.post(reverse(ACTION), form)
    text = words_of(page)
    assert "1 payment settled. 2 of 3 could not be changed." in text
    assert "Try 2 again" in text
    assert not Approval.objects.waiting().exists()
    alice_at_work.post(reverse(ACTION), form_on(page))
    assert Approval.objects.waiting().count() == 2


@pytest.mark.slow
def test_unfinished_closing_hides_no_settled_payment(
    alice_at_work, asker, second, alices, monkeypatch
):
    raise_threshold(ApprovalKind.SETTLE_CASH_OUT, 5_00, asker, second)
    payment = a_cash_out(alices, 4_00)
    posting.submit(MarkCashOutSent(**people.about(alices), movement_id=payment.id))

    def broken(*values: Any) -> Any:
        raise OperationalError("the connection is lost")

    form = form_on(choose(alice_at_work, "settle", [payment]))
    monkeypatch.setattr(payments, "finish_paid", broken)
    page = alice_at_work.post(reverse(ACTION), form, follow=True)
    assert page.status_code == 200
    assert "1 payment settled." in words_of(page)
