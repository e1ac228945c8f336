"""The work of several reviewers: next review, who has it open, who is assigned, and the queue."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support import people
from tests.support.kyc import approve, send_one
from tests.support.reviews import QUEUE, do_action, page_of, queue, said, who
from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, somebody
from users import kyc
from users.kyc import Kind
from users.models import Access, KycDocument, RejectionReason, ReviewAssignment, User

pytestmark = pytest.mark.django_db

COMPANY = {
    "kind": "JURIDICAL",
    "user_name": "example-ltd",
    "company_name": "Example Ltd",
    "mobile_phone": "+34600000003",
}


def shown(browser: Browser, user: User) -> str:
    return " ".join(browser.get(page_of(user)).content.decode().split())


def assign(browser: Browser, user: User, member: str) -> Any:
    address = reverse("admin:users_review_action", args=[user.pk, "assign"])
    return browser.post(address, {"key": str(uuid4()), "member": member})


# --- The page -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_document_is_ticked_in_advance(operator, alice):
    send_one(alice, Kind.OCCUPATION)
    page = shown(operator, alice)
    assert 'name="documents"' in page
    assert " checked" not in page


def test_page_offers_the_reasons_that_are_offered(operator, alice, sent):
    RejectionReason.objects.all().delete()
    RejectionReason.objects.create(text="The picture is blurred.")
    RejectionReason.objects.create(text="Not used any more.", is_offered=False)
    page = shown(operator, alice)
    assert '<option value="The picture is blurred.">' in page
    assert "Not used any more." not in page


@pytest.mark.slow
def test_same_document_is_confirmed_on_the_page(operator, alice, bob):
    approve(bob, kyc.IDENTITY)
    identity = send_one(alice, Kind.IDENTITY)
    assert f'name="same_document" value="{bob.id}"' in shown(operator, alice)
    refused = do_action(operator, alice, "approve", identity).context["refused"]
    assert "same_document" in refused.errors
    answer = do_action(operator, alice, "approve", identity, same_document=str(bob.id))
    assert answer.status_code == 302


# --- The next review ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_decision_leads_to_the_review_that_waits_longest(name, operator, alice, bob, client_demo):
    company = people.a_user(client_demo, COMPANY)
    document = send_one(alice, Kind.OCCUPATION)
    for user in (bob, company):
        send_one(user, Kind.HOME_ADDRESS)
    KycDocument.objects.filter(user=company).update(created_at="2026-01-01T00:00:00Z")
    reason = {"reason": "Unknown code"} if name == "reject" else {}
    answer = do_action(operator, alice, name, document, next="1", **reason)
    assert answer.url == page_of(company)
    assert "Alice Example: Documents" in said(answer)[0]


@pytest.mark.slow
def test_next_review_is_not_one_that_is_assigned_to_somebody_else(operator, alice, bob):
    document = send_one(alice, Kind.OCCUPATION)
    send_one(bob, Kind.OCCUPATION)
    supervisor = somebody(SUPERVISOR)
    assign(supervisor, bob, who(supervisor))
    answer = do_action(operator, alice, "approve", document, next="1")
    assert answer.url == QUEUE
    assert said(answer)[-1] == "No other review waits for you."


@pytest.mark.slow
def test_refused_decision_leads_nowhere(operator, alice, bob, sent):
    send_one(bob, Kind.OCCUPATION)
    answer = do_action(operator, alice, "approve", next="1")
    assert "Tick the documents that you decide about." in answer.content.decode()
    assert 'name="next" value="1"' in answer.content.decode()


@pytest.mark.slow
def test_second_reviewer_sees_the_first_decision(operator, alice, sent):
    do_action(operator, alice, "approve", sent)
    other = somebody(SUPERVISOR)
    answer = do_action(other, alice, "reject", sent, reason="Unknown code").content.decode()
    assert f"Occupation: Approved ({OPERATOR})." in answer
    page = shown(other, alice)
    assert f'<span class="state">Approved</span> <span class="quiet">{OPERATOR}' in page


# --- Who has it open ------------------------------------------------------------------------------


@pytest.mark.slow
def test_page_names_its_other_recent_readers(operator, alice, sent):
    shown(operator, alice)
    page = shown(operator, alice)
    assert "opened this review" not in page
    other = somebody(SUPERVISOR)
    assert f"{OPERATOR} opened this review less than a minute ago." in shown(other, alice)


@pytest.mark.slow
def test_open_page_is_forgotten_after_ten_minutes(operator, alice, sent):
    shown(operator, alice)
    other = somebody(SUPERVISOR)
    Access.objects.update(created_at=Access.objects.get().created_at - timedelta(minutes=2))
    assert f"{OPERATOR} opened this review 2 minutes ago." in shown(other, alice)
    Access.objects.filter(actor=who(operator)).update(
        created_at=Access.objects.earliest("id").created_at - timedelta(minutes=9)
    )
    assert "opened this review" not in shown(other, alice)


# --- Who is assigned ------------------------------------------------------------------------------


@pytest.mark.slow
def test_review_is_assigned_shown_in_the_queue_and_filtered(operator, alice, bob):
    for user in (alice, bob):
        send_one(user, Kind.OCCUPATION)
    assert said(assign(operator, alice, who(operator))) == ["Review assigned."]
    assert queue(operator, state="mine") == ["alice"]
    assert queue(operator, state="free") == ["bob"]
    assert OPERATOR in operator.get(QUEUE, {"state": "mine"}).content.decode()
    assign(operator, alice, "")
    assert queue(operator, state="mine") == []
    assert [each.member for each in ReviewAssignment.objects.order_by("id")] == [who(operator), ""]


def test_same_assignment_is_stored_once(operator, alice, sent):
    for _ in range(2):
        assign(operator, alice, who(operator))
    assert ReviewAssignment.objects.count() == 1


def test_review_is_assigned_to_reviewers_only(operator, alice, sent):
    somebody(VIEWER)
    viewer = get_user_model().objects.get(username=VIEWER)
    answer = assign(operator, alice, f"staff:{viewer.pk}")
    assert "member" in answer.context["form"].errors
    assert assign(somebody(SUPERVISOR), alice, who(operator)).status_code == 302


# --- The queue ------------------------------------------------------------------------------------


def test_queue_shows_names_pending_documents_and_levels(operator, alice):
    for kind in (Kind.IDENTITY, Kind.DOCUMENT_IDENTITY_FRONT):
        send_one(alice, kind)
    page = operator.get(QUEUE).content.decode()
    assert "Alice Example" in page
    assert "Identity; Identity document, front" in page
    assert re.search(r'class="field-asked_level"[^>]*>1</td>', page)


def test_queue_runs_the_same_number_of_queries_for_many_users(operator, alice, bob):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            operator.get(QUEUE)
        return len(captured)

    send_one(alice, Kind.OCCUPATION)
    assign(operator, alice, who(operator))
    few = queries()
    send_one(bob, Kind.OCCUPATION)
    send_one(bob, Kind.HOME_ADDRESS)
    assign(operator, bob, who(operator))
    assert queries() == few
