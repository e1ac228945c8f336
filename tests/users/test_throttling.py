"""How fast a client may ask."""

from __future__ import annotations

import re
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from django.test import Client as Browser
from hypothesis import given
from hypothesis import strategies as st

from tests.support import people
from tests.support.ibans import IBAN
from tests.support.people import Answer, Api
from users import authentication, throttling, unauthenticated
from users.throttling import Buckets

ALICE, BOB = uuid4(), uuid4()


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def served(some: Buckets, client_id: UUID, count: int, rate: int) -> int:
    return sum(some.take(client_id, rate).allowed for _ in range(count))


def test_idle_client_may_burst_one_second_of_requests():
    assert served(Buckets(Clock()), ALICE, 50, 10) == 10


def test_bucket_refills_at_the_rate():
    clock = Clock()
    buckets = Buckets(clock)
    served(buckets, ALICE, 10, 10)
    clock.time += 0.1
    assert served(buckets, ALICE, 5, 10) == 1
    clock.time += 0.55
    assert served(buckets, ALICE, 9, 10) == 5


def test_clients_have_separate_buckets():
    buckets = Buckets(Clock())
    served(buckets, ALICE, 10, 10)
    assert served(buckets, BOB, 10, 10) == 10


def test_refused_requests_are_not_counted():
    clock = Clock()
    buckets = Buckets(clock)
    served(buckets, ALICE, 1_000, 10)
    clock.time += 1
    assert served(buckets, ALICE, 50, 10) == 10


def test_bucket_reports_the_remaining_requests_and_the_wait():
    buckets = Buckets(Clock())
    first = buckets.take(ALICE, 4)
    assert (first.left, first.wait) == (3, 0.25)
    served(buckets, ALICE, 3, 4)
    refused = buckets.take(ALICE, 4)
    assert (refused.allowed, refused.left, refused.wait) == (False, 0, 0.25)


@given(
    rate=st.integers(1, 50),
    steps=st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
)
def test_served_requests_never_exceed_burst_and_rate(rate, steps):
    clock = Clock()
    buckets = Buckets(clock)
    begun, count = clock.time, 0
    for step in steps:
        clock.time += step
        count += buckets.take(ALICE, rate).allowed
        assert count <= rate + (clock.time - begun) * rate + 1e-3


def test_concurrent_requests_are_counted_exactly():
    buckets, together = Buckets(Clock()), Barrier(16)
    counts: list[int] = []

    def ask() -> None:
        together.wait()
        counts.append(served(buckets, ALICE, 100, 500))

    threads = [Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 500


def left(answers: list[Answer]) -> list[str]:
    """How many more requests each answer says that the client may send now."""
    fields = [re.fullmatch(r'"client";r=(\d+);t=1', each.headers["RateLimit"]) for each in answers]
    return [field[1] for field in fields if field]


@pytest.fixture
def slow(settings, monkeypatch):
    """Three requests a second, and a clock that stands still."""
    settings.RATE_LIMIT = 3
    clock = Clock()
    monkeypatch.setattr(throttling, "BUCKETS", Buckets(clock))
    return clock


@pytest.mark.django_db
def test_rate_limited_request_gets_503_with_retry_after(api, slow):
    answers = [api.get("users") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 503]
    assert left(answers) == ["2", "1", "0", "0"]
    assert answers[3].code == "rate_limited"
    assert answers[3].headers["Retry-After"] == "1"
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"client";q=3;w=1'}
    slow.time += 1
    assert api.get("users").status == 200


@pytest.mark.django_db
def test_rate_limited_request_changes_nothing(api, alices, bobs, slow):
    for _ in range(3):
        api.get("users")
    answer = api.post(f"wallets/{alices.id}/movements", people.to(bobs))
    assert answer.code == "rate_limited"
    assert people.balances(alices, bobs) == [100_00, 0]


@pytest.mark.django_db
def test_keys_of_one_client_share_a_bucket(api, stranger, client_demo, slow):
    second = Api(people.a_key(client_demo))
    assert [api.get("users").status, second.get("users").status] == [200, 200]
    assert [api.get("users").status, second.get("users").status] == [200, 503]
    assert stranger.get("users").status == 200


@pytest.mark.django_db
def test_refused_requests_are_counted(api, bobs, slow):
    path = f"wallets/{bobs.id}"
    answers = [
        api.get(f"{path}?size=1"),
        api.get(f"wallets/{people.unknown_id()}"),
        api.post(f"{path}/movements/{people.unknown_id()}/reversal", {}),
        api.get("wallets"),
    ]
    assert [answer.status for answer in answers] == [400, 404, 404, 503]
    assert left(answers) == ["2", "1", "0", "0"]
    slow.time += 1
    order = {"type": "CASH_OUT", "amount": "1.00", "iban": {"accountNumber": IBAN}}
    refused = api.post(f"{path}/movements", order)
    assert (refused.code, left([refused])) == ("insufficient_funds", ["2"])


@pytest.mark.django_db
def test_request_without_the_scope_is_counted(client_demo, slow):
    narrow = Api(people.a_key(client_demo, "wallets:read"))
    answers = [narrow.get("users") for _ in range(4)]
    assert [answer.status for answer in answers] == [403, 403, 403, 503]
    assert left(answers) == ["2", "1", "0", "0"]
    assert narrow.get("wallets").code == "rate_limited"


@pytest.mark.django_db
def test_request_without_the_scope_is_counted_once_for_a_remembered_key(alices, client_demo, slow):
    narrow, path = Api(people.a_key(client_demo, "wallets:read")), f"wallets/{alices.id}"
    assert narrow.get(path).status == 200
    answers = [narrow.get(f"{path}/movements").status for _ in range(3)]
    assert answers == [403, 403, 503]


@pytest.mark.django_db
def test_forbidden_request_has_no_rate_headers_without_a_limit(client_demo, settings):
    settings.RATE_LIMIT = 0
    assert Api(people.a_key(client_demo, "wallets:read")).get("users").status == 403


@pytest.mark.django_db
def test_staff_have_no_limit(staff, slow):
    browser = Browser()
    browser.force_login(staff)
    answers = [browser.get("/api/v1/users") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert "RateLimit" not in answers[0].headers


# --- Who is not let in ---------------------------------------------------------------------------


@pytest.fixture
def strict(settings, monkeypatch):
    """Three refused requests a second for an address, and a clock that stands still."""
    settings.RATE_LIMIT_REFUSED = 3
    clock = Clock()
    monkeypatch.setattr(unauthenticated, "BUCKETS", Buckets(clock))
    return clock


def bad(address: str = "192.0.2.1", **headers: str) -> str:
    """Ask with a key that is none, from somewhere."""
    browser = Browser(REMOTE_ADDR=address)
    headers = {"Authorization": "Bearer nobody"} | headers
    return str(browser.get("/api/v1/users", headers=headers).json()["code"])


SIGNED = "Bearer WyJhbGciXQ.e30.eA"


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Bearer nobody", SIGNED, "Bearer", "Basic eDp5", None])
def test_address_with_refused_keys_gets_503_with_retry_after(header, strict):
    browser = Browser()
    headers = {"Authorization": header} if header else {}
    answers = [browser.get("/api/v1/users", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 503]
    assert answers[3].json()["code"] == "rate_limited"
    assert answers[3].headers["Retry-After"] == "1"
    strict.time += 1
    assert browser.get("/api/v1/users", headers=headers).status_code == 401


@pytest.mark.django_db
def test_rate_limited_address_causes_no_key_lookup(strict, monkeypatch):
    assert [bad() for _ in range(4)][-1] == "rate_limited"
    monkeypatch.setattr(authentication, "read_credentials", None)
    assert bad() == "rate_limited"


@pytest.mark.django_db
def test_addresses_have_separate_buckets(strict):
    assert [bad("192.0.2.1") for _ in range(4)][-1] == "rate_limited"
    assert bad("192.0.2.2") == "invalid_credentials"


@pytest.mark.django_db
def test_addresses_of_one_ipv6_network_share_a_bucket(strict):
    codes = [bad(f"2001:db8::{number}") for number in range(4)]
    assert codes[-1] == "rate_limited"
    assert bad("2001:db8:0:1::1") == "invalid_credentials"


@pytest.mark.django_db
def test_valid_key_is_served_from_a_rate_limited_address(api, strict):
    assert api.get("users").status == 200
    while bad("127.0.0.1") != "rate_limited":
        pass
    assert api.get("users").status == 200


@pytest.mark.django_db
def test_accepted_requests_of_an_address_are_not_counted(api, strict):
    assert [api.get("users").status for _ in range(5)] == [200] * 5


def test_number_of_buckets_is_limited(monkeypatch):
    monkeypatch.setattr(throttling, "MOST", 100)
    clock = Clock()
    some = Buckets(clock)
    for number in range(1_000):
        clock.time += 0.001
        some.take(number, 10)
        assert len(some.empty_at) <= 100


@pytest.mark.django_db
def test_answer_has_no_rate_headers_without_a_limit(api, settings):
    settings.RATE_LIMIT = 0
    assert "RateLimit" not in api.get("users").headers
