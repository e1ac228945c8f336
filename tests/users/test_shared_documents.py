"""One identity document, shown by two users: staff are warned, and decide knowingly."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.support import people
from tests.support.kyc import approve, send_one, stored
from tests.support.reviews import do_action, looks, page_of, said, who
from tests.support.staff import OPERATOR, SUPERVISOR, somebody
from tests.support.threads import at_once
from users import kyc
from users.kyc import Kind
from users.models import Event, KycDocument, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def twins(alice: User, db: None) -> tuple[User, KycDocument]:
    """A user of another client who shows the document that is approved for Alice."""
    approve(alice, kyc.IDENTITY)
    twin = people.a_user(people.a_client("Another"), people.BOB)
    return twin, send_one(twin, Kind.IDENTITY)


SAME = "Alice Example (alice) of Demo, "
WARNING = f"This identity document is already approved for {SAME}"


@pytest.mark.slow
def test_page_warns_about_a_document_of_another_user(operator, twins):
    twin, _ = twins
    assert WARNING in operator.get(page_of(twin)).content.decode()


@pytest.mark.slow
def test_document_of_another_user_needs_confirmation_to_be_approved(operator, twins):
    twin, identity = twins
    answer = do_action(operator, twin, "approve", identity)
    page = answer.content.decode()
    assert "Another user has the same identity document." in page
    assert SAME in page
    assert stored(twin) == [(Kind.IDENTITY, "PENDING")]


@pytest.mark.slow
def test_confirmed_approval_of_a_shared_document_is_recorded(operator, twins):
    twin, identity = twins
    alice = User.objects.get(user_name="alice")
    answer = do_action(operator, twin, "approve", identity, same_document=str(alice.id))
    assert said(answer) == ["Documents approved."]
    assert stored(twin) == [(Kind.IDENTITY, "APPROVED")]
    assert ("REVIEW", "SAME_DOCUMENT", who(operator)) in looks()


@pytest.mark.slow
def test_document_of_another_user_is_rejected_without_confirmation(operator, twins):
    twin, identity = twins
    do_action(operator, twin, "reject", identity, reason="Not yours")
    assert stored(twin) == [(Kind.IDENTITY, "REJECTED")]


@pytest.mark.slow
def test_document_with_another_number_or_type_is_not_shared(operator, twins):
    twin, _ = twins
    send_one(twin, Kind.IDENTITY, identity_number="87654321X")
    assert WARNING not in operator.get(page_of(twin)).content.decode()
    passport = {"identity_type": "PASSPORT", "identity_number": "12345678Z"}
    send_one(twin, Kind.IDENTITY, **passport)
    assert WARNING not in operator.get(page_of(twin)).content.decode()


@pytest.mark.slow
def test_events_do_not_name_the_other_user(operator, twins):
    twin, identity = twins
    alice = User.objects.get(user_name="alice")
    do_action(operator, twin, "approve", identity, same_document=str(alice.id))
    told = [event.data for event in Event.objects.about(twin.id)]
    assert str(alice.id) not in str(told)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_approvals_of_a_shared_document_accept_one():
    client = people.a_client()
    users = [people.a_user(client, each) for each in (people.ALICE, people.BOB)]
    sent = [send_one(user, Kind.IDENTITY) for user in users]
    browsers = [somebody(OPERATOR), somebody(SUPERVISOR)]
    at_once(
        *[
            lambda b=browser, u=user, e=each: do_action(b, u, "approve", e)
            for browser, user, each in zip(browsers, users, sent, strict=True)
        ]
    )
    assert KycDocument.objects.approved().count() == 1


@pytest.mark.slow
def test_shared_document_search_uses_its_index(twins):
    _, identity = twins
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("DROP INDEX kyc_document_is_approved_once")  # good for few rows only
        cursor.execute(f"EXPLAIN {kyc.SAME_DOCUMENT}", [[identity.id]])
        plan = " ".join(row for (row,) in cursor.fetchall())
    assert "kyc_document_identity_number" in plan
