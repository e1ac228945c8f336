"""One-time passwords: made, counted, compared, used up."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
import secrets
import time
from collections import Counter
from unittest.mock import Mock

import pytest
from django.db import connection

from iocash import errors
from tests.support import people, threads
from tests.support.people import Api
from tests.support.user_actions import a_newcomer, guess, request_otp, validate
from tests.support.user_bodies import ALICE, NEW, tells, wrong
from users import otp
from users.models import Otp, User

pytestmark = pytest.mark.django_db


# --- What a code is -----------------------------------------------------------------------------


def test_code_has_six_digits(client_demo, codes):
    for number in range(20):
        phone, name = f"+346000001{number:02d}", f"user{number}"
        a_newcomer(client_demo, user_name=name, mobile_phone=phone)
    assert all(re.fullmatch("[0-9]{6}", sent.code) for sent in codes)
    assert len({sent.code for sent in codes}) > 15


def test_small_code_is_padded_to_six_digits(client_demo, codes, monkeypatch):
    monkeypatch.setattr(secrets, "randbelow", {1_000_000: 7}.__getitem__)
    a_newcomer(client_demo)
    assert codes[0].code == "000007"


def test_only_a_digest_of_the_code_is_stored(alice_created, codes):
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(users_otp)::text, digest FROM users_otp")
        row, digest = cursor.fetchone()
    code = codes[0].code
    assert len(digest) == 32
    assert not tells(code, row)
    assert bytes(digest) != hashlib.sha256(code.encode()).digest()


def test_digest_is_keyed_with_the_servers_secret(alice_created, settings):
    before = otp.code_digest(alice_created.id, NEW, "123456")
    settings.SECRET_KEY = "another"
    assert otp.code_digest(alice_created.id, NEW, "123456") != before


def test_digest_depends_on_user_and_number(alice_created, bob):
    digests = {
        otp.code_digest(user.id, phone, "123456")
        for user in (alice_created, bob)
        for phone in (NEW, "+34600000001")
    }
    assert len(digests) == 4


def test_codes_are_compared_in_constant_time(alice_created, codes, monkeypatch):
    compare = Mock(wraps=hmac.compare_digest)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    otp.check_code(alice_created, codes[0].code)
    compare.assert_called_once()


def test_logs_and_answers_do_not_contain_the_code(api, codes, clock, caplog):
    caplog.set_level("DEBUG")
    answers = [api.post("users", ALICE)]
    path = f"users/{answers[0].json['id']}"
    clock.go(61)
    answers += [
        api.post(f"{path}/request-otp"),
        api.post(f"{path}/request-otp"),
        api.post(f"{path}/validate-otp", {"otp": wrong(codes[1].code)}),
        api.post(f"{path}/validate-otp", {"otp": codes[1].code}),
        api.get(path),
    ]
    assert [answer.status for answer in answers] == [202, 202, 409, 400, 200, 200]
    said = caplog.text + "".join(json.dumps(answer.json) for answer in answers)
    assert "POST" in caplog.text
    assert not any(tells(sent.code, said) for sent in codes)


# --- How long it is good ------------------------------------------------------------------------


def test_correct_code_verifies_the_number(alice_created, codes):
    assert otp.check_code(alice_created, codes[0].code) == "+34600000001"


def test_code_is_valid_for_ten_minutes(alice_created, codes, clock):
    clock.go(599)
    assert validate(alice_created, codes[0].code).status == "ACTIVATED"


def test_code_expires_after_ten_minutes(alice_created, codes, clock):
    clock.go(600)
    with pytest.raises(errors.OtpExpired) as refused:
        otp.check_code(alice_created, codes[0].code)
    assert refused.value.facts == {"user_id": alice_created.id}


def test_expired_code_counts_no_try(alice_created, codes, clock):
    clock.go(600)
    for _ in range(6):
        with pytest.raises(errors.OtpExpired):
            otp.check_code(alice_created, wrong(codes[0].code))
    assert Otp.objects.get().tries == 0


def test_code_works_once(alice_created, codes):
    validate(alice_created, codes[0].code)
    with pytest.raises(errors.AlreadyVerified):
        validate(alice_created, codes[0].code)


def test_used_code_leaves_no_digest(alice_created, codes):
    validate(alice_created, codes[0].code)
    assert [each.digest for each in Otp.objects.all()] == [None]


def test_used_code_does_not_verify_the_same_number_again(alice_created, codes):
    validate(alice_created, codes[0].code)
    User.objects.update(unverified_phone="+34600000001", mobile_phone=NEW)
    with pytest.raises(errors.OtpExpired):
        validate(alice_created, codes[0].code)


def test_code_of_another_user_is_wrong(alice_created, client_demo, codes):
    a_newcomer(client_demo, user_name="bob", mobile_phone="+34600000002")
    with pytest.raises(errors.InvalidOtp):
        otp.check_code(alice_created, codes[1].code)


# --- Five tries ---------------------------------------------------------------------------------


def test_fifth_try_may_succeed(alice_created, codes):
    for left in (4, 3, 2, 1):
        refused = guess(alice_created, wrong(codes[0].code))
        assert isinstance(refused, errors.InvalidOtp)
        assert refused.facts == {"tries_left": left}
    assert validate(alice_created, codes[0].code).status == "ACTIVATED"


def test_correct_code_is_refused_after_five_wrong_tries(alice_created, codes):
    for _ in range(5):
        assert isinstance(guess(alice_created, wrong(codes[0].code)), errors.InvalidOtp)
    assert isinstance(guess(alice_created, codes[0].code), errors.OtpTriedOut)
    assert Otp.objects.get().tries == 5


def test_new_code_allows_five_new_tries(alice_created, codes, clock):
    for _ in range(6):
        guess(alice_created, wrong(codes[0].code))
    clock.go(61)
    request_otp(alice_created)
    assert Otp.objects.get().tries == 0
    assert validate(alice_created, codes[1].code).status == "ACTIVATED"


def test_try_is_counted_before_the_code_is_compared(alice_created, codes, monkeypatch):
    def interrupted(*args: object) -> bool:
        raise SystemExit

    monkeypatch.setattr(hmac, "compare_digest", interrupted)
    with pytest.raises(SystemExit):
        otp.check_code(alice_created, codes[0].code)
    assert Otp.objects.get().tries == 1


@pytest.mark.parametrize(("asked_for", "times"), [(0.0, 2), (10.0, 1)])
def test_try_of_unknown_outcome_is_repeated_only_within_the_time_limit(
    alice_created, codes, monkeypatch, asked_for, times
):
    """Querying the outcome of a COMMIT twice would take longer than callers wait."""
    real, late, tried = time.monotonic, [0.0], list[User]()

    def lose(user: User, phone: str, about: str) -> tuple[bytes, int]:
        tried.append(user)
        late[0] += asked_for
        raise errors.OutcomeUnknown()

    monkeypatch.setattr(time, "monotonic", lambda: real() + late[0])
    monkeypatch.setattr(otp, "count_attempt_once", lose)
    with pytest.raises(errors.OutcomeUnknown):
        otp.check_code(alice_created, codes[0].code)
    assert len(tried) == times


@pytest.mark.long
def test_ten_thousand_guesses_never_succeed(alice_created, codes):
    """The guesses include the correct code, after the first five tries.

    Takes half a minute.
    """
    right = codes[0].code
    others = [f"{number:06d}" for number in random.Random(1).sample(range(10**6), 10_000)]
    guesses = [code for code in others if code != right]
    guesses[5_000] = right
    names = Counter(type(guess(alice_created, code)).__name__ for code in guesses)
    assert names == {"InvalidOtp": 5, "OtpTriedOut": len(guesses) - 5}
    assert Otp.objects.get().tries == 5


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_guesses_get_five_tries(codes):
    user = a_newcomer(people.a_client())
    guesses = [lambda n=n: otp.check_code(user, wrong(codes[0].code)) for n in range(50)]
    names = [type(result).__name__ for result in threads.at_once(*guesses)]
    assert (names.count("InvalidOtp"), names.count("OtpTriedOut")) == (5, 45)
    assert Otp.objects.get().tries == 5


@pytest.mark.django_db(transaction=True)
def test_concurrent_validations_open_one_wallet(codes):
    client = people.a_client()
    api, user = Api(people.a_key(client)), a_newcomer(client)
    sent = {"otp": codes[0].code}
    answers = threads.at_once(*[lambda: api.post(f"users/{user.id}/validate-otp", sent)] * 5)
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} <= {
        "already_verified",
        "otp_expired",
    }
    assert people.first_wallet(User.objects.get())
    assert len(api.get("wallets").json["_embedded"]["wallets"]) == 1
