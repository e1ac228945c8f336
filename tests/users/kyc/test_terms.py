"""The terms of the institution: their versions, and what a signature needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from iocash import errors
from tests.support import people
from tests.support.identity import a_signature, some_terms
from tests.support.user_actions import change_phone, kinds, request_otp, validate
from users import demo_documents, otp
from users.documents import WrongDocument
from users.kyc import terms
from users.models import Otp, Terms, TermsSignature, User

pytestmark = pytest.mark.django_db


def request(user: User) -> terms.SignedTerms:
    return terms.request_signature(client_id=user.client_id, user_id=user.id, by=people.BY)


def sign(user: User, code: str, key: str | None = None) -> terms.SignedTerms:
    return terms.sign_terms(
        client_id=user.client_id, user_id=user.id, code=code, by=people.BY, key=key
    )


def attempts(user: User) -> list[Callable[[], terms.SignedTerms]]:
    """To request a code, and to sign with one."""
    return [partial(request, user), partial(sign, user, "123456")]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


@pytest.fixture
def alice_later(alice, clock):
    """Alice, long enough after her number was verified for another code."""
    clock.go(61)
    return alice


# --- Versions -----------------------------------------------------------------------------------


def test_each_published_pdf_is_the_next_version():
    first, second = some_terms("One"), some_terms("Two")
    assert (first.version, second.version) == (1, 2)
    assert Terms.objects.current() == second
    kept = Terms.objects.get(version=1)
    assert bytes(kept.content) == demo_documents.draw_pdf("One").content
    assert bytes(kept.sha256) == hashlib.sha256(kept.content).digest()


def test_current_pdf_again_is_no_new_version():
    assert some_terms() == some_terms()
    assert Terms.objects.count() == 1


def test_former_pdf_again_is_a_new_version():
    versions = [some_terms(title).version for title in ("One", "Two", "One")]
    assert versions == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"Terms", "unknown_type"),
        (demo_documents.draw_picture("Terms").content, "unknown_type"),
        (b"%PDF-1.4 Terms", "damaged"),
        (b"%PDF-1.4" + b" " * 5_000_000, "too_large"),
    ],
)
def test_other_files_are_refused(content, code):
    with pytest.raises(WrongDocument) as refused:
        terms.publish(content, people.BY)
    assert refused.value.code == code
    assert not Terms.objects.exists()


# --- Signing ------------------------------------------------------------------------------------


def test_signature_names_the_terms_and_the_one_time_password(alice_later, codes):
    published = some_terms()
    request(alice_later)
    sign(alice_later, codes[-1].code)
    signature = TermsSignature.objects.get()
    used = Otp.objects.get(user=alice_later)
    assert (signature.terms, bytes(signature.sha256)) == (published, bytes(published.sha256))
    assert (signature.otp_id, signature.otp_sent_at) == (used.id, used.sent_at)
    assert used.digest is None
    assert signature.signed_at >= used.sent_at
    assert (signature.actor, signature.request_id) == (people.BY.actor, people.BY.request_id)
    assert kinds(alice_later)[-2:] == ["user.otp_sent", "user.terms_signed"]


def test_code_goes_to_the_verified_number(alice_later, codes):
    some_terms()
    request(alice_later)
    assert codes[-1].phone == alice_later.mobile_phone


def test_code_signs_once(alice_later, codes):
    some_terms()
    request(alice_later)
    sign(alice_later, codes[-1].code)
    some_terms("Two")
    with pytest.raises(errors.OtpExpired):
        sign(alice_later, codes[-1].code)


def test_code_of_former_terms_does_not_sign_new_ones(alice_later, codes):
    some_terms()
    request(alice_later)
    some_terms("Two")
    with pytest.raises(errors.OtpExpired):
        sign(alice_later, codes[-1].code)
    assert not TermsSignature.objects.exists()


def test_newer_terms_ask_for_a_new_signature(alice):
    some_terms()
    a_signature(alice)
    assert terms.unsigned(alice) is None
    second = some_terms("Two")
    assert terms.unsigned(alice) == second


@pytest.mark.slow
def test_wrong_code_is_counted(alice_later, codes):
    some_terms()
    request(alice_later)
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(errors.InvalidOtp) as refused:
            sign(alice_later, wrong(codes[-1].code))
        assert refused.value.facts == {"tries_left": left}
    with pytest.raises(errors.OtpTriedOut):
        sign(alice_later, codes[-1].code)
    assert not TermsSignature.objects.exists()


def test_code_expires_after_ten_minutes(alice_later, codes, clock):
    some_terms()
    request(alice_later)
    clock.go(601)
    with pytest.raises(errors.OtpExpired):
        sign(alice_later, codes[-1].code)


def test_second_request_within_a_minute_is_too_soon(alice_later, codes):
    some_terms()
    request(alice_later)
    with pytest.raises(errors.OtpTooSoon):
        request(alice_later)


def test_request_counts_as_a_code_of_its_number(new_ids, alice, codes):
    """The code that verified the number was sent just now."""
    some_terms()
    with pytest.raises(errors.OtpTooSoon):
        request(alice)


def test_code_that_verifies_a_number_signs_nothing(alice_later, codes):
    some_terms()
    change_phone(alice_later)
    with pytest.raises(errors.OtpExpired):
        sign(alice_later, codes[-1].code)


def test_code_that_signs_verifies_no_number(alice_later, codes, clock):
    some_terms()
    request(alice_later)
    signing = codes[-1].code
    User.objects.filter(id=alice_later.id).update(
        unverified_phone=alice_later.mobile_phone, mobile_phone="+34600000099"
    )
    with pytest.raises(errors.OtpExpired):
        validate(alice_later, signing)


def test_request_keeps_the_code_of_a_new_number(alice_later, codes):
    some_terms()
    change_phone(alice_later)
    of_number = codes[-1].code
    request(alice_later)
    assert validate(alice_later, of_number).unverified_phone == ""


def test_verified_new_number_voids_the_code_that_signs(alice_later, codes):
    some_terms()
    request(alice_later)
    signing = codes[-1].code
    change_phone(alice_later)
    validate(alice_later, codes[-1].code)
    with pytest.raises(errors.OtpExpired):
        sign(alice_later, signing)


def test_signature_changes_no_level(alice_later, codes):
    some_terms()
    request(alice_later)
    sign(alice_later, codes[-1].code)
    assert "user.level_changed" not in kinds(alice_later)


# --- Refusals -----------------------------------------------------------------------------------


def test_nothing_to_sign_without_terms(alice):
    with pytest.raises(errors.NoTerms):
        request(alice)
    with pytest.raises(errors.NoTerms):
        sign(alice, "123456")
    with pytest.raises(errors.NotFound):
        terms.for_user(alice)
    assert terms.unsigned(alice) is None


def test_signed_terms_are_not_signed_again(alice):
    published = some_terms()
    signature = a_signature(alice)
    for attempt in attempts(alice):
        with pytest.raises(errors.TermsAlreadySigned) as refused:
            attempt()
        assert refused.value.facts == {
            "user_id": alice.id,
            "version": published.version,
            "signed_at": signature.signed_at,
        }


@pytest.mark.parametrize("status", ["BLOCKED", "CREATED"])
def test_only_an_activated_user_signs(status, alice):
    some_terms()
    User.objects.filter(id=alice.id).update(status=status)
    for attempt in attempts(alice):
        with pytest.raises(errors.UserNotActive):
            attempt()


@pytest.mark.parametrize(
    ("happens", "refusal"),
    [
        (people.block, errors.UserNotActive),
        (lambda user: some_terms("Two"), errors.OtpExpired),
        (lambda user: Otp.objects.update(digest=b"another code"), errors.OtpExpired),
        (a_signature, errors.TermsAlreadySigned),
    ],
)
def test_everything_is_checked_again_after_the_code(
    happens, refusal, alice_later, codes, monkeypatch
):
    some_terms()
    request(alice_later)
    require_right = otp.require_right

    def meanwhile(*args: Any, **kwargs: Any) -> bytes:
        digest = require_right(*args, **kwargs)
        happens(alice_later)
        return digest

    monkeypatch.setattr(otp, "require_right", meanwhile)
    before = TermsSignature.objects.count()
    with pytest.raises(refusal):
        sign(alice_later, codes[-1].code)
    assert TermsSignature.objects.count() == before + (happens is a_signature)


def test_closed_user_has_nothing_to_sign(alice, api):
    some_terms()
    assert api.patch(f"users/{alice.id}", {"status": "UNSUBSCRIBED"}).status == 200
    assert terms.unsigned(User.objects.get(id=alice.id)) is None
    with pytest.raises(errors.UserNotActive):
        request(alice)


def test_unknown_user_is_not_found():
    some_terms()
    nobody = User(id=people.unknown_id(), client=people.a_client("Another"))
    for attempt in attempts(nobody):
        with pytest.raises(errors.NotFound):
            attempt()


def test_number_is_verified_as_before(client_demo, codes, clock):
    newcomer = people.a_user(client_demo, people.BOB)
    clock.go(61)
    change_phone(newcomer)
    clock.go(61)
    request_otp(newcomer)
    assert validate(newcomer, codes[-1].code).mobile_phone == codes[-1].phone
