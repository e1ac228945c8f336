"""Names that change after staff have approved who the user is wait for staff to decide."""

from __future__ import annotations

from typing import Any

import pytest

from iocash import errors
from tests.support import people
from tests.support.kyc import approve, review, send_one
from tests.support.people import Api
from tests.support.user_actions import change, create, kinds
from tests.support.user_bodies import ALICE
from users import kyc, names
from users.kyc import Kind
from users.models import KycDocument, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(alice: User) -> User:
    """Alice, whose identity staff have approved: level 1."""
    return approve(alice, kyc.IDENTITY)


def stored(user: User) -> tuple[str, str, int]:
    fresh = User.objects.get(id=user.id)
    return fresh.first_name, fresh.last_name, fresh.kyc_level


def waiting(user: User) -> dict[str, Any] | None:
    found = names.pending_names(user)
    return found.facts if found else None


def sent(user: User) -> KycDocument:
    """The name that waits."""
    return KycDocument.objects.of(user).waiting().get(kind=Kind.NAME)


def test_unapproved_name_changes_at_once(alice):
    change(alice, first_name="Alicia")
    assert stored(alice) == ("Alicia", "Example", 0)
    assert waiting(alice) is None


def test_approved_name_stays_until_staff_decide(approved):
    change(approved, first_name="Mallory")
    assert stored(approved) == ("Alice", "Example", 1)
    assert waiting(approved) == {"first_name": "Mallory", "last_name": "Example"}
    assert kinds(approved)[-1] == "user.kyc_document_sent"


def test_other_fields_change_at_once_with_a_name(approved):
    change(approved, first_name="Mallory", email="alice@example.com")
    fresh = User.objects.get(id=approved.id)
    assert (fresh.first_name, fresh.email) == ("Alice", "alice@example.com")


@pytest.mark.parametrize("kind", sorted(kyc.IDENTITY))
def test_name_change_is_pending_after_one_approved_requirement(alice, kind):
    approve(alice, {kind})
    change(alice, last_name="Other")
    assert stored(alice)[1] == "Example"


def test_company_name_change_is_pending_when_its_deed_is_approved(client_demo):
    values = {"kind": "JURIDICAL", "user_name": "x", "company_name": "Example Ltd"}
    user = create(client_demo, values | {"mobile_phone": "+34600000003"}).user
    approve(user, {Kind.DOCUMENT_COMPANY_DEED})
    change(user, company_name="Other Ltd")
    assert User.objects.get(id=user.id).company_name == "Example Ltd"
    review(user, sent(user))
    assert User.objects.get(id=user.id).company_name == "Other Ltd"


def test_approved_name_change_is_applied(approved):
    change(approved, first_name="Alicia")
    review(approved, sent(approved))
    assert stored(approved) == ("Alicia", "Example", 1)
    assert kinds(approved)[-1] == "user.changed"


def test_rejected_name_change_is_not_applied(approved):
    change(approved, first_name="Mallory")
    review(approved, sent(approved), reason="Not on the document")
    assert stored(approved) == ("Alice", "Example", 1)


def test_newer_name_replaces_the_pending_one(approved):
    change(approved, first_name="Alicia")
    change(approved, last_name="Other")
    assert waiting(approved) == {"first_name": "Alicia", "last_name": "Other"}
    assert KycDocument.objects.filter(kind=Kind.NAME, status="REPLACED").count() == 1


def test_same_pending_name_changes_nothing(approved):
    change(approved, first_name="Alicia")
    before = kinds(approved)
    change(approved, first_name="Alicia")
    assert kinds(approved) == before


def test_change_back_to_the_approved_name_withdraws_the_pending_one(approved):
    change(approved, first_name="Alicia")
    change(approved, first_name="Alice")
    assert waiting(approved) is None
    assert kinds(approved)[-1] == "user.kyc_document_withdrawn"


def test_approval_is_refused_when_the_name_changed_meanwhile(alice):
    front = send_one(alice, Kind.DOCUMENT_IDENTITY_FRONT)
    seen = names.seen(alice)
    change(alice, first_name="Mallory")
    with pytest.raises(errors.InvalidTransition) as refused:
        kyc.review(
            client_id=alice.client_id,
            user_id=alice.id,
            document_ids=[front.id],
            by=people.BY,
            names_seen=seen,
        )
    assert "Review it again" in refused.value.words
    assert not KycDocument.objects.approved().exists()


# --- Over the API ---------------------------------------------------------------------------------


def test_patch_and_put_return_the_approved_name(api: Api, approved):
    path = f"users/{approved.id}"
    assert api.patch(path, {"firstName": "Mallory"}).json["firstName"] == "Alice"
    assert api.put(path, ALICE | {"firstName": "Mallory"}).json["firstName"] == "Alice"
    assert api.get(path).json["firstName"] == "Alice"


def test_compliance_returns_the_pending_name_and_the_rejection_reason(api: Api, approved):
    path = f"users/{approved.id}/compliance"
    assert api.get(path).json["nameChange"] is None
    api.patch(f"users/{approved.id}", {"firstName": "Mallory"})
    said = api.get(path).json["nameChange"]
    assert (said["firstName"], said["lastName"], said["companyName"], said["status"]) == (
        "Mallory",
        "Example",
        None,
        "PENDING",
    )
    review(approved, sent(approved), reason="Not on the document")
    said = api.get(path).json["nameChange"]
    assert (said["status"], said["reason"]) == ("REJECTED", "Not on the document")
