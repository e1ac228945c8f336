"""A desk that takes slips: what group commit posts to when there is no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock, Semaphore
from typing import Any
from uuid import UUID

from tests.support.threads import PATIENCE, Stranger
from wallets.orders.base import Outcome
from wallets.posting.group_commit import GroupCommit


@dataclass(frozen=True)
class Slip:
    """What group commit sees of an order."""

    number: int
    weight: int = 1


def outcome(slip: Slip) -> Outcome:
    return Outcome("slip", UUID(int=slip.number), 201)


class Desk:
    """Stands for the database: notes what it is given, and does what a test wants first."""

    def __init__(self, **kwargs: Any) -> None:
        self.groups: list[list[int]] = []
        self.apart: list[int] = []
        self.lock = Lock()
        self.entered = Semaphore(0)
        self.before: Callable[[Sequence[Any]], Any] = len
        limits = {"room": 100, "patience": PATIENCE, "most": 100} | kwargs
        self.group_commit = Noticing(self.post, self.post_apart, **limits)
        self.group_commit.entered = self.entered

    def post(self, slips: Sequence[Any], before_asking: Callable[[], None]) -> list[Any]:
        self.before_asking = before_asking
        self.before(slips)
        with self.lock:
            self.groups.append([slip.number for slip in slips])
        return [outcome(slip) for slip in slips]

    def post_apart(self, slip: Any) -> Any:
        with self.lock:
            self.apart.append(slip.number)
        return outcome(slip)

    def submit(self, number: int, weight: int = 1) -> Any:
        slip: Any = Slip(number, weight)
        return self.group_commit.submit(slip)

    def bring(self, *numbers: int, weight: int = 1) -> list[Stranger]:
        """Have others bring slips, one after the other, and wait until all of them queue."""
        callers = []
        for number in numbers:
            callers.append(Stranger(partial(self.submit, number, weight)))
            assert self.entered.acquire(timeout=PATIENCE)
        return callers

    @contextmanager
    def busy(self, then: Callable[[], Any] = int) -> Iterator[Stranger]:
        """Have somebody else post slip 0 meanwhile: when the block ends, after doing `then`."""
        reached, go_on = Event(), Event()

        def wait(slips: Sequence[Any]) -> None:
            if slips[0].number == 0:
                reached.set()
                assert go_on.wait(PATIENCE)
                then()

        self.before = wait
        (leader,) = self.bring(0)
        assert reached.wait(PATIENCE)
        yield leader
        go_on.set()


class Noticing(GroupCommit):
    """Tells when an order has entered."""

    entered: Semaphore

    def enter(self, entry: Any) -> bool:
        leads = super().enter(entry)
        self.entered.release()
        return leads


def numbers(callers: Sequence[Stranger]) -> list[int]:
    return [caller.answer.id.int for caller in callers]


def failing(error: BaseException, *, first: int) -> Callable[[Sequence[Any]], None]:
    """Fail the group that begins with this slip."""

    def fail(slips: Sequence[Any]) -> None:
        if slips[0].number == first:
            raise error

    return fail
