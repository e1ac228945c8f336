"""How fast a client may ask."""

from __future__ import annotations

from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import cast
from tests.cast import Api
from users import throttling
from users.throttling import Buckets

ALICE, BOB = uuid4(), uuid4()


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def served(buckets: Buckets, client_id: UUID, count: int, rate: int) -> int:
    return sum(buckets.take(client_id, rate).allowed for _ in range(count))


def test_after_silence_a_seconds_worth_is_served_at_once():
    assert served(Buckets(Clock()), ALICE, 50, 10) == 10


def test_then_one_is_served_whenever_one_has_leaked():
    clock = Clock()
    buckets = Buckets(clock)
    served(buckets, ALICE, 10, 10)
    clock.time += 0.1
    assert served(buckets, ALICE, 5, 10) == 1
    clock.time += 0.55
    assert served(buckets, ALICE, 9, 10) == 5


def test_one_client_takes_nothing_from_another():
    buckets = Buckets(Clock())
    served(buckets, ALICE, 10, 10)
    assert served(buckets, BOB, 10, 10) == 10


def test_what_is_refused_is_not_counted():
    clock = Clock()
    buckets = Buckets(clock)
    served(buckets, ALICE, 1_000, 10)
    clock.time += 1
    assert served(buckets, ALICE, 50, 10) == 10


def test_it_says_how_many_are_left_and_how_long_to_wait():
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
def test_never_more_than_the_burst_and_the_pace(rate, steps):
    clock = Clock()
    buckets = Buckets(clock)
    begun, count = clock.time, 0
    for step in steps:
        clock.time += step
        count += buckets.take(ALICE, rate).allowed
        assert count <= rate + (clock.time - begun) * rate + 1e-3


def test_many_threads_at_once_are_counted_exactly():
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


@pytest.fixture
def slow(settings, monkeypatch):
    """Three requests a second, and a clock that stands still."""
    settings.RATE_LIMIT = 3
    clock = Clock()
    monkeypatch.setattr(throttling, "BUCKETS", Buckets(clock))
    return clock


@pytest.mark.django_db
def test_a_client_that_is_too_fast_is_told_when_to_come_back(api, slow):
    answers = [api.get("users") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 503]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].code == "rate_limited"
    assert answers[3].headers["Retry-After"] == "1"
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"3"}
    slow.time += 1
    assert api.get("users").status == 200


@pytest.mark.django_db
def test_nothing_was_done_when_it_was_too_fast(api, alices, bobs, slow):
    for _ in range(3):
        api.get("users")
    answer = api.post(f"wallets/{alices.id}/movements", cast.to(bobs))
    assert answer.code == "rate_limited"
    assert cast.balances(alices, bobs) == [100_00, 0]


@pytest.mark.django_db
def test_two_keys_of_a_client_share_its_pace_and_others_do_not(api, stranger, client_demo, slow):
    second = Api(cast.a_key(client_demo))
    assert [api.get("users").status, second.get("users").status] == [200, 200]
    assert [api.get("users").status, second.get("users").status] == [200, 503]
    assert stranger.get("users").status == 200


@pytest.mark.django_db
def test_who_is_not_known_is_not_counted(nobody, slow):
    answer = [nobody.get("users") for _ in range(5)][-1]
    assert answer.status == 401
    assert "RateLimit-Limit" not in answer.headers


@pytest.mark.django_db
def test_without_a_limit_nothing_is_said_of_one(api, settings):
    settings.RATE_LIMIT = 0
    assert "RateLimit-Limit" not in api.get("users").headers
