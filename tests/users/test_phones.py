"""What a phone number may be sent and how often it may be guessed, across users and clients."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection

from iocash import errors
from tests.support import people, sandbox, threads
from tests.support.people import Answer, Api
from tests.support.user_actions import (
    a_newcomer,
    change_phone,
    create,
    guess,
    request_otp,
    validate,
)
from tests.support.user_bodies import ALICE, BOB, NEW, wrong
from users import otp, phones
from users.models import Client, Otp, PhoneUse, User
from users.models.sandbox import advance_clock

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def noon(clock: Any) -> Any:
    """A clock that stands at the next noon (UTC): a minute later it is the same day."""
    now = clock.now()
    sandbox.set_clock(datetime.combine(now.date() + DAY, time(12), UTC))
    return clock


@pytest.fixture
def other(client_demo: Client) -> Client:
    return people.a_client("Another")


def tomorrow(clock: Any) -> datetime:
    return datetime.combine(clock.now().date() + DAY, time(), UTC)


def guesses(user: User, code: str, times: int) -> list[str]:
    return [type(guess(user, wrong(code))).__name__ for _ in range(times)]


# --- Within a client ------------------------------------------------------------------------------


def test_users_of_a_client_share_the_pause_of_a_number(alice, bob, codes):
    change_phone(alice)
    with pytest.raises(errors.OtpTooSoon) as refused:
        change_phone(bob)
    assert refused.value.facts.keys() == {"retry_at"}
    assert User.objects.get(id=bob.id).unverified_phone == ""
    assert len(codes) == 1


def test_pause_is_sent_in_the_retry_after_header(api, newcomer):
    answer = api.post(f"users/{newcomer.id}/request-otp")
    assert (answer.status, answer.code) == (409, "otp_too_soon")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_user_is_not_created_within_the_pause_of_the_number(api, alice, codes):
    change_phone(alice)
    answer = api.post("users", BOB | {"mobilePhone": NEW}, key="k")
    assert (answer.status, answer.code) == (409, "otp_too_soon")
    assert not User.objects.filter(user_name="bob").exists()


def test_eleventh_code_of_a_day_is_refused_until_tomorrow(alice_created, codes, noon):
    for _ in range(9):
        noon.go(61)
        request_otp(alice_created)
    noon.go(61)
    PhoneUse.objects.update(asked=10)  # the first was sent the day before
    with pytest.raises(errors.OtpTooSoon) as refused:
        request_otp(alice_created)
    assert refused.value.facts == {"retry_at": tomorrow(noon)}
    assert refused.value.words.startswith("10 one-time passwords were requested")
    sandbox.set_clock(tomorrow(noon))
    request_otp(alice_created)
    assert len(codes) == 11


def test_number_gets_fifteen_tries_a_day_over_all_codes(alice_created, codes, noon):
    request_otp(alice_created)
    for _ in range(3):
        assert guesses(alice_created, codes[-1].code, 5) == ["InvalidOtp"] * 5
        noon.go(61)
        request_otp(alice_created)
    refused = guess(alice_created, codes[-1].code)
    assert isinstance(refused, errors.OtpTriedOut)
    assert refused.facts == {"user_id": alice_created.id, "retry_at": tomorrow(noon)}
    assert refused.retry_after


def test_tries_of_a_number_are_shared_by_users(alice, bob, codes, noon):
    """Both users change to it; each code has five tries, and the number has fifteen a day."""
    tried = 0
    for user in (alice, bob, alice, bob, alice):
        change_phone(user, "+34600000008")
        noon.go(61)
        change_phone(user)
        tried += guesses(User.objects.get(id=user.id), codes[-1].code, 5).count("InvalidOtp")
        noon.go(61)
    assert tried == PhoneUse.TRIES_A_DAY


def test_expired_code_counts_no_try_of_the_number(alice_created, codes, clock):
    clock.go(600)
    assert guesses(alice_created, codes[0].code, 3) == ["OtpExpired"] * 3
    assert not PhoneUse.objects.exclude(tries=0).exists()


# --- Across clients -------------------------------------------------------------------------------


def seen_by(client: Client, clock: Any) -> list[tuple[int, Any, Any]]:
    """All that a client can see of a number: a user is created, asks again, and guesses."""
    api = Api(people.a_key(client))
    answers = [api.post("users", ALICE)]
    path = f"users/{answers[0].json['id']}"
    answers += [api.post(f"{path}/validate-otp", {"otp": "12345x"})]
    answers += [api.post(f"{path}/request-otp")]
    clock.go(61)
    answers += [api.post(f"{path}/request-otp")]
    answers += [api.post(f"{path}/validate-otp", {"otp": "000000"}) for _ in range(6)]
    return [look(answer) for answer in answers]


def look(answer: Answer) -> tuple[int, Any, Any]:
    return answer.status, answer.json.get("code"), answer.json.get("detail", "")[:20]


def test_limits_used_up_by_other_clients_are_not_visible(other, codes, noon):
    """Other clients have just been sent ten codes and have made fifteen wrong tries."""
    fresh = seen_by(people.a_client("Fresh"), noon)
    assert len(codes) == 2
    PhoneUse.objects.update(sent=10, asked=10, tries=15, sent_at=noon.now())
    assert seen_by(other, noon) == fresh
    assert len(codes) == 2


def test_code_is_withheld_when_another_client_sent_one_in_the_same_minute(
    alice_created, other, codes, clock
):
    theirs = a_newcomer(other)
    assert [sent.user_id for sent in codes] == [alice_created.id]
    assert isinstance(guess(theirs, codes[0].code), errors.InvalidOtp)
    clock.go(61)
    request_otp(theirs)
    assert validate(theirs, codes[1].code).status == "ACTIVATED"


def test_withheld_code_does_not_pause_other_clients(alice_created, other, codes, clock):
    clock.go(59)
    a_newcomer(other)
    clock.go(2)
    request_otp(alice_created)
    assert [sent.user_id for sent in codes] == [alice_created.id] * 2


def test_number_is_sent_ten_codes_a_day_over_all_clients(client_demo, codes, noon):
    for number in range(12):
        a_newcomer(people.a_client(f"Client {number}"))
        noon.go(61)
    assert len(codes) == PhoneUse.CODES_A_DAY


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_of_clients_send_one_code_to_a_number(codes):
    clients = [people.a_client(f"Client {number}") for number in range(6)]
    made = threads.at_once(*[lambda c=each: create(c, people.ALICE) for each in clients])
    assert [each.created for each in made] == [True] * 6
    assert len(codes) == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_of_users_send_one_code_to_a_number(codes, clock):
    client = people.a_client()
    users = [
        people.a_user(
            client, people.ALICE | {"user_name": f"u{n}", "mobile_phone": f"+3460000020{n}"}
        )
        for n in range(6)
    ]
    codes.clear()
    results = threads.at_once(*[lambda u=user: change_phone(u) for user in users])
    names = sorted(type(result).__name__ for result in results)
    assert names == ["OtpTooSoon"] * 5 + ["User"]
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_creation_and_change_to_one_number_do_not_deadlock(codes):
    client = people.a_client()
    user = a_newcomer(client, user_name="bob", mobile_phone="+34600000002")
    results = threads.at_once(
        lambda: create(client, people.ALICE | {"mobile_phone": NEW}),
        lambda: change_phone(user, NEW),
    )
    refused = [each for each in results if isinstance(each, Exception)]
    assert [type(each) for each in refused] == [errors.AlreadyExists]


@pytest.mark.django_db(transaction=True)
def test_concurrent_tries_are_counted_exactly(codes):
    user = a_newcomer(people.a_client())
    PhoneUse.objects.update(tries=13)
    code = wrong(codes[0].code)
    names = [
        type(each).__name__ for each in threads.at_once(*[lambda: otp.check_code(user, code)] * 8)
    ]
    assert (names.count("InvalidOtp"), names.count("OtpTriedOut")) == (2, 6)


# --- What is kept ---------------------------------------------------------------------------------


def test_counts_are_stored_without_the_number(alice_created):
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(users_phoneuse)::text FROM users_phoneuse")
        ((row,),) = cursor.fetchall()
    assert "34600000001" not in row
    assert phones.number_digest("+34600000001").hex() in row


def test_digest_of_a_number_is_keyed_with_the_servers_secret(settings):
    before = phones.number_digest(NEW)
    settings.SECRET_KEY = "another"
    assert phones.number_digest(NEW) != before


def test_counts_are_deleted_after_the_next_day(alice_created, clock):
    advance_clock(DAY)
    a_newcomer(alice_created.client, user_name="bob", mobile_phone=NEW)
    assert PhoneUse.objects.count() == 2
    advance_clock(DAY)
    request_otp(Otp.objects.get(mobile_phone=NEW).user)
    assert PhoneUse.objects.filter(number=phones.number_digest("+34600000001")).count() == 0
