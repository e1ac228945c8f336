"""The pages of verifications, the terms and signatures; what the user's page shows of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.support.backoffice import page_of
from tests.support.identity import a_signature, a_verification, decided, some_terms
from tests.support.kyc import send_one
from tests.support.staff import VIEWER, somebody
from users import demo_documents
from users.kyc import Kind
from users.models import Review

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(staff: Any, client: Any) -> Any:
    client.force_login(staff)
    return client


def test_verification_has_a_page_without_its_addresses(browser, alice):
    verification = a_verification(alice)
    decided(verification, "REJECTED", reason="BLURRED")
    page = browser.get(page_of(verification)).content.decode()
    assert verification.reference in page
    assert "BLURRED" in page
    assert "app.example" not in page
    assert verification.url not in page


@pytest.mark.parametrize("words", ["alice", "+34600000001", "{user}", "{own}"])
@pytest.mark.parametrize("make", [a_verification, a_signature])
def test_verifications_and_signatures_are_found_by_their_user(words, make, browser, alice, bob):
    some_terms()
    row, other = make(alice), make(bob)
    label = row._meta.label_lower.replace(".", "_")
    query = words.format(user=alice.id, own=row.id)
    page = browser.get(reverse(f"admin:{label}_changelist"), {"q": query}).content.decode()
    assert str(row.id) in page
    assert str(other.id) not in page


def test_terms_have_a_page_and_a_download(browser):
    published = some_terms()
    page = browser.get(page_of(published)).content.decode()
    assert published.digest in page
    answer = browser.get(reverse("admin:users_terms_file", args=[published.id]))
    assert answer.content == demo_documents.draw_pdf("Terms").content
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="terms-1.pdf"'
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_terms_are_found_by_version_and_id(browser):
    first, second = some_terms("One"), some_terms("Two")
    address = reverse("admin:users_terms_changelist")
    for words in ("2", str(second.id)):
        page = browser.get(address, {"q": words}).content.decode()
        assert (second.digest in page, first.digest in page) == (True, False)
    assert second.digest not in browser.get(address, {"q": "x"}).content.decode()


def test_unknown_terms_have_no_download(browser):
    address = reverse("admin:users_terms_file", args=["01980000-0000-7000-8000-000000000000"])
    assert browser.get(address).status_code == 404


@pytest.mark.parametrize("name", ["identityverification", "terms", "termssignature"])
def test_rows_are_neither_added_nor_changed_nor_deleted(name, browser, alice):
    some_terms()
    rows = {
        "identityverification": a_verification(alice),
        "termssignature": a_signature(alice),
        "terms": some_terms(),
    }
    page = page_of(rows[name])
    assert browser.get(reverse(f"admin:users_{name}_add")).status_code == 403
    assert browser.post(page, {}).status_code == 403
    assert browser.get(page.replace("change/", "delete/")).status_code == 403


def test_user_page_shows_verifications_and_terms(browser, alice):
    some_terms("One")
    signature = a_signature(alice)
    current = some_terms("Two")
    verification = a_verification(alice)
    page = browser.get(page_of(alice), {"tab": "documents"}).content.decode()
    assert page_of(verification) in page
    assert page_of(signature) in page
    assert current.digest in page
    assert "Not signed" in page


def test_review_shows_the_last_verification(browser, alice):
    send_one(alice, Kind.OCCUPATION)
    page = page_of(Review.objects.get(id=alice.id))
    assert "Rejected (" not in browser.get(page).content.decode()
    decided(a_verification(alice), "REJECTED", reason="BLURRED")
    assert "Rejected (http, BLURRED)" in browser.get(page).content.decode()


def test_viewer_sees_them_too(alice):
    some_terms()
    verification, signature = a_verification(alice), a_signature(alice)
    viewer = somebody(VIEWER)
    page = viewer.get(page_of(alice), {"tab": "documents"}).content.decode()
    assert page_of(verification) in page
    assert page_of(signature) in page
