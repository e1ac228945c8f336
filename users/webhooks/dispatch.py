"""Taking streams and working on them, each in a thread of its own.

A receiver can keep a thread for 15 seconds, and a client can have many such receivers. So there are
two sorts of places: for endpoints that have answered this process quickly, and for all others. An
endpoint begins among the others. There, those that fail come last. If all places of a sort are
taken, a stream gives up its place after a while, and gets one again after the streams that wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connections

from iocash.db.backend.base import renew
from iocash.http.waiting import close_connection
from users.models import WebhookEndpoint
from users.models.barrier import release_events
from users.webhooks.attempts import Outgoing
from users.webhooks.lanes import Render, Round, load_round
from users.webhooks.leases import (
    LEASE,
    Lease,
    LeaseLost,
    claim_streams,
    free_stream,
    renew_leases,
)
from users.webhooks.results import store_ping, store_round
from users.webhooks.rounds import Connections, Sending, send_ping

log = logging.getLogger(__name__)

MOST_STREAMS: Final = 16
"""Streams of quick endpoints that a process works on at the same time, and as many others."""
LONGEST_TURN: Final = 2.0
"""Seconds for which a stream keeps its place, if others may wait for it."""
RENEWED_EVERY: Final = 1.0
"""Seconds."""
ENDED_AFTER: Final = 2.0
"""Seconds without a step after which the process is ending, and begins nothing more."""
IDLE: Final = 30.0
"""Seconds after which the connections to an endpoint are closed."""
FORGOTTEN: Final = 3600.0
"""Seconds after which it is forgotten how long the receiver of an endpoint takes."""


class Turn(NamedTuple):
    """A place that a stream has."""

    is_quick: bool
    begun: float


RenderPing = Callable[[WebhookEndpoint], Outgoing]


class Dispatcher:
    """Works on streams of endpoints; one for a process."""

    def __init__(
        self,
        render: Render,
        render_ping: RenderPing,
        released: Callable[[], int] = release_events,
    ) -> None:
        self.render, self.render_ping, self.released = render, render_ping, released
        self.pool = ThreadPoolExecutor(2 * MOST_STREAMS, "webhook-streams")
        self.leases: dict[Lease, float] = {}
        """The leases of this process, and the real time until which each surely lasts."""
        self.turns: dict[Lease, Turn] = {}
        self.is_full: dict[bool, bool] = {}
        """Whether all places of a sort are taken."""
        self.lines: dict[UUID, Connections] = {}
        self.renewed_at = time.monotonic()
        self.stepped_at = float("inf")
        """When `step` was called last; infinite before the first time."""
        self.sent = 0
        self.lock = threading.Lock()

    def step(self) -> int:
        """Renew leases and take further streams; return what was sent since the last step.

        It does not wait for receivers.

        Raises:
            Inconsistent: see `release_events`.
        """
        self.stepped_at = time.monotonic()
        if self.leases and time.monotonic() - self.renewed_at >= RENEWED_EVERY:
            self.renew()
        self.close_idle()
        released = self.released()
        quick = [name for name, line in [*self.lines.items()] if line.is_quick]
        if quick:
            self.claim(released, quick, is_quick=True)
        self.claim(released, quick, is_quick=False)
        with self.lock:
            sent, self.sent = self.sent, 0
        return sent

    @property
    def is_busy(self) -> bool:
        return bool(self.leases)

    def claim(self, released: int, quick: list[UUID], *, is_quick: bool) -> None:
        """Give the free places of a sort to streams."""
        working = [lease for lease, turn in [*self.turns.items()] if turn.is_quick == is_quick]
        free = MOST_STREAMS - len(working)
        begun = time.monotonic()
        taken = (
            claim_streams(released, free, quick=quick, is_quick=is_quick, working=working)
            if free > 0
            else []
        )
        self.is_full[is_quick] = len(taken) == free
        for lease in taken:
            self.leases[lease] = begun + LEASE
            self.turns[lease] = Turn(is_quick, begun)
            self.pool.submit(self.work_in_thread, lease).add_done_callback(note_failure)

    def renew(self) -> None:
        begun = self.renewed_at = time.monotonic()
        mine = [*self.leases]
        kept = renew_leases(mine)
        for lease in mine:
            if lease.stream_id in kept and lease in self.leases:
                self.leases[lease] = begun + LEASE

    def close_idle(self) -> None:
        busy = {lease.endpoint_id for lease in [*self.leases]}
        now = time.monotonic()
        for name, line in [*self.lines.items()]:
            if name in busy or now - line.used_at < IDLE:
                continue
            line.close()
            if now - line.used_at > FORGOTTEN:
                del self.lines[name]

    def has(self, lease: Lease) -> bool:
        """Whether this process surely has a lease still, and need not end."""
        now = time.monotonic()
        is_ending = now - self.stepped_at > ENDED_AFTER
        return not is_ending and now < self.leases.get(lease, 0.0)

    def work_in_thread(self, lease: Lease) -> None:
        """Work on a stream, over the database connection of this thread."""
        renew()
        try:
            self.work(lease)
        except BaseException:
            connections.close_all()
            raise

    def work(self, lease: Lease) -> None:
        """Work on a stream until it has nothing to do, or the lease is lost."""
        try:
            while self.has(lease) and self.work_once(lease) and self.keeps_place(lease):
                continue
            free_stream(lease)
        except LeaseLost:
            log.warning("the lease of webhook stream %s was lost", lease.stream_id)
        finally:
            self.leases.pop(lease, None)
            self.turns.pop(lease, None)

    def keeps_place(self, lease: Lease) -> bool:
        """Whether a stream may go on in its place, which is of its sort, and not for too long."""
        turn = self.turns.get(lease)
        if turn is None:
            return True
        is_over = time.monotonic() - turn.begun > LONGEST_TURN and self.is_full.get(turn.is_quick)
        return not is_over and turn.is_quick == self.lines[lease.endpoint_id].is_quick

    def work_once(self, lease: Lease) -> bool:
        """Send and store one round; return whether there may be more to do at once."""
        line = self.lines.setdefault(lease.endpoint_id, Connections())
        round_ = load_round(lease, self.released(), self.render, line.batch)
        if is_ping_due(round_):
            close_connection()
            ping = send_ping(round_.endpoint, line, self.render_ping(round_.endpoint))
            store_ping(round_.endpoint, ping)
            return True
        if round_.is_empty:
            return False
        if not line.is_quick:
            close_connection()
        Sending(round_, line, lambda: self.has(lease)).run()
        line.adapt(round_)
        store_round(round_)
        self.count(len(round_.attempts))
        return round_.is_full

    def count(self, number: int) -> None:
        with self.lock:
            self.sent += number

    def close(self) -> None:
        """Wait for what is being sent, and close all connections."""
        self.pool.shutdown()
        for line in self.lines.values():
            line.close()
        self.lines.clear()


def is_ping_due(round_: Round) -> bool:
    endpoint = round_.endpoint
    is_live = round_.stream.until is None
    return endpoint.ping_id is not None and is_live and not endpoint.client.is_suspended


def note_failure(work: Future[None]) -> None:
    """Log what went wrong with a stream; it is due again when its lease is over."""
    if error := work.exception():
        log.error("webhook stream failed: %s", type(error).__name__, exc_info=error)
