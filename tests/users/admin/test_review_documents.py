"""The access log of reviews, the review page, and the documents that it shows."""

from __future__ import annotations

import io
from dataclasses import replace
from threading import BoundedSemaphore
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from tests.support import hostile_files, people
from tests.support.kyc import CARD, PAGE, approve, files, send_one
from tests.support.reviews import BACK, QUEUE, address_of, looks, page_of, picture_of, who
from tests.support.staff import SUPERVISOR, somebody
from users import demo_documents, kyc
from users.documents import processes
from users.kyc import File, Kind
from users.models import KycDocument, User
from wallets import erasure, posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db


def a_document(user: User, file: File) -> KycDocument:
    return kyc.send(
        client_id=user.client_id,
        user_id=user.id,
        kind=Kind.DOCUMENT_INCOME_TAX,
        shown=file,
        by=people.BY,
    ).document


# --- Access log -----------------------------------------------------------------------------------


def test_opening_the_page_is_recorded(operator, alice, sent):
    operator.get(page_of(alice))
    assert looks() == [("REVIEW", "", who(operator))]


def test_queue_shows_no_documents_and_records_no_access(operator, sent):
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


def test_page_shows_the_latest_documents(operator, alice, sent):
    approve(alice, {Kind.HOME_ADDRESS})
    send_one(alice, Kind.HOME_ADDRESS, city="Toledo")
    page = operator.get(page_of(alice)).content.decode()
    assert "Toledo" in page
    assert "Madrid" in page  # its province
    assert page.count('name="documents"') == 2


def test_page_escapes_documents(operator, alice):
    send_one(alice, Kind.HOME_ADDRESS, address="<script>alert(1)</script>")
    page = operator.get(page_of(alice)).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


PHOTO = demo_documents.draw_picture("A card", kind="JPEG")


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_page_runs_the_same_number_of_queries_for_few_and_many_documents(operator, alice, sent):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(page_of(alice)).status_code == 200
        return len(captured)

    queries()
    before = queries()
    approve(alice, set(Kind) - {Kind.OCCUPATION})
    send_one(alice, Kind.IDENTITY, identity_number="87654321X")
    assert queries() == before
