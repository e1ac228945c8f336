"""Group commit: orders that arrive together are posted together, in one transaction.

There is no separate thread, and no timer. Orders queue. One of the threads that brought them leads:
it takes the orders that wait, its own first, posts them all at once on its own connection, and
hands the lead to the thread of the next order in the queue. Meanwhile other orders queue. So groups
grow with the load, and a single order is posted at once.

Why it is safe:

- **An order is QUEUED, then TAKEN or WITHDRAWN**, and the queue changes only under `self.lock`. A
  thread that has waited too long withdraws its order, unless a leader has taken it. Then the thread
  waits for the outcome: the database's timeouts limit how long a leader needs.
- **A leader serves one group and hands over in `finally`.** Whatever fails, every order that it
  took is answered, and the next thread leads. To ask for the outcome of a COMMIT can take seconds:
  the lead is handed over before that.
- **Nobody pays for another's order, and nothing is posted twice.** A refusal is the outcome of its
  own order. Only when a group is proved to be Undone does each thread post its own order again, by
  itself. After anything else the outcome is unknown, for all of them, and nothing is tried again.
- **Nothing is answered before it is durable**: `post` returns after COMMIT.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import partial
from itertools import zip_longest
from threading import Lock
from typing import Final

from iocash import errors
from wallets.orders import Order, Result

log = logging.getLogger(__name__)


class Undone(Exception):
    """A group was not posted: it was rolled back, provably. The cause says why.

    With an `answer` there is no use in posting the orders apart: each gets that.
    """

    def __init__(self, answer: type[errors.Refused] | None = None) -> None:
        super().__init__()
        self.answer = answer


Post = Callable[[Sequence[Order], Callable[[], None]], Sequence[Result]]
"""Posts a group. It calls the function that it is given before it asks what became of a COMMIT.

Raises Undone, or OutcomeUnknown; anything else is taken for the latter.
"""


class Apart(Enum):
    """What a thread does whose group was undone: it posts its order by itself."""

    APART = auto()


APART: Final = Apart.APART


class Entry:
    """One order in the queue; its thread waits until `turn` is released.

    Then there is an answer; or there is none, and the thread leads.
    """

    __slots__ = ("answer", "leads", "order", "turn", "weight")

    def __init__(self, order: Order) -> None:
        self.order, self.weight = order, order.weight
        self.answer: Result | Apart | None = None
        self.leads = False
        self.turn = Lock()
        self.turn.acquire()


class GroupCommit:
    """Posts the orders of many threads in groups.

    `post` posts a group in one transaction and answers each order; `apart` posts one by itself.
    At most `room` orders wait, and none is begun, or begun again, after `patience` seconds; a group
    weighs at most `most` orders, where a batch weighs what it holds, unless its first alone weighs
    more.
    """

    def __init__(
        self,
        post: Post,
        apart: Callable[[Order], Result],
        *,
        room: int,
        patience: float,
        most: int,
    ) -> None:
        self.post, self.apart = post, apart
        self.room, self.patience, self.most = room, patience, most
        self.lock = Lock()
        self.queue: deque[Entry] = deque()
        self.is_led = False

    def submit(self, order: Order) -> Result:
        """Post `order` with whatever else waits, and wait until that is durable.

        Raises:
            Overloaded: too many wait, or it has waited too long; nothing was done.
            OutcomeUnknown: the group may or may not have been posted.
            DatabaseError: as `apart` raises it.
            Inconsistent: a bug of this class.
        """
        begun = time.monotonic()
        entry = Entry(order)
        if not self.enter(entry):
            self.wait(entry)
        if entry.answer is None:
            self.lead()
        answer = entry.answer
        if answer is None:
            raise errors.Inconsistent("a leader is not in its own group")
        if not isinstance(answer, Apart):
            return answer
        if time.monotonic() - begun > self.patience:
            raise errors.DatabaseUnavailable()
        return self.apart(order)

    def enter(self, entry: Entry) -> bool:
        """Queue the order; return whether its thread leads, as it does when no other leads.

        A thread that does not lead waits for `turn`, even if the lead is handed to it at once.
        """
        with self.lock:
            if len(self.queue) >= self.room:
                raise errors.Overloaded()
            self.queue.append(entry)
            if self.is_led:
                return False
            self.is_led = entry.leads = True
        return True

    def wait(self, entry: Entry) -> None:
        """Wait for an answer, or for the lead."""
        if entry.turn.acquire(timeout=self.patience):
            return
        with self.lock:
            if entry in self.queue and not entry.leads:
                self.queue.remove(entry)
                raise errors.Overloaded()
        entry.turn.acquire()

    def lead(self) -> None:
        """Post one group, whose first is the leader's own order, and let the next thread lead."""
        group = self.take()
        leader = group[0]
        answers: Sequence[Result | Apart] = ()
        try:
            answers = self.post([each.order for each in group], partial(self.hand_over, leader))
        except Undone as undone:
            cause = type(undone.__cause__).__name__  # its words quote what callers sent
            log.info("%d orders were rolled back: %s", len(group), cause)
            answers = [undone.answer() if undone.answer else APART for _ in group]
        except errors.OutcomeUnknown:
            log.warning("the outcome of %d orders is unknown", len(group))
        except Exception:
            log.exception("the outcome of %d orders is unknown", len(group))
        finally:
            self.hand_over(leader)
            for entry, answer in zip_longest(group, answers):
                entry.answer = answer or errors.OutcomeUnknown()
                entry.turn.release()

    def take(self) -> list[Entry]:
        with self.lock:
            group = [self.queue.popleft()]
            weight = group[0].weight
            while self.queue and (weight := weight + self.queue[0].weight) <= self.most:
                group.append(self.queue.popleft())
        return group

    def hand_over(self, leader: Entry) -> None:
        """Let the thread of the next order lead, unless `leader` has handed over before."""
        with self.lock:
            if not leader.leads:
                return
            leader.leads = False
            if not self.queue:
                self.is_led = False
                return
            heir = self.queue[0]
            heir.leads = True
            heir.turn.release()
