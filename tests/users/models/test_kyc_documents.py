"""What the database itself refuses about KYC documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import people
from tests.support.constraints import refused_by
from users import demo_documents, kyc
from users.kyc import Kind, looks
from users.models import Access, KycDocument, User

pytestmark = pytest.mark.django_db

AGAIN = """
    INSERT INTO users_kycdocument
        (id, client_id, user_id, kind, status, facts, file, media_type, size, sha256, expires_on,
         reviewed_at, reviewed_by, reason)
    SELECT gen_random_uuid(), client_id, user_id, kind, status, facts, file, media_type, size,
           sha256, expires_on, reviewed_at, reviewed_by, reason
    FROM users_kycdocument
"""
DECIDED = "reviewed_at = now(), reviewed_by = 'staff:1'"


@pytest.fixture
def document(alice: User) -> KycDocument:
    """Where Alice lives; it waits for staff."""
    return sent(alice, Kind.HOME_ADDRESS)


def sent(user: User, kind: Kind) -> KycDocument:
    return KycDocument.objects.get(
        id=demo_documents.send_samples(user, frozenset({kind}), people.BY)[0]
    )


def setting(changes: str, kind: Kind = Kind.HOME_ADDRESS) -> Callable[[User], str]:
    def breaker(user: User) -> str:
        sent(user, kind)
        return refused_by(f"UPDATE users_kycdocument SET {changes}")

    return breaker


def wait_twice(user: User) -> str:
    sent(user, Kind.OCCUPATION)
    return refused_by(AGAIN)


def hold_twice(user: User) -> str:
    kyc.review(
        client_id=user.client_id,
        user_id=user.id,
        document_ids=[sent(user, Kind.OCCUPATION).id],
        by=people.BY,
    )
    return refused_by(AGAIN)


BREAKERS: dict[str, list[Callable[[User], str]]] = {
    "kyc_document_kind_is_known": [setting("kind = 'HOROSCOPE'")],
    "kyc_document_is_a_block_or_a_file": [
        setting("facts = NULL"),
        setting("file = 'a'"),
        setting("media_type = 'image/png'"),
        setting("size = 1"),
        setting("sha256 = 'a'"),
        setting("facts = '{}'", Kind.DOCUMENT_INCOME_TAX),
        setting("file = ''", Kind.DOCUMENT_INCOME_TAX),
        setting("media_type = ''", Kind.DOCUMENT_INCOME_TAX),
        setting("size = NULL", Kind.DOCUMENT_INCOME_TAX),
        setting("size = 0", Kind.DOCUMENT_INCOME_TAX),
        setting("sha256 = NULL", Kind.DOCUMENT_INCOME_TAX),
        setting("kind = 'DOCUMENT_INCOME_TAX'"),
    ],
    "kyc_document_identity_expires": [
        setting("expires_on = NULL", Kind.IDENTITY),
        setting("expires_on = '2030-01-01'"),
    ],
    "kyc_document_decision_has_a_reviewer": [
        setting("status = 'LOST'"),
        setting("status = 'APPROVED'"),
        setting("status = 'APPROVED', reviewed_at = now()"),
        setting("status = 'APPROVED', reviewed_by = 'staff:1'"),
        setting("status = 'REJECTED', reason = 'Blurred'"),
        setting(DECIDED),
    ],
    "kyc_document_rejection_has_a_reason": [setting(f"status = 'REJECTED', {DECIDED}")],
    "kyc_document_is_pending_once": [wait_twice],
    "kyc_document_is_approved_once": [hold_twice],
}


@pytest.mark.parametrize(
    ("name", "breaker"),
    [(name, breaker) for name, breakers in BREAKERS.items() for breaker in breakers],
)
def test_database_refuses_rows_that_violate_a_constraint(name, breaker, alice):
    assert breaker(alice) == name


def test_every_constraint_of_kyc_documents_is_tested():
    assert {constraint.name for constraint in KycDocument._meta.constraints} == set(BREAKERS)


@pytest.mark.parametrize(
    ("table", "name"),
    [("users_kycdocument", "kyc_document"), ("users_access", "access")],
)
def test_documents_and_accesses_belong_to_the_users_client(table, name, document, alice):
    looks.record_access(alice, Access.What.REVIEW, people.BY)
    another = people.a_client("Another").id
    refusal = refused_by(f"UPDATE {table} SET client_id = %s", [another])
    assert refusal == f"{name}_is_of_the_users_client"


def test_documents_and_accesses_print_no_personal_data(document, alice):
    looks.record_access(alice, Access.What.REVIEW, people.BY)
    assert str(document) == str(document.id)
    assert [str(access) for access in Access.objects.all()] == [f"REVIEW {alice.id}"]
