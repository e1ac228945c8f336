"""Rate limits: leaky buckets in the memory of each process (GCRA, ITU-T I.371).

Each bucket leaks evenly. After a second without requests, `rate` requests may be sent at once;
further ones are allowed at that rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from django.conf import settings
from rest_framework.throttling import BaseThrottle

MOST = 10_000
"""The most buckets. At the limit, empty buckets are deleted; if none is empty, all."""


class Taken(NamedTuple):
    """Whether the request is allowed, how many more fit now, and the seconds until more fit."""

    allowed: bool
    left: int
    wait: float


class Buckets:
    """The fill of every bucket, as the time at which it will be empty."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self.now = now
        self.empty_at: dict[Hashable, float] = {}
        self.lock = Lock()

    @staticmethod
    def whole(wait: float) -> int:
        """Round seconds up, for `Retry-After`."""
        return max(1, math.ceil(wait))

    def wait(self, caller: Hashable, rate: int) -> float:
        """Seconds until another request fits; 0 is now. Counts nothing."""
        filled = self.empty_at.get(caller, 0.0) - self.now() + 1 / rate
        return filled - 1 if filled > 1 + 1e-9 else 0.0

    def take(self, caller: Hashable, rate: int) -> Taken:
        """Count a request, if fewer than `rate` were counted in the last second."""
        with self.lock:
            now = self.now()
            filled = max(self.empty_at.get(caller, now) - now, 0.0) + 1 / rate
            if filled > 1 + 1e-9:
                return Taken(False, 0, filled - 1)
            self.make_room(now)
            self.empty_at[caller] = now + filled
        return Taken(True, int((1 - filled) * rate + 1e-6), filled)

    def make_room(self, now: float) -> None:
        """Delete empty buckets. The lock is held."""
        if len(self.empty_at) < MOST:
            return
        self.empty_at = {caller: end for caller, end in self.empty_at.items() if end > now}
        if len(self.empty_at) >= MOST:
            self.empty_at.clear()


BUCKETS = Buckets()


def rate_headers(rate: int, taken: Taken) -> dict[str, str]:
    """The policy and what is left of it, as in draft-ietf-httpapi-ratelimit-headers.

    `q` requests in `w` seconds are allowed, `r` are left, and `t` is the number of seconds until
    all of them are allowed again.
    """
    return {
        "RateLimit-Policy": f'"client";q={rate};w=1',
        "RateLimit": f'"client";r={taken.left};t={math.ceil(taken.wait)}',
    }


class ClientThrottle(BaseThrottle):
    """At most `RATE_LIMIT` requests a second per client; 0 is no limit. Staff have no limit.

    It applies per process: with N processes it is N times as high.
    """

    taken: Taken

    def allow_request(self, request: Any, view: Any) -> bool:
        client_id, rate = getattr(request.auth, "client_id", None), settings.RATE_LIMIT
        if not rate or client_id is None:
            return True
        self.taken = BUCKETS.take(client_id, rate)
        request._request.rate_headers = rate_headers(rate, self.taken)
        return self.taken.allowed

    def wait(self) -> float:
        return self.taken.wait
