"""How fast a client may ask: a bucket for each, in the memory of each process.

The buckets leak evenly (GCRA, the generic cell rate algorithm of ITU-T I.371): a client that was
silent for a second may ask `RATE_LIMIT` times at once, and goes on at that pace. With N processes
a client can ask up to N times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from rest_framework.throttling import BaseThrottle

from users.authentication import Caller


class Taken(NamedTuple):
    """Whether there was room, how many requests fit now, and in how many seconds more will."""

    allowed: bool
    left: int
    wait: float


class Buckets:
    """The fill of every client's bucket: until when it would take to leak."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self.now = now
        self.empty_at: dict[UUID, float] = {}
        self.lock = Lock()

    def take(self, client_id: UUID, rate: int) -> Taken:
        """Count one request of the client, of which `rate` fit in a second; or refuse it."""
        with self.lock:
            now = self.now()
            filled = max(self.empty_at.get(client_id, now) - now, 0.0) + 1 / rate
            if filled > 1 + 1e-9:
                return Taken(False, 0, filled - 1)
            self.empty_at[client_id] = now + filled
        return Taken(True, int((1 - filled) * rate + 1e-6), filled)


BUCKETS = Buckets()


class ClientThrottle(BaseThrottle):
    """At most `settings.RATE_LIMIT` requests a second for each client; 0: any. Staff are free."""

    taken: Taken

    def allow_request(self, request: Any, view: Any) -> bool:
        caller, rate = request.auth, settings.RATE_LIMIT
        if not rate or not isinstance(caller, Caller) or caller.client_id is None:
            return True
        self.taken = BUCKETS.take(caller.client_id, rate)
        request._request.rate_headers = {
            "RateLimit-Limit": str(rate),
            "RateLimit-Remaining": str(self.taken.left),
            "RateLimit-Reset": str(math.ceil(self.taken.wait)),
        }
        return self.taken.allowed

    def wait(self) -> float:
        return self.taken.wait
