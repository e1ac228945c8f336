"""One-time passwords: new ones for old, and what proves a number that changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from iocash import errors
from tests.support import people
from tests.support.user_actions import change_phone, guess, request_otp, validate
from tests.support.user_bodies import NEW, wrong
from users import otp
from users.models import Otp, User
from wallets import posting
from wallets.orders.users import ActivateUser

pytestmark = pytest.mark.django_db


# --- New codes ----------------------------------------------------------------------------------


def test_new_code_voids_the_older_one(alice_created, codes, clock):
    clock.go(61)
    request_otp(alice_created)
    if codes[0].code != codes[1].code:
        assert isinstance(guess(alice_created, codes[0].code), errors.InvalidOtp)
    assert otp.check_code(alice_created, codes[1].code)


def test_code_for_a_new_number_voids_the_older_numbers_code(alice_created, codes):
    change_phone(alice_created)
    digests = dict(Otp.objects.values_list("mobile_phone", "digest"))
    assert digests["+34600000001"] is None
    assert digests[NEW]


def test_code_of_one_number_does_not_verify_another(alice_created, codes, monkeypatch):
    changed = change_phone(alice_created)
    with pytest.raises(errors.InvalidOtp):
        otp.check_code(changed, codes[0].code if codes[0].code != codes[1].code else "x")


def test_restored_number_needs_a_new_code(alice_created, codes, clock):
    change_phone(alice_created)
    clock.go(61)
    change_phone(alice_created, "+34600000001")
    validated = validate(alice_created, codes[2].code)
    assert (validated.status, validated.mobile_phone) == ("ACTIVATED", "+34600000001")


def test_second_code_within_a_minute_is_refused_with_retry_at(alice_created, codes, clock):
    clock.go(59)
    with pytest.raises(errors.OtpTooSoon) as refused:
        request_otp(alice_created)
    sent_at = Otp.objects.get().sent_at
    assert refused.value.facts == {"retry_at": sent_at + timedelta(seconds=60)}
    assert len(codes) == 1


def test_second_code_may_be_requested_after_a_minute(alice_created, codes, clock):
    clock.go(60)
    request_otp(alice_created)
    assert len(codes) == 2


def test_pause_applies_to_each_number_separately(alice_created, codes):
    change_phone(alice_created)
    assert [sent.phone for sent in codes] == ["+34600000001", NEW]


def test_switching_numbers_does_not_bypass_the_pause(alice_created, codes):
    changed = change_phone(alice_created)
    with pytest.raises(errors.OtpTooSoon):
        change_phone(changed, "+34600000001")
    assert User.objects.get().mobile_phone == NEW
    assert len(codes) == 2


# --- A changed number ---------------------------------------------------------------------------


def test_old_number_stays_until_the_new_one_is_verified(alice, codes):
    changed = change_phone(alice)
    assert (changed.mobile_phone, changed.unverified_phone) == ("+34600000001", NEW)
    verified = validate(alice, codes[0].code)
    assert (verified.mobile_phone, verified.unverified_phone) == (NEW, "")
    assert verified.status == "ACTIVATED"


def test_wrong_code_keeps_the_old_number(alice, codes):
    change_phone(alice)
    assert isinstance(guess(User.objects.get(), wrong(codes[0].code)), errors.InvalidOtp)
    assert User.objects.get().mobile_phone == "+34600000001"


def test_verification_of_a_new_number_opens_no_second_wallet(alice, codes):
    before = people.first_wallet(alice)
    change_phone(alice)
    validate(alice, codes[0].code)
    assert list(type(before).objects.all()) == [before]


def test_number_that_changed_between_check_and_use_is_not_verified(alice, codes, clock):
    change_phone(alice)
    phone = otp.check_code(User.objects.get(), codes[0].code)
    change_phone(alice, "+34600000008")
    order = ActivateUser(client_id=alice.client_id, by=people.BY, user_id=alice.id, phone=phone)
    with pytest.raises(errors.OtpExpired):
        posting.submit(order)
    assert User.objects.get().mobile_phone == "+34600000001"
