"""What staff have approved gives a level; what was sent after it changes nothing yet."""

from __future__ import annotations

import pytest

from iocash import errors
from tests.support import people
from tests.support.kyc import approve, in_days, review, send, send_one, stored, today
from tests.support.user_actions import COMPANY, create, kinds
from tests.support.user_bodies import path_of
from users import demo_documents, kyc
from users.kyc import Kind
from users.models import Client, Event, KycDocument, User

pytestmark = pytest.mark.django_db

FRONT, BACK = Kind.DOCUMENT_IDENTITY_FRONT, Kind.DOCUMENT_IDENTITY_BACK
LEVEL_1 = frozenset({Kind.IDENTITY, FRONT, BACK})
LEVEL_2 = frozenset(Kind) - {Kind.DOCUMENT_COMPANY_DEED, Kind.NAME}
COMPANYS = frozenset({Kind.HOME_ADDRESS, Kind.EXTERNAL_IBAN, Kind.DOCUMENT_COMPANY_DEED})
PASSPORT = {"identity_type": "PASSPORT", "identity_number": "AAA123456", "nationality": "FR"}


@pytest.fixture
def company(client_demo: Client) -> User:
    return create(client_demo, COMPANY).user


def level(user: User) -> int:
    return User.objects.get(id=user.id).level_on(today())


# --- Levels ---------------------------------------------------------------------------------------


def test_user_without_documents_is_at_level_0(alice):
    assert (alice.kyc_level, alice.kyc_until, level(alice)) == (0, None, 0)


def test_pending_documents_give_no_level(alice):
    send(alice, *Kind)
    assert level(alice) == 0


def test_identity_and_its_document_give_level_1(alice):
    assert approve(alice, LEVEL_1).kyc_level == 1


@pytest.mark.parametrize("missing", sorted(LEVEL_1))
def test_level_1_needs_every_requirement(alice, missing):
    assert approve(alice, LEVEL_1 - {missing}).kyc_level == 0
    assert approve(alice, {missing}).kyc_level == 1


def test_all_requirements_give_level_2(alice):
    assert approve(alice, LEVEL_2).kyc_level == 2


@pytest.mark.parametrize("missing", sorted(LEVEL_2))
def test_level_2_needs_every_requirement(alice, missing):
    below = 0 if missing in LEVEL_1 else 1
    assert approve(alice, LEVEL_2 - {missing}).kyc_level == below
    assert approve(alice, {missing}).kyc_level == 2


@pytest.mark.parametrize(("kinds_", "given"), [(LEVEL_1, 1), (LEVEL_2, 2)])
def test_passport_needs_no_back(alice, kinds_, given):
    assert approve(alice, kinds_ - {BACK}, **PASSPORT).kyc_level == given


def test_nie_needs_its_back(alice):
    nie = {"identity_type": "NIE", "identity_number": "X1234567L", "nationality": "FR"}
    assert approve(alice, LEVEL_1 - {BACK}, **nie).kyc_level == 0
    assert approve(alice, {BACK}).kyc_level == 1


def test_pending_passport_does_not_waive_the_back(alice):
    approve(alice, LEVEL_1 - {BACK})
    send_one(alice, Kind.IDENTITY, **PASSPORT)
    assert approve(alice, {Kind.OCCUPATION}).kyc_level == 0


def test_company_with_seat_account_and_deed_is_at_level_2(company):
    assert approve(company, COMPANYS).kyc_level == 2
    assert User.objects.get(id=company.id).kyc_until is None


@pytest.mark.parametrize("missing", sorted(COMPANYS))
def test_company_level_needs_every_requirement(company, missing):
    assert approve(company, COMPANYS - {missing}).kyc_level == 0
    assert approve(company, {missing}).kyc_level == 2


def test_company_requirements_give_a_person_no_level(alice):
    assert approve(alice, COMPANYS).kyc_level == 0


def test_signatory_identity_gives_a_company_no_level(company):
    assert approve(company, LEVEL_1).kyc_level == 0


# --- What holds, and for how long -----------------------------------------------------------------


def test_approved_document_counts_until_its_replacement_is_approved(alice):
    approve(alice, LEVEL_1)
    sent = send_one(alice, Kind.IDENTITY, identity_number="87654321X")
    assert level(alice) == 1
    assert (Kind.IDENTITY, "APPROVED") in stored(alice)
    review(alice, sent)
    assert (level(alice), stored(alice).count((Kind.IDENTITY, "REPLACED"))) == (1, 1)


def test_rejection_keeps_the_earlier_approval(alice):
    approve(alice, LEVEL_1)
    review(alice, send_one(alice, Kind.IDENTITY, identity_number="87654321X"), reason="Blurred")
    assert level(alice) == 1
    approved = KycDocument.objects.of(alice).approved().get(kind=Kind.IDENTITY)
    assert approved.values["identity_number"] == "12345678Z"


def test_dni_after_a_passport_needs_its_back(alice):
    approve(alice, LEVEL_1 - {BACK}, **PASSPORT)
    sent = send_one(alice, Kind.IDENTITY)
    assert level(alice) == 1
    assert review(alice, sent).kyc_level == 0


@pytest.mark.parametrize(("days", "left"), [(0, 1), (1, 1), (-1, 0), (-400, 0)])
def test_level_expires_with_the_identity_document(alice, days, left):
    approve(alice, LEVEL_1)
    KycDocument.objects.filter(kind=Kind.IDENTITY).update(expires_on=in_days(days))
    User.objects.filter(id=alice.id).update(kyc_until=in_days(days))
    assert level(alice) == left


def test_level_is_valid_on_the_last_day_of_the_document(alice):
    assert approve(alice, LEVEL_1, expiry_date=today()).kyc_until == today()
    assert (alice.level_on(today()), level(alice)) == (0, 1)


def test_document_expired_before_approval_gives_no_level(alice):
    sent = send(alice, *LEVEL_1)
    KycDocument.objects.filter(kind=Kind.IDENTITY).update(expires_on=in_days(-1))
    review(alice, *sent)
    assert level(alice) == 0


def test_newer_document_extends_the_level(alice):
    approve(alice, LEVEL_1, expiry_date=today())
    user = review(alice, send_one(alice, Kind.IDENTITY, expiry_date=in_days(400)))
    assert (user.kyc_level, user.kyc_until) == (1, in_days(400))


# --- Decisions ------------------------------------------------------------------------------------


def test_decision_records_time_and_reviewer(alice):
    sent = send_one(alice, Kind.OCCUPATION)
    review(alice, sent, reason="No such occupation")
    sent.refresh_from_db()
    assert (sent.status, sent.reason) == ("REJECTED", "No such occupation")
    assert sent.reviewed_by == people.BY.actor
    assert sent.reviewed_at is not None


def test_reason_is_returned_by_the_block_and_by_compliance(api, alice):
    review(alice, send_one(alice, Kind.OCCUPATION), reason="No such occupation")
    block = api.get(path_of(alice, "/occupation")).json
    shown = api.get(path_of(alice, "/compliance")).json["requirements"]
    (requirement,) = [each for each in shown if each["evidence"] == "occupation"]
    for each in (block, requirement):
        assert (each["status"], each["reason"]) == ("REJECTED", "No such occupation")
        assert each["reviewedAt"] == block["reviewedAt"]


@pytest.mark.parametrize("reason", ["", "Blurred"], ids=["approve", "reject"])
@pytest.mark.parametrize("before", ["", "Blurred"], ids=["approved", "rejected"])
def test_decided_document_is_not_decided_again(alice, before, reason):
    sent = send_one(alice, Kind.OCCUPATION)
    review(alice, sent, reason=before)
    with pytest.raises(errors.InvalidTransition) as refused:
        review(alice, sent, reason=reason)
    status = "REJECTED" if before else "APPROVED"
    assert refused.value.facts["status"] == status
    assert stored(alice) == [(Kind.OCCUPATION, status)]


def test_replaced_document_is_not_decided(alice):
    old = send_one(alice, Kind.OCCUPATION)
    send_one(alice, Kind.OCCUPATION, occupation_code="9999")
    with pytest.raises(errors.InvalidTransition) as refused:
        review(alice, old)
    assert refused.value.facts == {
        "evidence_id": old.id,
        "status": "REPLACED",
        "requested": "APPROVED",
    }


def test_decision_about_several_is_refused_when_one_is_not_pending(alice):
    one, two = send(alice, Kind.OCCUPATION, Kind.HOME_ADDRESS)
    review(alice, one, reason="Blurred")
    with pytest.raises(errors.InvalidTransition):
        review(alice, two, one)
    assert (Kind.HOME_ADDRESS, "PENDING") in stored(alice)


def test_document_of_another_user_is_not_found(alice, bob):
    own, others = send_one(alice, Kind.OCCUPATION), send_one(bob, Kind.OCCUPATION)
    with pytest.raises(errors.NotFound):
        review(alice, own, others)
    assert stored(alice) == stored(bob) == [(Kind.OCCUPATION, "PENDING")]


def test_user_of_another_client_is_not_found(alice):
    sent = send_one(alice, Kind.OCCUPATION)
    with pytest.raises(errors.NotFound):
        kyc.review(
            client_id=people.a_client("Another").id,
            user_id=alice.id,
            document_ids=[sent.id],
            by=people.BY,
        )
    assert stored(alice) == [(Kind.OCCUPATION, "PENDING")]


def test_empty_decision_changes_nothing(alice):
    before = kinds(alice)
    review(alice)
    assert (kinds(alice), level(alice)) == (before, 0)


# --- Events ---------------------------------------------------------------------------------------


def test_events_are_recorded_in_order(alice):
    before = len(kinds(alice))
    approve(alice, LEVEL_1)
    review(alice, send_one(alice, Kind.OCCUPATION), reason="Blurred")
    assert kinds(alice)[before:] == [
        *["user.kyc_document_sent"] * 3,
        *["user.kyc_document_approved"] * 3,
        "user.level_changed",
        "user.kyc_document_sent",
        "user.kyc_document_rejected",
    ]
    assert Event.objects.get(kind="user.level_changed").data == {"level": "1"}


def test_unchanged_level_records_no_event(alice):
    approve(alice, LEVEL_1)
    approve(alice, {Kind.OCCUPATION})
    assert kinds(alice).count("user.level_changed") == 1


def test_events_contain_no_personal_data(alice):
    approve(alice, LEVEL_2)
    review(alice, send_one(alice, Kind.HOME_ADDRESS, city="Toledo"), reason="Not in Alice's name")
    told = str(list(Event.objects.filter(subject="user").values_list("kind", "data")))
    said = [value for facts in demo_documents.FACTS.values() for value in facts.values()]
    personal = [str(value) for value in said if len(str(value)) > 3]
    personal += ["Toledo", "Alice", "alice", "Example", "+34600000001", "name"]
    assert [word for word in personal if word in told] == []
    assert "DOCUMENT_INCOME_TAX" in told
