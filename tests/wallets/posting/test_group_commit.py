"""Group commit by itself: who leads, what is posted together, and what becomes of every order."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from threading import Event
from typing import Any

import pytest

from iocash import errors
from tests.support.group_commit import Desk, Noticing, Slip, failing, numbers, outcome
from tests.support.threads import PATIENCE, Stranger, at_once
from wallets.orders.base import Outcome
from wallets.posting.group_commit import Undone


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_single_order_is_posted_immediately(desk):
    assert desk.submit(1) == outcome(Slip(1))
    assert desk.submit(2) == outcome(Slip(2))
    assert desk.groups == [[1], [2]]


def test_orders_queued_during_a_group_form_the_next_group(desk):
    with desk.busy():
        callers = desk.bring(1, 2, 3)
        assert desk.groups == []
    assert numbers(callers) == [1, 2, 3]
    assert desk.groups == [[0], [1, 2, 3]]


def test_each_caller_gets_its_own_outcome(desk):
    callers = at_once(*[partial(desk.submit, number) for number in range(64)], kind=Stranger)
    assert [answer.id.int for answer in callers] == [*range(64)]
    assert sorted(chain.from_iterable(desk.groups)) == [*range(64)]


def test_refusal_is_returned_to_one_caller(desk):
    refusal = errors.NotFound()
    desk.group_commit.post = lambda slips, before_asking: [
        refusal if slip.number == 2 else outcome(slip) for slip in slips
    ]
    answers = at_once(*[partial(desk.submit, number) for number in range(1, 5)], kind=Stranger)
    assert answers == [outcome(Slip(1)), refusal, outcome(Slip(3)), outcome(Slip(4))]


# --- When a group fails --------------------------------------------------------------------------


def test_rolled_back_group_is_posted_one_by_one(desk):
    with desk.busy():
        callers = desk.bring(1, 2, 3)
        wait = desk.before
        desk.before = lambda slips: (wait(slips), failing(Undone(), first=1)(slips))
    assert numbers(callers) == [1, 2, 3]
    assert sorted(desk.apart) == [1, 2, 3]
    assert desk.groups == [[0]]


def test_order_posted_apart_does_not_block_the_queue(desk):
    """A thread whose order has to wait for a lock no longer leads."""
    reached, go_on = Event(), Event()

    def apart(slip: Any) -> Any:
        reached.set()
        assert go_on.wait(PATIENCE)
        return outcome(slip)

    desk.group_commit.apart = apart
    desk.before = failing(Undone(), first=1)
    (slow,) = desk.bring(1)
    assert reached.wait(PATIENCE)
    assert desk.submit(2) == outcome(Slip(2))
    go_on.set()
    assert slow.answer == outcome(Slip(1))


def test_error_of_an_order_posted_apart_reaches_only_its_caller(desk):
    error = ValueError("its own")

    def apart(slip: Any) -> Any:
        if slip.number == 2:
            raise error
        return outcome(slip)

    desk.group_commit.apart = apart
    with desk.busy():
        callers = desk.bring(1, 2, 3)
        wait = desk.before
        desk.before = lambda slips: (wait(slips), failing(Undone(), first=1)(slips))
    assert [caller.answer for caller in callers] == [outcome(Slip(1)), error, outcome(Slip(3))]


@pytest.mark.parametrize("error", [errors.OutcomeUnknown(), ValueError()], ids=["said", "other"])
def test_group_with_an_unproved_rollback_is_unknown_to_all_callers(desk, error):
    with desk.busy():
        callers = desk.bring(1, 2, 3)
        wait = desk.before
        unknown = failing(error, first=1)
        desk.before = lambda slips: (wait(slips), unknown(slips))
    answers = [caller.answer for caller in callers]
    assert {type(answer) for answer in answers} == {errors.OutcomeUnknown}
    assert len({id(answer) for answer in answers}) == 3
    assert desk.apart == []


def test_rolled_back_group_with_an_answer_is_not_posted_apart(desk):
    with desk.busy():
        callers = desk.bring(1, 2)
        wait = desk.before
        silent = failing(Undone(errors.DatabaseUnavailable), first=1)
        desk.before = lambda slips: (wait(slips), silent(slips))
    assert {type(each.answer) for each in callers} == {errors.DatabaseUnavailable}
    assert desk.apart == []


def test_rolled_back_group_is_not_posted_apart_after_its_deadline():
    desk = Desk(patience=0.0)
    desk.before = failing(Undone(), first=1)
    with pytest.raises(errors.DatabaseUnavailable):
        desk.submit(1)
    assert desk.apart == []


def test_next_group_is_posted_during_the_outcome_query_of_the_first(desk):
    """The lead is handed over before asking, and only once."""
    asking, go_on = Event(), Event()

    def ask(slips: Sequence[Any]) -> None:
        if slips[0].number == 1:
            desk.before_asking()
            asking.set()
            assert go_on.wait(PATIENCE)

    desk.before = ask
    (slow,) = desk.bring(1)
    assert asking.wait(PATIENCE)
    assert desk.submit(2) == outcome(Slip(2))
    (third,) = desk.bring(3)
    go_on.set()
    assert numbers([slow, third]) == [1, 3]
    assert not desk.group_commit.is_led


class Death(BaseException):
    """What ends a thread in the middle of anything."""


def test_leader_crash_gives_followers_outcome_unknown(desk):
    died: list[Death] = []

    def lead() -> None:
        try:
            desk.submit(1)
        except Death as death:
            died.append(death)

    with desk.busy():
        leader = Stranger(lead)
        assert desk.entered.acquire(timeout=PATIENCE)
        (follower,) = desk.bring(2)
        wait = desk.before
        desk.before = lambda slips: (wait(slips), failing(Death(), first=1)(slips))
    assert leader.answer is None
    assert len(died) == 1
    assert isinstance(follower.answer, errors.OutcomeUnknown)
    assert desk.submit(3) == outcome(Slip(3))


@pytest.mark.parametrize(
    "error", [Undone(), errors.OutcomeUnknown(), ValueError()], ids=["undone", "unknown", "other"]
)
def test_orders_queued_during_a_failed_group_are_posted(desk, error):
    with desk.busy(then=partial(failing(error, first=0), [Slip(0)])):
        callers = desk.bring(1, 2)
    assert numbers(callers) == [1, 2]
    assert desk.groups == [[1, 2]]


def test_missing_answer_gives_outcome_unknown(desk):
    """A poster that loses count may have done what it does not tell of."""
    desk.group_commit.post = lambda slips, before_asking: []
    assert isinstance(desk.submit(1), errors.OutcomeUnknown)


# --- Limits --------------------------------------------------------------------------------------


def test_order_is_refused_when_the_queue_is_full(desk):
    desk.group_commit.room = 2
    with desk.busy():
        callers = desk.bring(1, 2)
        with pytest.raises(errors.Overloaded):
            desk.submit(3)
    assert numbers(callers) == [1, 2]
    assert desk.groups == [[0], [1, 2]]


def test_order_is_withdrawn_after_its_deadline(desk):
    with desk.busy() as leader:
        desk.group_commit.patience = 0.001
        with pytest.raises(errors.Overloaded):
            desk.submit(1)
        desk.group_commit.patience = PATIENCE
        callers = desk.bring(2)
    assert numbers([leader, *callers]) == [0, 2]
    assert desk.groups == [[0], [2]]


def test_order_in_a_running_group_waits_beyond_its_deadline(desk):
    """Its order may be done by now: to say that nothing was done would be a lie."""
    out_of_patience = Event()

    class Impatient(Noticing):
        def wait(self, entry: Any) -> None:
            reached.wait(PATIENCE)
            self.patience = 0
            out_of_patience.set()
            super().wait(entry)

    reached, go_on = Event(), Event()

    with desk.busy():
        callers = desk.bring(1)
        desk.group_commit.__class__ = Impatient
        callers += desk.bring(2)
        wait = desk.before

        def slow(slips: Sequence[Any]) -> None:
            wait(slips)
            if slips[0].number == 1:
                reached.set()
                assert go_on.wait(PATIENCE)

        desk.before = slow
    assert out_of_patience.wait(PATIENCE)
    go_on.set()
    assert numbers(callers) == [1, 2]
    assert desk.groups == [[0], [1, 2]]


def test_chosen_leader_does_not_withdraw_after_its_deadline(desk):
    """Else nobody would lead those behind it."""

    class Late(Noticing):
        def wait(self, entry: Any) -> None:
            chosen.wait(PATIENCE)
            real, entry.turn = entry.turn, Slow(entry.turn)
            super().wait(entry)
            entry.turn = real

        def hand_over(self, leader: Any) -> None:
            super().hand_over(leader)
            chosen.set()

    class Slow:
        """A lock whose first acquire is too late by a moment."""

        def __init__(self, lock: Any) -> None:
            self.lock, self.tries = lock, 0

        def acquire(self, timeout: float = -1) -> bool:
            self.tries += 1
            return self.tries > 1 and self.lock.acquire()

        def release(self) -> None:
            self.lock.release()

    chosen = Event()
    with desk.busy():
        desk.group_commit.__class__ = Late
        callers = desk.bring(1)
    assert numbers(callers) == [1]
    assert desk.groups == [[0], [1]]


def test_leader_chosen_before_it_waits_leads_once(desk):
    """Between queueing and waiting there is a moment, in which the leader may be done."""
    go_on = Event()

    class Slow(Noticing):
        def enter(self, entry: Any) -> bool:
            leads = super().enter(entry)
            if entry.order.number == 1:
                assert go_on.wait(PATIENCE)
            return leads

        def hand_over(self, leader: Any) -> None:
            super().hand_over(leader)
            go_on.set()

    desk.group_commit.__class__ = Slow
    with desk.busy():
        callers = desk.bring(1, 2)
    assert numbers(callers) == [1, 2]
    assert desk.groups == [[0], [1, 2]]


def test_group_weight_is_limited(desk):
    desk.group_commit.most = 10
    with desk.busy():
        callers = desk.bring(1, 2, 3, weight=4)
    assert numbers(callers) == [1, 2, 3]
    assert desk.groups == [[0], [1, 2], [3]]


def test_order_above_the_weight_limit_is_posted_alone(desk):
    desk.group_commit.most = 10
    with desk.busy():
        callers = [*desk.bring(1), *desk.bring(2, weight=1000), *desk.bring(3)]
    assert numbers(callers) == [1, 2, 3]
    assert desk.groups == [[0], [1], [2], [3]]


# --- All of it at once ---------------------------------------------------------------------------


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("seed", range(4))
def test_every_order_is_answered_once_and_posted_at_most_once(hurried, seed):
    desk = Desk(room=12, patience=0.002, most=5)
    chance = random.Random(seed)

    def disturb(slips: Sequence[Any]) -> None:
        match chance.randrange(10):
            case 0:
                raise Undone
            case 1:
                raise errors.OutcomeUnknown
            case 2:
                raise Death
            case 3:
                Event().wait(0.003)
            case 4:
                desk.before_asking()
                Event().wait(0.001)

    desk.before = disturb

    def bring(caller: int) -> list[tuple[int, Any]]:
        found = []
        for number in range(caller * 1000, caller * 1000 + 150):
            try:
                found.append((number, desk.submit(number)))
            except (errors.Overloaded, errors.DatabaseUnavailable, Death) as error:
                found.append((number, error))
        return found

    found = at_once(*[partial(bring, n) for n in range(24)], kind=Stranger)
    answers = dict(pair for each in found for pair in each)
    done = Counter([number for group in desk.groups for number in group] + desk.apart)
    assert len(answers) == 24 * 150
    assert set(done.values()) == {1}
    told = {number for number, answer in answers.items() if isinstance(answer, Outcome)}
    assert all(answers[number].id.int == number for number in told)
    assert told == set(done)
    kinds = {type(answer) for answer in answers.values()}
    refused = {errors.Overloaded, errors.DatabaseUnavailable}
    assert kinds == {Outcome, errors.OutcomeUnknown, Death} | refused
    assert not desk.group_commit.queue
    assert not desk.group_commit.is_led
