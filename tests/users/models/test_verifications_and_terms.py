"""What the database itself refuses about verifications, the terms and their signatures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db.models import Model

from tests.support import people
from tests.support.constraints import COPY, refused_by
from tests.support.identity import a_signature, a_verification, decided, some_terms
from users.models import IdentityVerification, Terms, TermsSignature
from users.models.ids import new_id

pytestmark = pytest.mark.django_db

VERIFICATION, SIGNATURE, TERMS = "users_identityverification", "users_termssignature", "users_terms"
ENDED = {"status": "EXPIRED", "decided_at": "2030-01-01", "reference": ""}

COPIES: list[tuple[str, str, dict[str, Any]]] = [
    ("identity_verification_is_pending_once", VERIFICATION, {"reference": ""}),
    ("identity_verification_reference_is_used_once", VERIFICATION, ENDED | {"reference": "p-1"}),
    ("identity_verification_status_is_known", VERIFICATION, ENDED | {"status": "LOST"}),
    ("identity_verification_decision_has_a_time", VERIFICATION, ENDED | {"decided_at": None}),
    (
        "identity_verification_decision_has_a_time",
        VERIFICATION,
        ENDED | {"status": "PENDING"},
    ),
    (
        "identity_verification_ends_after_its_beginning",
        VERIFICATION,
        ENDED | {"expires_at": "2020-01-01"},
    ),
    ("identity_verification_is_of_the_users_client", VERIFICATION, ENDED | {"client_id": "other"}),
    ("users_terms_version_key", TERMS, {}),
    ("terms_are_numbered_from_one", TERMS, {"version": 0}),
    ("terms_have_the_hash_of_their_content", TERMS, {"version": 2, "sha256": "\\x00"}),
    ("terms_have_the_hash_of_their_content", TERMS, {"version": 2, "content": "\\x00"}),
    ("terms_have_the_size_of_their_content", TERMS, {"version": 2, "size": 1}),
    ("terms_have_one_hash", TERMS, {"version": 2, "id": "own"}),
    ("terms_are_signed_once_by_a_user", SIGNATURE, {}),
    ("terms_signature_has_the_hash_of_its_terms", SIGNATURE, {"terms_id": "later"}),
    ("terms_signature_has_the_hash_of_its_terms", SIGNATURE, {"terms_id": "none"}),
    ("terms_signature_is_of_the_users_client", SIGNATURE, {"client_id": "other"}),
    ("terms_signature_follows_its_otp", SIGNATURE, {"otp_sent_at": "2999-01-01"}),
]
"""Copies of a row with changes that violate a constraint, with the name of the constraint."""


@pytest.fixture
def rows(alice: Any, client_demo: Any) -> dict[str, Any]:
    """One row of each table; and ids that the changes name."""
    first = some_terms()
    verification, signature = a_verification(alice, reference="p-1"), a_signature(alice)
    return {
        VERIFICATION: verification,
        TERMS: first,
        SIGNATURE: signature,
        "other": people.a_client("Another").id,
        "none": people.unknown_id(),
        "own": first.id,
    }


@pytest.mark.parametrize(("name", "table", "changes"), COPIES)
def test_database_refuses_rows_that_violate_a_constraint(name, table, changes, rows):
    if changes.get("terms_id") == "later":
        rows["later"] = some_terms("Two").id
    values = {"id": new_id()} | {key: rows.get(str(new), new) for key, new in changes.items()}
    copy = COPY.format(table=table)
    refusal = refused_by(copy, [json.dumps(values, default=str), rows[table].id])
    assert refusal == ("users_terms_pkey" if name == "terms_have_one_hash" else name)


@pytest.mark.parametrize("model", [IdentityVerification, Terms, TermsSignature])
def test_every_constraint_is_tested(model: type[Model]) -> None:
    names = {constraint.name for constraint in model._meta.constraints}
    assert names <= {name for name, _, _ in COPIES}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users_terms SET published_by = 'staff:1'",
        "UPDATE users_terms SET version = version",
        "DELETE FROM users_terms WHERE id NOT IN (SELECT terms_id FROM users_termssignature)",
    ],
)
def test_terms_are_written_once(statement, rows):
    some_terms("Two")
    statement += "" if "WHERE" in statement else " WHERE version = 2"
    assert refused_by(statement) == "terms_are_written_once"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users_termssignature SET signed_at = signed_at",
        "UPDATE users_termssignature SET actor = ''",
        "DELETE FROM users_termssignature",
    ],
)
def test_signature_is_written_once(statement, rows):
    assert refused_by(statement) == "terms_signature_is_written_once"


@pytest.mark.parametrize(
    "change",
    [
        "status = 'REJECTED'",
        "status = 'PENDING', decided_at = NULL",
        "reason = 'OTHER'",
        "decided_at = decided_at + interval '1 second'",
        "provider = 'other'",
        "expires_at = expires_at + interval '1 second'",
    ],
)
def test_verification_is_decided_once(change, rows):
    decided(rows[VERIFICATION])
    refusal = refused_by(f"UPDATE {VERIFICATION} SET {change}")
    assert refusal == "identity_verification_is_decided_once"


@pytest.mark.parametrize(
    "change",
    ["url = ''", "success_url = 'https://evil.example/'", "names = NULL", "reference = ''"],
)
def test_texts_of_a_verification_are_only_erased_together(change, rows):
    refusal = refused_by(f"UPDATE {VERIFICATION} SET {change}")
    assert refusal == "identity_verification_texts_are_only_erased"


def test_verification_is_never_removed(rows):
    assert refused_by(f"DELETE FROM {VERIFICATION}") == "identity_verification_is_never_removed"


def test_rows_print_no_personal_data(rows, alice):
    assert str(rows[VERIFICATION]) == str(rows[VERIFICATION].id)
    assert str(rows[SIGNATURE]) == f"{rows[TERMS].id} {alice.id}"
    assert str(rows[TERMS]) == "version 1"
