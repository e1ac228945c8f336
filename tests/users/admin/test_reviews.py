"""The back office of reviews: the queue, the page, the documents, the decisions, who looked."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.urls import reverse

from tests.support import people
from tests.support.kyc import approve, review, send_one, stored
from tests.support.reviews import (
    BACK,
    QUEUE,
    address_of,
    do_action,
    looks,
    page_of,
    picture_of,
    queue,
    said,
    who,
)
from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, somebody
from tests.support.threads import at_once
from tests.support.user_actions import change
from users import kyc, names
from users.kyc import Kind
from users.models import Event, KycDocument, User
from wallets import posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db


# --- The queue ------------------------------------------------------------------------------------


def test_queue_lists_the_longest_waiting_user_first(operator, alice, bob):
    send_one(bob, Kind.OCCUPATION)
    send_one(alice, Kind.OCCUPATION)
    send_one(bob, Kind.HOME_ADDRESS)
    order = [
        ("alice", "2026-01-02T00:00:00Z", Kind.OCCUPATION),
        ("bob", "2026-01-03T00:00:00Z", Kind.OCCUPATION),
        ("bob", "2026-01-01T00:00:00Z", Kind.HOME_ADDRESS),
    ]
    for name, at, kind in order:
        KycDocument.objects.filter(user__user_name=name, kind=kind).update(created_at=at)
    assert queue(operator) == ["bob", "alice"]
    review(bob, KycDocument.objects.get(kind=Kind.HOME_ADDRESS))
    assert queue(operator) == ["alice", "bob"]


def test_queue_lists_only_users_with_pending_documents_by_default(operator, alice, bob, sent):
    approve(bob, {Kind.OCCUPATION})
    assert queue(operator) == ["alice"]
    assert queue(operator, state="all") == ["bob", "alice"]  # newest first


def test_user_without_documents_is_not_listed(operator, alice):
    assert queue(operator, state="all") == []
    assert operator.get(page_of(alice)).status_code == 302


def test_unsubscribed_user_is_not_listed(operator, alice, sent):
    posting.submit(UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id))
    assert queue(operator, state="all") == []
    assert do_action(operator, alice, "approve", sent).status_code == 404


# --- Who may --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_viewer_gets_403_for_reviews(alice, sent):
    viewer = somebody(VIEWER)
    document = send_one(alice, BACK)
    for address in (
        QUEUE,
        page_of(alice),
        address_of(alice, document),
        picture_of(alice, document),
    ):
        assert viewer.get(address).status_code == 403
    for name in ("approve", "reject"):
        assert do_action(viewer, alice, name, sent, reason="x").status_code == 403
    assert (looks(), stored(alice)[0]) == ([], (Kind.OCCUPATION, "PENDING"))


def test_viewer_gets_403_for_blocks_of_the_api(alice, sent):
    viewer = somebody(VIEWER)
    path = f"/api/v1/users/{alice.id}"
    assert viewer.get(f"{path}/occupation").status_code == 403
    assert viewer.get(f"{path}/documents/identity-back").status_code == 403
    assert looks() == []


def test_anonymous_visitor_is_redirected_to_the_log_in(alice, sent):
    document = send_one(alice, BACK)
    for address in (
        QUEUE,
        page_of(alice),
        address_of(alice, document),
        picture_of(alice, document),
    ):
        assert Browser().get(address).status_code == 302
    assert do_action(Browser(), alice, "approve", sent).status_code == 302
    assert (looks(), sent.status) == ([], "PENDING")


@pytest.mark.slow
def test_operator_reviews_but_does_not_see_the_access_log(operator, alice, sent):
    page = operator.get(page_of(alice)).content.decode()
    assert "2511" in page
    assert "Access log" not in page
    assert do_action(operator, alice, "approve", sent).status_code == 302
    assert stored(alice) == [(Kind.OCCUPATION, "APPROVED")]


@pytest.mark.slow
def test_supervisor_sees_the_access_log(operator, alice, sent):
    operator.get(page_of(alice))
    page = somebody(SUPERVISOR).get(page_of(alice)).content.decode()
    assert "Access log" in page
    assert f">{OPERATOR}</td>" in page


# --- Decisions ------------------------------------------------------------------------------------


def test_approval_raises_the_level_and_records_the_reviewer(operator, alice):
    sent = [send_one(alice, kind) for kind in sorted(kyc.IDENTITY)]
    answer = do_action(operator, alice, "approve", *sent)
    assert said(answer) == ["Documents approved."]
    assert User.objects.get(id=alice.id).kyc_level == 1
    assert {each.reviewed_by for each in KycDocument.objects.all()} == {who(operator)}
    assert Event.objects.get(kind="user.level_changed").actor == who(operator)


def test_client_reads_the_rejection_reason(operator, api, alice, sent):
    assert do_action(operator, alice, "reject", sent, reason="Unknown code").status_code == 302
    shown = api.get(f"users/{alice.id}/occupation").json
    assert (shown["status"], shown["reason"]) == ("REJECTED", "Unknown code")


@pytest.mark.parametrize("reason", ["", " ", "\t", "x" * 201])
def test_rejection_needs_a_reason(operator, alice, sent, reason):
    answer = do_action(operator, alice, "reject", sent, reason=reason)
    assert (answer.status_code, "reason" in answer.context["refused"].errors) == (200, True)
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


def test_approval_with_a_typed_reason_is_refused(operator, alice, sent):
    answer = do_action(operator, alice, "approve", sent, reason="Typed, then Enter")
    assert "Reject, or empty the reason." in answer.content.decode()
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


def test_unticked_document_stays_pending(operator, alice, sent):
    other = send_one(alice, Kind.HOME_ADDRESS)
    do_action(operator, alice, "approve", other)
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING"), (Kind.HOME_ADDRESS, "APPROVED")]


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_decision_without_documents_is_refused(operator, alice, sent, name):
    answer = do_action(operator, alice, name, reason="x")
    assert "documents" in answer.context["refused"].errors
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["approve", "reject"])
def test_decision_from_a_stale_page_is_refused(operator, alice, sent, name):
    operator.get(page_of(alice))
    send_one(alice, Kind.OCCUPATION, occupation_code="9999")
    answer = do_action(operator, alice, name, sent, reason="x")
    assert "Review it again." in answer.content.decode()
    assert stored(alice) == [(Kind.OCCUPATION, "REPLACED"), (Kind.OCCUPATION, "PENDING")]


def test_decision_form_offers_only_the_selected_documents(operator, alice, sent):
    """Opening the address selects nothing, and a newer document replaces no selected one."""
    address = reverse("admin:users_review_action", args=[alice.pk, "approve"])
    assert str(sent.id) not in operator.get(address).content.decode()
    new = send_one(alice, Kind.OCCUPATION, occupation_code="9999")
    page = do_action(operator, alice, "approve", sent).content.decode()
    assert tick_of(new) in page
    assert f"{tick_of(new)} checked" not in page


def test_ticked_document_is_kept_when_the_reason_is_missing(operator, alice, sent):
    other = send_one(alice, Kind.HOME_ADDRESS)
    page = do_action(operator, alice, "reject", sent).content.decode()
    assert "Give the reason for rejection." in page
    assert f"{tick_of(sent)} checked" in page
    assert f"{tick_of(other)}>" in page


def test_refused_decision_keeps_the_document_and_the_reason_on_the_page(operator, alice):
    front = send_one(alice, Kind.DOCUMENT_IDENTITY_FRONT)
    page = do_action(operator, alice, "reject", reason="The picture is blurred.").content.decode()
    assert "Tick the documents that you decide about." in page
    assert picture_of(alice, front) in page
    assert 'value="The picture is blurred."' in page
    for name in ("approve", "reject"):
        assert f'formaction="{reverse("admin:users_review_action", args=[alice.pk, name])}"' in page


def tick_of(document: KycDocument) -> str:
    return f'name="documents" value="{document.id}" form="decide"'


def test_document_of_another_user_is_not_decided(operator, alice, bob, sent):
    others = send_one(bob, Kind.OCCUPATION)
    answer = do_action(operator, alice, "approve", sent, others)
    assert "Review it again." in answer.content.decode()
    assert stored(alice) == stored(bob) == [(Kind.OCCUPATION, "PENDING")]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_decisions_accept_one_and_ask_the_other_to_look_again():
    alice = people.a_user(people.a_client(), people.ALICE)
    sent = send_one(alice, Kind.OCCUPATION)
    one, two = somebody(OPERATOR), somebody(SUPERVISOR)
    at_once(
        lambda: do_action(one, alice, "approve", sent),
        lambda: do_action(two, alice, "reject", sent, reason="Unknown code"),
    )
    sent.refresh_from_db()
    assert sent.status in {"APPROVED", "REJECTED"}
    decided = Event.objects.filter(kind__startswith="user.kyc_document_").exclude(
        actor=people.BY.actor
    )
    assert [each.actor for each in decided] == [sent.reviewed_by]


def test_cross_site_request_gets_403(operator, alice, sent):
    browser = Browser(enforce_csrf_checks=True)
    browser.cookies = operator.cookies
    assert do_action(browser, alice, "approve", sent).status_code == 403
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


# --- Names ----------------------------------------------------------------------------------------


def test_new_name_is_shown_and_approved_on_the_page(operator, alice):
    approve(alice, kyc.IDENTITY)
    change(alice, last_name="Newname")
    assert "Newname" in operator.get(page_of(alice)).content.decode()
    assert queue(operator) == ["alice"]
    do_action(operator, alice, "approve", KycDocument.objects.get(kind=Kind.NAME))
    assert User.objects.get(id=alice.id).last_name == "Newname"


def test_decision_is_refused_when_the_name_changed_since_the_page(operator, alice, sent):
    seen = names.seen(alice)
    change(alice, first_name="Mallory")
    answer = do_action(operator, alice, "approve", sent, names=seen)
    assert "Review it again." in said(answer)[0]
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


def test_page_submits_the_names_that_it_shows(operator, alice, sent):
    assert f'value="{names.seen(alice)}"' in operator.get(page_of(alice)).content.decode().replace(
        "&quot;", '"'
    ).replace('""', '"')
