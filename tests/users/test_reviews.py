"""The back office of reviews: the queue, the page, the documents, the decisions, who looked."""

from __future__ import annotations

import io
from dataclasses import replace
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from tests.support import hostile_files, people
from tests.support.backoffice import list_of
from tests.support.kyc import CARD, PAGE, approve, files, review, send_one, stored
from tests.support.threads import at_once
from tests.support.user_actions import change
from tests.wallets.test_actions import OPERATOR, SUPERVISOR, VIEWER, somebody
from users import demo_documents, kyc, names
from users.documents import processes
from users.kyc import File, Kind
from users.models import Access, Event, Evidence, Review, User
from wallets import erasure, posting
from wallets.orders import UnsubscribeUser

pytestmark = pytest.mark.django_db

QUEUE = list_of(Review)
BACK = Kind.DOCUMENT_IDENTITY_BACK


@pytest.fixture
def operator(db: None) -> Browser:
    return somebody(OPERATOR)


@pytest.fixture
def sent(alice: User) -> Evidence:
    """What Alice does for a living; it waits."""
    return send_one(alice, Kind.OCCUPATION)


def page_of(user: User) -> str:
    return reverse("admin:users_review_change", args=[user.pk])


def address_of(user: User, evidence: Evidence) -> str:
    return reverse("admin:users_review_document", args=[user.pk, evidence.pk])


def act(browser: Browser, user: User, name: str, *evidence: Evidence, **values: str) -> Any:
    address = reverse("admin:users_review_act", args=[user.pk, name])
    ids = [str(each.id) for each in evidence]
    seen = {"key": str(uuid4()), "names": names.seen(User.objects.get(pk=user.pk))}
    return browser.post(address, {**seen, "evidence": ids, **values})


def said(answer: Any) -> list[str]:
    """What the page after a decision says."""
    return [str(message) for message in get_messages(answer.wsgi_request)]


def queue(browser: Browser, **query: str) -> list[str]:
    """The names in the queue, in its order."""
    answer = browser.get(QUEUE, query)
    return [user.user_name for user in answer.context["cl"].result_list]


def looks() -> list[tuple[str, str, str]]:
    rows = Access.objects.order_by("id")
    return [(each.what, each.kind, each.actor) for each in rows]


def who(browser: Browser) -> str:
    return f"staff:{browser.session['_auth_user_id']}"


def picture_of(user: User, evidence: Evidence, number: int = 1) -> str:
    return reverse("admin:users_review_picture", args=[user.pk, evidence.pk, number])


def a_document(user: User, file: File) -> Evidence:
    return kyc.send(
        client_id=user.client_id,
        user_id=user.id,
        kind=Kind.DOCUMENT_INCOME_TAX,
        shown=file,
        by=people.BY,
    ).evidence


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
        Evidence.objects.filter(user__user_name=name, kind=kind).update(created_at=at)
    assert queue(operator) == ["bob", "alice"]
    review(bob, Evidence.objects.get(kind=Kind.HOME_ADDRESS))
    assert queue(operator) == ["alice", "bob"]


def test_queue_lists_only_users_with_pending_evidence_by_default(operator, alice, bob, sent):
    approve(bob, {Kind.OCCUPATION})
    assert queue(operator) == ["alice"]
    assert queue(operator, state="all") == ["bob", "alice"]  # newest first


def test_user_without_evidence_is_not_listed(operator, alice):
    assert queue(operator, state="all") == []
    assert operator.get(page_of(alice)).status_code == 302


def test_unsubscribed_user_is_not_listed(operator, alice, sent):
    posting.submit(UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id))
    assert queue(operator, state="all") == []
    assert act(operator, alice, "approve", sent).status_code == 404


# --- Who may --------------------------------------------------------------------------------------


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
        assert act(viewer, alice, name, sent, reason="x").status_code == 403
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
    assert act(Browser(), alice, "approve", sent).status_code == 302
    assert (looks(), sent.status) == ([], "PENDING")


def test_operator_reviews_but_does_not_see_the_access_log(operator, alice, sent):
    page = operator.get(page_of(alice)).content.decode()
    assert "2511" in page
    assert "Access log" not in page
    assert act(operator, alice, "approve", sent).status_code == 302
    assert stored(alice) == [(Kind.OCCUPATION, "APPROVED")]


def test_supervisor_sees_the_access_log(operator, alice, sent):
    operator.get(page_of(alice))
    page = somebody(SUPERVISOR).get(page_of(alice)).content.decode()
    assert "Access log" in page
    assert f"<td>{OPERATOR}</td>" in page


# --- Access log -----------------------------------------------------------------------------------


def test_opening_the_page_is_recorded(operator, alice, sent):
    operator.get(page_of(alice))
    assert looks() == [("REVIEW", "", who(operator))]


def test_queue_shows_no_evidence_and_records_no_access(operator, sent):
    assert "2511" not in operator.get(QUEUE).content.decode()
    assert looks() == []


def test_opening_a_document_is_recorded(operator, alice):
    document = send_one(alice, BACK)
    assert b"".join(operator.get(address_of(alice, document)).streaming_content)
    assert looks() == [("DOCUMENT", BACK, who(operator))]


def test_staff_access_over_the_api_is_recorded(operator, alice, sent):
    send_one(alice, BACK)
    path = f"/api/v1/users/{alice.id}"
    assert operator.get(f"{path}/occupation").status_code == 200
    assert operator.get(f"{path}/documents/identity-back").status_code == 200
    assert operator.get(f"{path}/occupation", headers={"Accept": "text/html"}).status_code == 200
    me = who(operator)
    block = "BLOCK", "OCCUPATION", me
    assert looks() == [block, ("DOCUMENT", BACK, me), block]


def test_client_access_is_not_recorded(api, alice, sent):
    assert api.get(f"users/{alice.id}/occupation").status == 200
    assert looks() == []


# --- The page and the documents -------------------------------------------------------------------


def test_page_shows_the_latest_evidence(operator, alice, sent):
    approve(alice, {Kind.HOME_ADDRESS})
    send_one(alice, Kind.HOME_ADDRESS, city="Toledo")
    page = operator.get(page_of(alice)).content.decode()
    assert "Toledo" in page
    assert "Madrid" in page  # its province
    assert page.count("> include") == 2


def test_page_escapes_evidence(operator, alice):
    send_one(alice, Kind.HOME_ADDRESS, address="<script>alert(1)</script>")
    page = operator.get(page_of(alice)).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


PHOTO = demo_documents.picture("A card", kind="JPEG")


@pytest.mark.parametrize("file", [CARD, PHOTO, PAGE], ids=["png", "jpeg", "pdf"])
def test_original_is_served_as_an_attachment(operator, alice, file: File):
    document = a_document(alice, file)
    answer = operator.get(address_of(alice, document))
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, file.content)
    headers = answer.headers
    assert headers["Content-Type"] == file.media_type
    ending = file.media_type.split("/")[1]
    assert headers["Content-Disposition"] == f'attachment; filename="{document.id}.{ending}"'
    assert_harmless(headers)


@pytest.mark.parametrize("file", [CARD, PHOTO, PAGE], ids=["png", "jpeg", "pdf"])
def test_page_is_redrawn_as_a_jpeg(operator, alice, file: File):
    answer = operator.get(picture_of(alice, a_document(alice, file)))
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert_harmless(answer.headers)
    assert answer.content != file.content
    drawn = Image.open(io.BytesIO(answer.content))
    assert (drawn.format, max(drawn.size) <= 2200) == ("JPEG", True)
    assert {"exif", "icc_profile", "comment"}.isdisjoint(drawn.info)


def assert_harmless(headers: Any) -> None:
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; frame-ancestors 'none'; sandbox"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"].startswith("no-store")


def test_review_page_has_a_picture_of_each_page_up_to_twenty(operator, alice):
    pages = hostile_files.pages(23)
    document = a_document(alice, File(pages, "application/pdf"))
    page = operator.get(page_of(alice)).content.decode()
    assert page.count("<img") == 20
    assert picture_of(alice, document, 20) in page
    assert "3 more pages" in page
    assert "<iframe" not in page
    assert operator.get(picture_of(alice, document, 20)).headers["Content-Type"] == "image/jpeg"
    for number in (0, 21, 10**30):
        assert operator.get(picture_of(alice, document, number)).status_code == 404


def test_undrawable_picture_redirects_to_a_placeholder(operator, alice):
    document = a_document(alice, File(hostile_files.png(width=100, height=100), "image/png"))
    answer = operator.get(picture_of(alice, document))
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/static/iocash/not-displayed.svg",
    )


def test_review_page_reports_an_undrawable_pdf(operator, alice):
    a_document(alice, File(b"%PDF-1.4 not one", "application/pdf"))
    assert "This file can't be displayed." in operator.get(page_of(alice)).content.decode()


def test_picture_gets_503_when_all_drawing_slots_are_used(operator, alice, monkeypatch):
    document = a_document(alice, PAGE)
    full = BoundedSemaphore(1)
    monkeypatch.setattr(processes, "DRAW", replace(processes.DRAW, room=full, patience=0))
    with full:
        answer = operator.get(picture_of(alice, document))
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert operator.get(picture_of(alice, document)).status_code == 200


def test_review_page_opens_when_a_file_is_lost(operator, alice):
    a_document(alice, PAGE)
    for file in files(alice):
        file.unlink()
    assert "This file can't be displayed." in operator.get(page_of(alice)).content.decode()


def test_pages_opened_together_are_recorded_as_one_access(operator, alice):
    document = a_document(alice, File(hostile_files.pages(3), "application/pdf"))
    for number in (1, 2, 3):
        operator.get(picture_of(alice, document, number))
    assert looks() == [("DOCUMENT", Kind.DOCUMENT_INCOME_TAX, who(operator))]
    somebody(SUPERVISOR).get(picture_of(alice, document, 2))
    assert len(looks()) == 2


def test_document_gets_404_when_its_erasure_has_begun(operator, alice):
    document = send_one(alice, BACK)
    posting.submit(UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id))
    erasure.erase_files(alice)
    for address in (address_of(alice, document), picture_of(alice, document)):
        assert operator.get(address).status_code == 404
    erasure.erase(user_id=alice.id, by=people.BY, reason="AUTHORITY_ORDER")


def test_document_of_another_user_gets_404(operator, alice, bob):
    document = send_one(bob, BACK)
    for address in (address_of(alice, document), picture_of(alice, document)):
        assert operator.get(address).status_code == 404
    assert looks() == []


def test_block_gets_404_as_a_document(operator, alice, sent):
    assert operator.get(address_of(alice, sent)).status_code == 404


def test_page_runs_the_same_number_of_queries_for_little_and_much_evidence(operator, alice, sent):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(page_of(alice)).status_code == 200
        return len(captured)

    queries()
    before = queries()
    approve(alice, set(Kind) - {Kind.OCCUPATION})
    send_one(alice, Kind.IDENTITY, identity_number="87654321X")
    assert queries() == before


# --- Decisions ------------------------------------------------------------------------------------


def test_approval_raises_the_level_and_records_the_reviewer(operator, alice):
    sent = [send_one(alice, kind) for kind in sorted(kyc.IDENTITY)]
    answer = act(operator, alice, "approve", *sent)
    assert said(answer) == ["Documents approved."]
    assert User.objects.get(id=alice.id).kyc_level == 1
    assert {each.reviewed_by for each in Evidence.objects.all()} == {who(operator)}
    assert Event.objects.get(kind="user.level_changed").actor == who(operator)


def test_client_reads_the_rejection_reason(operator, api, alice, sent):
    assert act(operator, alice, "reject", sent, reason="Unknown code").status_code == 302
    shown = api.get(f"users/{alice.id}/occupation").json
    assert (shown["status"], shown["reason"]) == ("REJECTED", "Unknown code")


@pytest.mark.parametrize("reason", ["", " ", "\t", "x" * 201])
def test_rejection_needs_a_reason(operator, alice, sent, reason):
    answer = act(operator, alice, "reject", sent, reason=reason)
    assert (answer.status_code, "reason" in answer.context["form"].errors) == (200, True)
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


def test_approval_ignores_a_typed_reason(operator, alice, sent):
    act(operator, alice, "approve", sent, reason="Typed, and thought better of")
    assert stored(alice) == [(Kind.OCCUPATION, "APPROVED")]


def test_unticked_evidence_stays_pending(operator, alice, sent):
    other = send_one(alice, Kind.HOME_ADDRESS)
    act(operator, alice, "approve", other)
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING"), (Kind.HOME_ADDRESS, "APPROVED")]


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_decision_without_evidence_is_refused(operator, alice, sent, name):
    answer = act(operator, alice, name, reason="x")
    assert "evidence" in answer.context["form"].errors
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_decision_from_a_stale_page_is_refused(operator, alice, sent, name):
    operator.get(page_of(alice))
    send_one(alice, Kind.OCCUPATION, occupation_code="9999")
    answer = act(operator, alice, name, sent, reason="x")
    assert "Review it again." in answer.content.decode()
    assert stored(alice) == [(Kind.OCCUPATION, "REPLACED"), (Kind.OCCUPATION, "PENDING")]


def test_decision_form_offers_only_the_selected_evidence(operator, alice, sent):
    """Opening the address selects nothing, and newer evidence does not replace the selected one."""
    address = reverse("admin:users_review_act", args=[alice.pk, "approve"])
    assert str(sent.id) not in operator.get(address).content.decode()
    new = send_one(alice, Kind.OCCUPATION, occupation_code="9999")
    answer = act(operator, alice, "approve", sent)
    assert str(new.id) not in answer.content.decode()


def test_ticked_evidence_is_kept_when_the_reason_is_missing(operator, alice, sent):
    other = send_one(alice, Kind.HOME_ADDRESS)
    page = act(operator, alice, "reject", sent).content.decode()
    assert (str(sent.id) in page, str(other.id) in page) == (True, False)


def test_evidence_of_another_user_is_not_decided(operator, alice, bob, sent):
    others = send_one(bob, Kind.OCCUPATION)
    answer = act(operator, alice, "approve", sent, others)
    assert "Review it again." in answer.content.decode()
    assert stored(alice) == stored(bob) == [(Kind.OCCUPATION, "PENDING")]


@pytest.mark.django_db(transaction=True)
def test_concurrent_decisions_accept_one_and_ask_the_other_to_look_again():
    alice = people.a_user(people.a_client(), people.ALICE)
    sent = send_one(alice, Kind.OCCUPATION)
    one, two = somebody(OPERATOR), somebody(SUPERVISOR)
    at_once(
        lambda: act(one, alice, "approve", sent),
        lambda: act(two, alice, "reject", sent, reason="Unknown code"),
    )
    sent.refresh_from_db()
    assert sent.status in {"APPROVED", "REJECTED"}
    decided = Event.objects.filter(kind__startswith="user.evidence_").exclude(actor=people.BY.actor)
    assert [each.actor for each in decided] == [sent.reviewed_by]


def test_cross_site_request_gets_403(operator, alice, sent):
    browser = Browser(enforce_csrf_checks=True)
    browser.cookies = operator.cookies
    assert act(browser, alice, "approve", sent).status_code == 403
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


# --- Names ----------------------------------------------------------------------------------------


def test_new_name_is_shown_and_approved_on_the_page(operator, alice):
    approve(alice, kyc.IDENTITY)
    change(alice, last_name="Newname")
    assert "Newname" in operator.get(page_of(alice)).content.decode()
    assert queue(operator) == ["alice"]
    act(operator, alice, "approve", Evidence.objects.get(kind=Kind.NAME))
    assert User.objects.get(id=alice.id).last_name == "Newname"


def test_decision_is_refused_when_the_name_changed_since_the_page(operator, alice, sent):
    seen = names.seen(alice)
    change(alice, first_name="Mallory")
    answer = act(operator, alice, "approve", sent, names=seen)
    assert "Review it again." in said(answer)[0]
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


def test_page_submits_the_names_that_it_shows(operator, alice, sent):
    assert f'value="{names.seen(alice)}"' in operator.get(page_of(alice)).content.decode().replace(
        "&quot;", '"'
    ).replace('""', '"')
