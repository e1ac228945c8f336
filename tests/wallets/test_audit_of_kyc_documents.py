"""The audit finds the KYC documents that keys made, and knows that erasure deletes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import people
from users import demo_documents, kyc
from users.kyc import Kind
from users.models import KycDocument, User
from wallets import audit, erasure, posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(alice: User) -> KycDocument:
    """What Alice sent with a key."""
    return kyc.send(
        client_id=alice.client_id,
        user_id=alice.id,
        kind=Kind.OCCUPATION,
        shown=demo_documents.sample(Kind.OCCUPATION),
        by=people.BY,
        key="k",
    ).document


def wrong() -> list[dict[str, Any]]:
    return [finding.row for _, finding in audit.findings() if finding]


def test_kyc_document_of_a_key_passes_the_audit(sent):
    assert wrong() == []


@pytest.mark.spoils_the_books
def test_missing_kyc_document_of_a_key_is_reported(sent):
    KycDocument.objects.all().delete()
    assert wrong() == [{"client": sent.client_id, "made": "evidence", "id": sent.id}]


@pytest.mark.spoils_the_books
def test_key_with_a_kyc_document_of_another_client_is_detected(sent):
    theirs = people.a_user(people.a_client("Another"), people.ALICE)
    KycDocument.objects.update(client=theirs.client, user=theirs)
    assert wrong() == [{"client": sent.client_id, "made": "evidence", "id": sent.id}]


def test_kyc_document_of_an_erased_user_is_not_reported(alice, sent):
    posting.submit(UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id))
    erasure.erase(user_id=alice.id, by=people.BY, reason="USER_REQUEST")
    assert not KycDocument.objects.exists()
    assert wrong() == []
