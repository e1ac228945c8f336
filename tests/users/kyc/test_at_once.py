"""Decisions of the provider, beginnings and signatures at the same instant."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from iocash import errors
from tests.support import openapi, people, threads
from tests.support.identity import URLS, a_verification, decided, some_terms
from tests.support.kyc import send
from tests.support.people import Answer, Api
from users import otp
from users.kyc import IDENTITY, terms
from users.models import Event, IdentityVerification, Otp, TermsSignature, User

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 6


@pytest.fixture
def user(transactional_db: None) -> User:
    return people.a_user(people.a_client(), people.ALICE)


def events(kind: str) -> int:
    return Event.objects.filter(kind=kind).count()


def test_concurrent_equal_callbacks_decide_once(user):
    send(user, *sorted(IDENTITY))
    verification = a_verification(user)
    answers = threads.at_once(*[partial(decided, verification)] * MANY)
    assert answers == ["APPROVED"] * MANY
    assert events("user.identity_approved") == 1
    assert events("user.kyc_document_approved") == len(IDENTITY)


def test_of_concurrent_contradicting_callbacks_one_decides(user):
    verification = a_verification(user)
    calls = [partial(decided, verification, each) for each in ("APPROVED", "REJECTED")] * 3
    answers = threads.at_once(*calls)
    verification.refresh_from_db()
    refused = [each for each in answers if isinstance(each, errors.InvalidTransition)]
    assert len(refused) == 3
    assert [each for each in answers if each not in refused] == [verification.status] * 3
    assert events("user.identity_approved") + events("user.identity_rejected") == 1
    assert events("user.identity_contradicted") == 1


def test_concurrent_beginnings_leave_one_pending(user, provider):
    openapi.document()
    secret = people.a_key(user.client)
    path = f"users/{user.id}/verify-identity"
    answers = threads.at_once(*[lambda: Api(secret).post(path, URLS)] * 4)
    assert [each.status for each in answers] == [202] * 4
    statuses = Counter(IdentityVerification.objects.values_list("status", flat=True))
    assert statuses == {"PENDING": 1, "EXPIRED": 3}


def test_concurrent_beginnings_with_one_key_store_one(user, provider):
    openapi.document()
    secret = people.a_key(user.client)
    path = f"users/{user.id}/verify-identity"
    answers: list[Answer] = threads.at_once(*[lambda: Api(secret).post(path, URLS, key="k")] * 4)
    assert [each.status for each in answers] == [202] * 4
    assert len({each.json["id"] for each in answers}) == 1
    assert IdentityVerification.objects.count() == 1


def a_code(user: User) -> str:
    """Send a code that signs the terms; return it."""
    published = some_terms()
    digest = otp.code_digest(user.id, user.mobile_phone, "123456")
    Otp.objects.filter(user=user).update(digest=digest, tries=0, about=str(published.id))
    return "123456"


def sign(user: User, code: str, **values: Any) -> terms.SignedTerms:
    return terms.sign_terms(
        client_id=user.client_id, user_id=user.id, code=code, by=people.BY, **values
    )


def test_concurrent_signatures_with_one_code_store_one(user):
    code = a_code(user)
    answers = threads.at_once(*[partial(sign, user, code)] * 4)
    signed = [each for each in answers if isinstance(each, terms.SignedTerms)]
    others = [each for each in answers if each not in signed]
    assert len(signed) == 1
    assert {type(each) for each in others} <= {errors.TermsAlreadySigned, errors.OtpExpired}
    assert TermsSignature.objects.count() == events("user.terms_signed") == 1


def test_concurrent_signatures_with_one_key_store_one(user):
    code = a_code(user)
    answers = threads.at_once(*[partial(sign, user, code, key="k")] * 4)
    signed = [each for each in answers if isinstance(each, terms.SignedTerms)]
    assert sum(not each.replayed for each in signed) == 1
    assert TermsSignature.objects.count() == 1
    assert {each.signature for each in signed} == {TermsSignature.objects.get()}


def test_concurrent_publications_are_numbered_one_by_one(transactional_db):
    titles = [f"Terms {number}" for number in range(4)]
    answers = threads.at_once(*[partial(some_terms, title) for title in titles])
    assert sorted(each.version for each in answers) == [1, 2, 3, 4]
