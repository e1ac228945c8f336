"""Identity verifications: what a decision of the provider changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from iocash import errors
from tests.support import people
from tests.support.identity import a_verification, decided
from tests.support.kyc import review, send, send_one, stored
from tests.support.user_actions import COMPANY, change, kinds
from users.kyc import IDENTITY, Kind, identity
from users.kyc.providers import HttpProvider
from users.models import Event, IdentityVerification, KycDocument, User
from users.models.sandbox import advance_clock

pytestmark = pytest.mark.django_db

FRONT, BACK = Kind.DOCUMENT_IDENTITY_FRONT, Kind.DOCUMENT_IDENTITY_BACK
DOCUMENTS = sorted(IDENTITY)


def level(user: User) -> int:
    return User.objects.get(id=user.id).kyc_level


def status(verification: IdentityVerification) -> str:
    return IdentityVerification.objects.get(id=verification.id).status


def contradictions(user: User) -> list[dict[str, str]]:
    found = Event.objects.about(user.id).filter(kind="user.identity_contradicted")
    return [event.data for event in found]


# --- Approval -----------------------------------------------------------------------------------


def test_approval_approves_the_identity_documents(alice):
    sent = send(alice, *DOCUMENTS)
    assert decided(a_verification(alice)) == "APPROVED"
    reviewed = KycDocument.objects.filter(id__in=[each.id for each in sent])
    assert {(each.status, each.reviewed_by) for each in reviewed} == {("APPROVED", "provider:http")}
    assert level(alice) == 1


def test_approval_is_recorded(alice):
    verification = a_verification(alice)
    decided(verification)
    verification.refresh_from_db()
    assert verification.decided_at is not None
    event = Event.objects.about(alice.id).filter(kind="user.identity_approved").get()
    assert event.actor == "provider:http"
    assert event.data == {"verification": str(verification.id), "provider": "http"}


def test_approval_without_documents_changes_no_level(alice):
    decided(a_verification(alice))
    assert level(alice) == 0


def test_approval_leaves_other_documents_pending(alice):
    send(alice, Kind.HOME_ADDRESS)
    decided(a_verification(alice))
    assert stored(alice) == [("HOME_ADDRESS", "PENDING")]


def test_document_sent_after_the_beginning_stays_pending(alice):
    send(alice, Kind.IDENTITY, FRONT)
    verification = a_verification(alice)
    send(alice, BACK)
    decided(verification)
    assert stored(alice)[-1] == (BACK, "PENDING")
    assert level(alice) == 0


def test_document_replaced_after_the_beginning_stays_pending(alice):
    send(alice, *DOCUMENTS)
    verification = a_verification(alice)
    send_one(alice, Kind.IDENTITY, identity_number="87654321X")
    decided(verification)
    assert stored(alice)[-1] == (Kind.IDENTITY, "PENDING")
    assert level(alice) == 0


def test_approval_under_other_names_leaves_the_documents_to_staff(alice):
    send(alice, *DOCUMENTS)
    verification = a_verification(alice)
    change(alice, first_name="Alicia")
    assert decided(verification) == "APPROVED"
    assert {each for _, each in stored(alice)} == {"PENDING"}


@pytest.mark.slow
def test_approval_of_a_document_of_another_user_leaves_it_to_staff(alice, bob):
    review(bob, *send(bob, *DOCUMENTS))
    send(alice, *DOCUMENTS)
    assert decided(a_verification(alice)) == "APPROVED"
    assert {each for _, each in stored(alice)} == {"PENDING"}


def test_approval_of_a_blocked_user_leaves_the_documents_to_staff(alice):
    send(alice, *DOCUMENTS)
    verification = a_verification(alice)
    people.block(alice)
    assert decided(verification) == "APPROVED"
    assert {each for _, each in stored(alice)} == {"PENDING"}


# --- Rejection, expiry --------------------------------------------------------------------------


def test_rejection_leaves_the_documents_to_staff(alice):
    send(alice, *DOCUMENTS)
    verification = a_verification(alice)
    assert decided(verification, "REJECTED", reason="BLURRED") == "REJECTED"
    assert {each for _, each in stored(alice)} == {"PENDING"}
    verification.refresh_from_db()
    assert (verification.status, verification.reason) == ("REJECTED", "BLURRED")


def test_verification_can_begin_again_after_a_rejection(alice):
    decided(a_verification(alice), "REJECTED")
    assert decided(a_verification(alice)) == "APPROVED"


def test_pending_verification_expires_when_another_begins(alice):
    first, second = a_verification(alice), a_verification(alice)
    assert (status(first), status(second)) == ("EXPIRED", "PENDING")
    assert "user.identity_expired" in kinds(alice)


def test_approval_of_a_replaced_verification_is_refused(alice):
    send(alice, *DOCUMENTS)
    first = a_verification(alice)
    a_verification(alice)
    with pytest.raises(errors.InvalidTransition) as refused:
        decided(first)
    assert refused.value.facts["status"] == "EXPIRED"
    assert level(alice) == 0


@pytest.mark.parametrize(("seconds", "expected"), [(-5, "PENDING"), (0, "EXPIRED")])
def test_verification_expires_after_a_day(alice, in_sandbox, seconds, expected):
    verification = a_verification(alice)
    at = verification.expires_at + timedelta(seconds=seconds)
    assert verification.status_at(at) == expected


def test_late_approval_expires_the_verification(alice, in_sandbox):
    send(alice, *DOCUMENTS)
    verification = a_verification(alice)
    advance_clock(timedelta(hours=24, seconds=1))
    with pytest.raises(errors.InvalidTransition) as refused:
        decided(verification)
    assert refused.value.facts == {
        "verification_id": verification.id,
        "status": "EXPIRED",
        "requested": "APPROVED",
    }
    assert (status(verification), level(alice)) == ("EXPIRED", 0)


def test_late_expiry_is_accepted(alice, in_sandbox):
    verification = a_verification(alice)
    advance_clock(timedelta(hours=25))
    assert decided(verification, "EXPIRED") == "EXPIRED"


# --- Repeated and contradicting decisions -------------------------------------------------------


@pytest.mark.parametrize("decision", identity.DECISIONS)
def test_same_decision_again_changes_nothing(decision, alice):
    verification = a_verification(alice)
    decided(verification, decision)
    verification.refresh_from_db()
    before = verification.decided_at, kinds(alice)
    assert decided(verification, decision) == decision
    verification.refresh_from_db()
    assert (verification.decided_at, kinds(alice)) == before


def test_contradicting_decision_is_refused_and_recorded_once(alice):
    verification = a_verification(alice)
    decided(verification, "REJECTED")
    for _ in range(3):
        with pytest.raises(errors.InvalidTransition):
            decided(verification, "APPROVED")
    assert status(verification) == "REJECTED"
    assert contradictions(alice) == [
        {"verification": str(verification.id), "requested": "APPROVED", "status": "REJECTED"}
    ]


def test_contradicting_rejection_keeps_the_level(alice):
    send(alice, *DOCUMENTS)
    verification = a_verification(alice)
    decided(verification)
    with pytest.raises(errors.InvalidTransition):
        decided(verification, "REJECTED")
    assert (status(verification), level(alice)) == ("APPROVED", 1)


def test_unknown_verification_is_not_found(alice):
    with pytest.raises(errors.NotFound):
        identity.decide(provider="http", verification_id=people.unknown_id(), status="APPROVED")


def test_provider_decides_only_its_own_verifications(alice):
    verification = a_verification(alice, provider="demo")
    with pytest.raises(errors.NotFound):
        identity.decide(provider="http", verification_id=verification.id, status="APPROVED")
    assert status(verification) == "PENDING"


# --- Beginning ----------------------------------------------------------------------------------


def begin(user: User, **values: str) -> IdentityVerification:
    urls = {"success_url": "https://a.example/", "failure_url": "https://b.example/"} | values
    addresses = identity.Addresses(**urls, origin="https://pay.example")
    return identity.begin(
        client_id=user.client_id, user_id=user.id, addresses=addresses, by=people.BY
    ).verification


@pytest.mark.slow
def test_verification_is_pending_for_a_day(alice, provider):
    verification = begin(alice)
    assert verification.expires_at - verification.created_at == timedelta(hours=24)
    assert status(verification) == "PENDING"
    assert "user.identity_requested" in kinds(alice)


def test_company_is_refused(client_demo, provider):
    company = people.a_user(client_demo, COMPANY)
    before = len(provider.begun())
    with pytest.raises(errors.NotAPerson):
        begin(company)
    assert len(provider.begun()) == before


@pytest.mark.parametrize("state", ["BLOCKED", "UNSUBSCRIBED"])
def test_blocked_or_closed_user_is_refused(state, alice, api, provider):
    if state == "BLOCKED":
        people.block(alice)
    else:
        assert api.patch(f"users/{alice.id}", {"status": state}).status == 200
    with pytest.raises(errors.UserNotActive):
        begin(alice)


def test_failure_of_the_provider_stores_nothing(alice, provider):
    pending = begin(alice)
    before = kinds(alice)
    provider.set_mode("crashes")
    with pytest.raises(errors.IdentityProviderUnavailable):
        begin(alice)
    assert (status(pending), kinds(alice)) == ("PENDING", before)


def test_http_is_refused_outside_of_a_sandbox(alice, provider):
    with pytest.raises(errors.InvalidFields) as refused:
        begin(alice, success_url="http://localhost/")
    assert [(each.field, each.code) for each in refused.value.errors] == [
        ("successUrl", "not_https")
    ]


def test_http_to_this_machine_is_accepted_in_a_sandbox(alice, provider, in_sandbox):
    assert begin(alice, success_url="http://localhost/").success_url == "http://localhost/"


def test_user_blocked_during_the_provider_request_is_refused(alice, provider, monkeypatch):
    ask = HttpProvider.ask

    def block_and_ask(self: HttpProvider, *args: Any) -> bytes:
        people.block(alice)
        return ask(self, *args)

    monkeypatch.setattr(HttpProvider, "ask", block_and_ask)
    with pytest.raises(errors.UserNotActive):
        begin(alice)
    assert not IdentityVerification.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_provider_is_asked_outside_of_any_transaction(alice, provider, monkeypatch):
    states: list[tuple[bool, bool]] = []
    ask = HttpProvider.ask

    def watched(self: HttpProvider, *args: Any) -> bytes:
        states.append((connection.in_atomic_block, connection.get_autocommit()))
        return ask(self, *args)

    monkeypatch.setattr(HttpProvider, "ask", watched)
    begin(alice)
    assert states == [(False, True)]
