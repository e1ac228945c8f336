"""Sending a round: its lanes at the same time, over connections that are kept open.

Each endpoint has threads and connections of its own. How long its receiver takes for answers is
remembered: one that is slow must not delay another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from math import ceil
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Final

from users.models import WebhookEndpoint
from users.webhooks.attempts import GONE, Attempted, Outgoing, try_once
from users.webhooks.lanes import BATCH, Lane, Round
from users.webhooks.leases import STALLED
from users.webhooks.secrets import valid_secrets
from users.webhooks.sending import Sender

THREADS: Final = 8
"""Threads of an endpoint at most, and its connections."""
FEWEST_THREADS: Final = 2
"""Threads of an endpoint at least: one answer that hangs leaves another."""
ENOUGH: Final = 1500
"""Events in a second for which an endpoint gets threads: more of them than its receiver keeps
waiting take the processor from each other, and from all else on the machine."""
QUICK: Final = 1.0
"""Seconds; a receiver that takes longer for an answer is slow."""
SLOW_FOR: Final = 300.0
"""Seconds after a slow answer until a receiver can be quick again."""
FIRST_BATCH: Final = 50
"""New events of the first round of an endpoint."""
LONGEST_ROUND: Final = 2.0
"""Seconds after which a round begins no attempt any more."""


class Connections:
    """The threads and open connections of this process to one endpoint."""

    def __init__(self) -> None:
        self.free: list[Sender] = []
        self.pool: ThreadPoolExecutor | None = None
        self.used_at = time.monotonic()
        self.slow_at = float("-inf")
        self.has_answered = False
        self.batch = FIRST_BATCH
        """New events of the next round: as many as the receiver takes in its time."""
        self.threads = THREADS
        """Threads of the next round: as many as wait for answers."""
        self.lock = Lock()

    @property
    def is_quick(self) -> bool:
        """Whether the receiver has answered, and lately always at once."""
        return self.has_answered and time.monotonic() - self.slow_at > SLOW_FOR

    def note(self, done: Attempted) -> None:
        """Remember how long an attempt took."""
        self.has_answered |= done.is_success
        if done.milliseconds > 1000 * QUICK:
            self.slow_at = time.monotonic()

    def adapt(self, done: Round) -> None:
        """Let the next round have what this one could send, or more if it sent everything.

        A lane that is not sent in time gets a row, so a large round of a slow receiver costs much.
        """
        sent = len(done.attempts)
        if sent:
            mean = sum(each.milliseconds for each in done.attempts) / sent
            self.threads = min(THREADS, max(FEWEST_THREADS, ceil(mean * ENOUGH / 1000)))
        if all(lane.is_finished or lane.failed for lane in done.lanes):
            self.batch = min(BATCH, max(self.batch, 2 * sent))
        else:
            self.batch = max(THREADS, sent)

    def take(self, url: str) -> Sender:
        """A connection that no other thread uses."""
        self.used_at = time.monotonic()
        with self.lock:
            sender = self.free.pop() if self.free else None
        if sender is None or sender.url != url:
            if sender is not None:
                sender.close()
            return Sender(url)
        return sender

    def give_back(self, sender: Sender) -> None:
        with self.lock:
            self.free.append(sender)

    def close(self) -> None:
        with self.lock:
            for sender in self.free:
                sender.close()
            self.free.clear()
        if self.pool is not None:
            self.pool.shutdown(wait=False)
            self.pool = None

    def run(self, number: int, task: Callable[[], None]) -> None:
        """Run a task in some threads at the same time, this one alone if one is enough."""
        if number < 2:
            task()
            return
        if self.pool is None:
            self.pool = ThreadPoolExecutor(THREADS, "webhooks")
        tasks = [self.pool.submit(task) for _ in range(min(number, self.threads))]
        wait(tasks)
        for each in tasks:
            each.result()


class Sending:
    """Sends the lanes of a round, until it must stop."""

    def __init__(self, round_: Round, line: Connections, may_go_on: Callable[[], bool]) -> None:
        self.round, self.line, self.may_go_on = round_, line, may_go_on
        self.lanes: SimpleQueue[Lane] = SimpleQueue()
        self.end = time.monotonic() + LONGEST_ROUND
        self.keys = valid_secrets(round_.endpoint)
        self.failures = round_.endpoint.failures
        self.successes = 0
        self.is_gone = False

    def run(self) -> None:
        for lane in self.round.lanes:
            self.lanes.put(lane)
        self.line.run(len(self.round.lanes), self.send_lanes)

    def send_lanes(self) -> None:
        sender = self.line.take(self.round.endpoint.url)
        try:
            while not self.is_over:
                try:
                    lane = self.lanes.get_nowait()
                except Empty:
                    return
                self.send_lane(lane, sender)
        finally:
            self.line.give_back(sender)

    def send_lane(self, lane: Lane, sender: Sender) -> None:
        """Send the events of a lane up to the first that fails."""
        while not (lane.is_finished or lane.failed or self.is_over):
            message = self.round.messages[lane.next.id]
            done = try_once(sender, self.round.endpoint, self.keys, message, lane.number())
            lane.attempts.append(done)
            if done.is_success:
                lane.sent += 1
            self.line.note(done)
            self.count(done)

    def count(self, done: Attempted) -> None:
        if done.is_success:
            self.successes += 1
        else:
            self.failures += 1
            self.is_gone |= done.status == GONE

    @property
    def is_over(self) -> bool:
        """Whether nothing more is sent: the lease is lost, it is late, or everything fails."""
        is_failing = self.failures >= STALLED and not self.successes and self.has_failed_enough
        is_late = time.monotonic() > self.end
        return is_late or is_failing or self.is_gone or not self.may_go_on()

    @property
    def has_failed_enough(self) -> bool:
        """Whether this round has tried: a stalled endpoint begins with many failures."""
        return self.failures > self.round.endpoint.failures


def send_ping(endpoint: WebhookEndpoint, line: Connections, message: Outgoing) -> Attempted:
    """Send a ping once."""
    sender = line.take(endpoint.url)
    try:
        done = try_once(sender, endpoint, valid_secrets(endpoint), message, 1)
        line.note(done)
        return done
    finally:
        line.give_back(sender)
