"""Group commit (leader/follower): concurrent orders are posted in one transaction.

There is no separate thread and no timer. The thread of the first order in the queue leads: it posts
all waiting orders, its own first, in one transaction on its own connection, and then passes the
leadership to the thread of the next order. Meanwhile other orders queue. So groups grow with the
load, and a single order is posted immediately.

Why it is safe:

- **An order is QUEUED, then TAKEN or WITHDRAWN**, and the queue changes only under `self.lock`. A
  thread that has waited too long withdraws its order, unless a leader has taken it. Then the thread
  waits for the outcome: the database's timeouts limit how long a leader needs.
- **A leader serves one group and hands over in `finally`.** Whatever fails, every order that it
  took is answered, and the next thread leads. Querying the outcome of a COMMIT can take seconds;
  the leadership is passed on before that.
- **Orders don't affect each other, and none is posted twice.** A refusal concerns its own order
  only. If a group is provably Undone, each thread posts its own order again, alone. After any
  other error the outcome is unknown for all of them, and none is retried.
- **Nothing is answered before it is committed**: `post` returns after COMMIT.
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

from iocash import errors, metrics
from wallets.orders.base import Order, Result

log = logging.getLogger(__name__)


class Undone(Exception):
    """A group was provably rolled back; the cause is attached.

    With an `answer`, posting the orders alone is useless, and each order gets this answer.
    """

    def __init__(self, answer: type[errors.Refused] | None = None) -> None:
        super().__init__()
        self.answer = answer


Post = Callable[[Sequence[Order], Callable[[], None]], Sequence[Result]]
"""Posts a group. It calls the function that it is given before it asks what became of a COMMIT.

Raises Undone, or OutcomeUnknown; anything else is taken for the latter.
"""


class Apart(Enum):
    """Posts an order alone, after its group was rolled back."""

    APART = auto()


APART: Final = Apart.APART


class Entry:
    """An order in the queue; its thread waits until `turn` is released.

    Then it has an answer, or its thread leads.
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

    `post` posts a group in one transaction and answers each order; `apart` posts one order alone.
    At most `room` orders wait, and none is started or retried after `patience` seconds. A group has
    at most the weight `most` (a batch weighs its number of items), unless its first order weighs
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
        """Post `order` with the other waiting orders, and wait for the commit.

        Raises:
            Overloaded: too many orders wait, or it has waited too long; nothing was changed.
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
        """Queue the order. Returns whether its thread leads, because no other thread does.

        A thread that does not lead waits for `turn`, even if leadership is passed to it at once.
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
        """Wait for an answer or for leadership."""
        if entry.turn.acquire(timeout=self.patience):
            return
        with self.lock:
            if entry in self.queue and not entry.leads:
                self.queue.remove(entry)
                raise errors.Overloaded()
        entry.turn.acquire()

    def lead(self) -> None:
        """Post one group, which begins with the leader's own order, and pass on leadership."""
        group = self.take()
        leader = group[0]
        answers: Sequence[Result | Apart] = ()
        try:
            answers = self.post([each.order for each in group], partial(self.hand_over, leader))
        except Undone as undone:
            cause = type(undone.__cause__).__name__  # its text may quote personal data
            log.info("%d orders were rolled back: %s", len(group), cause)
            answers = [undone.answer() if undone.answer else APART for _ in group]
        except errors.OutcomeUnknown:
            log.warning("the outcome of %d orders is unknown", len(group))
        except Exception:
            log.exception("the outcome of %d orders is unknown", len(group))
        finally:
            self.hand_over(leader)
            metrics.observe_group(len(group))
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
        """Pass leadership to the thread of the next order, unless `leader` has done so."""
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
