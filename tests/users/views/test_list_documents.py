"""The list of a user's KYC documents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import people
from tests.support.kyc import PAGE, document, review
from users.models import Access, KycDocument

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(alice):
    return f"users/{alice.id}/documents"


def listed(api: people.Api, path: str) -> list[Any]:
    answer = api.get(path)
    assert answer.status == 200, answer.json
    found: list[Any] = answer.json["_embedded"]["documents"]
    return found


def test_list_contains_the_last_document_of_each_kind_without_content(api, alice, path):
    api.put(f"{path}/identity-front", document())
    api.put(f"{path}/identity-front", document(PAGE))
    api.put(f"{path}/income-tax", document())
    api.put(f"users/{alice.id}/occupation", {"occupation": "EMPLOYED"})
    shown = listed(api, path)
    assert [each["kind"] for each in shown] == ["income-tax", "identity-front"]
    for each in shown:
        one = api.get(f"{path}/{each['kind']}").json
        assert one.pop("content")
        assert one == each
    assert shown[1]["mediaType"] == "application/pdf"


def test_list_shows_the_review(api, alice, path):
    api.put(f"{path}/identity-front", document())
    review(alice, KycDocument.objects.get(), reason="Blurred")
    (shown,) = listed(api, path)
    assert (shown["status"], shown["reason"]) == ("REJECTED", "Blurred")


def test_list_is_empty_without_documents(api, path):
    assert listed(api, path) == []


def test_list_has_pages(api, path):
    for kind in ("identity-front", "identity-back", "income-tax"):
        api.put(f"{path}/{kind}", document())
    first = api.get(f"{path}?size=2").json
    second = api.get(first["_links"]["next"]["href"]).json
    kinds = [each["kind"] for page in (first, second) for each in page["_embedded"]["documents"]]
    assert kinds == ["income-tax", "identity-back", "identity-front"]


def test_list_takes_the_same_number_of_statements(api, path, django_assert_max_num_queries):
    api.put(f"{path}/identity-front", document())
    with django_assert_max_num_queries(4):
        listed(api, path)
    api.put(f"{path}/identity-back", document())
    with django_assert_max_num_queries(4):
        listed(api, path)


def test_list_records_no_access_of_staff(staff, api, path):
    """An access is recorded when the content or the data of a block is read."""
    api.put(f"{path}/identity-front", document())
    desk = people.Api(None)
    desk.browser.force_login(staff)
    assert len(listed(desk, path)) == 1
    assert not Access.objects.exists()
