"""The worker releases what was created, and writes nothing while nobody else does."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.support import people
from tests.support.duties import working
from tests.support.embedded_postgres import eventually, linux
from users import users
from users.duties.barrier import AdvanceBarrier
from users.models import Barrier, Client, User, barrier
from users.models.barrier import Numbers

pytestmark = pytest.mark.django_db(transaction=True)

LONG = 120.0
"""Seconds; other tests may be writing in the same cluster."""


@pytest.fixture
def duty(monkeypatch: pytest.MonkeyPatch) -> AdvanceBarrier:
    monkeypatch.setattr(barrier, "LONGEST_AGE", 0.0)
    return AdvanceBarrier()


def until(condition: Callable[[], bool], duty: AdvanceBarrier) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        duty.perform()


def released_at() -> datetime:
    return Barrier.objects.get().released_at


def a_newcomer(client: Client, name: str = "newcomer") -> User:
    values = people.BOB | {"user_name": name}
    return users.create(client_id=client.id, values=values, by=people.BY).user


def test_what_was_created_is_released(duty, client_demo):
    user = a_newcomer(client_demo)
    assert released_at() <= user.created_at
    until(lambda: released_at() > user.created_at, duty)


# --- When it rests -------------------------------------------------------------------------------

LONG_AGO, NOW, NEXT = (datetime(2030, 1, day, tzinfo=UTC) for day in (1, 2, 3))
QUIET = Numbers(lowest_running=100, next=100, barrier=90, now=NOW, released_at=LONG_AGO)
"""Before an advance, while no transaction is running."""
ADVANCED = Numbers(lowest_running=102, next=102, barrier=101, now=NEXT, released_at=NEXT)
"""After it: its two transactions have had the numbers 100 and 101."""


@pytest.fixture
def advances(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    monkeypatch.setattr(barrier, "advance", lambda: made.append("advance"))
    return made


def settled_after(monkeypatch: pytest.MonkeyPatch, *numbers: Numbers) -> int | None:
    """What the duty knows when it has read these numbers, before and after it advanced."""
    left = iter(numbers)
    monkeypatch.setattr(Numbers, "read", lambda: next(left))
    duty = AdvanceBarrier()
    for _ in range(len(numbers) // 2):
        duty.perform()
    return duty.settled


def test_barrier_duty_rests_after_the_last_write(monkeypatch, advances):
    assert settled_after(monkeypatch, QUIET, ADVANCED) == 101
    assert settled_after(monkeypatch, QUIET, ADVANCED, ADVANCED, QUIET) == 101
    assert advances == ["advance"] * 2


def test_duty_does_not_rest_after_a_write(monkeypatch, advances):
    written = ADVANCED._replace(lowest_running=103, next=103, now=NOW)
    later = ADVANCED._replace(lowest_running=105, next=105, barrier=104)
    assert settled_after(monkeypatch, QUIET, ADVANCED, written, later) == 104
    assert advances == ["advance"] * 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (QUIET._replace(lowest_running=99), ADVANCED),
        (QUIET, ADVANCED._replace(barrier=102, next=103)),
        (QUIET, ADVANCED._replace(released_at=NOW)),
    ],
    ids=["writer before", "writer meanwhile", "held back"],
)
def test_duty_does_not_rest_while_rows_may_not_be_released(monkeypatch, advances, before, after):
    """They may have been created after the time of the barrier was read."""
    assert settled_after(monkeypatch, before, after) is None


RELEASED = "SELECT released_at > now() - interval '1 min' FROM users_barrier"
STATE = "SELECT row(barrier_xid, released_at)::text FROM users_barrier"


@pytest.mark.ci
@linux
def test_idle_worker_leaves_the_barrier_unchanged(postgres, demo, tmp_path) -> None:
    """The worker reports its own looks every ten seconds. Takes 30 s, needs Linux."""
    same = []

    def rests() -> bool:
        state = postgres.ask(STATE)
        same.append(state)
        return len(same) > 30 and len({*same[-30:]}) == 1

    with working(postgres.address(), tmp_path / "log", "--only", "advance-barrier"):
        eventually(lambda: postgres.ask(RELEASED))
        eventually(rests)
        postgres.tell("UPDATE users_client SET name = name")
        eventually(lambda: postgres.ask(STATE) != same[-1])
