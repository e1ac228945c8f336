"""Rates: a bucket for each who asks, in the memory of each process.

The buckets leak evenly (GCRA, the generic cell rate algorithm of ITU-T I.371): who was silent for
a second may ask `rate` times at once, and goes on at that pace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import NamedTuple

MOST = 10_000
"""Buckets. When there are more, those that are empty go; in need, all."""


class Taken(NamedTuple):
    """Whether there was room, how many requests fit now, and in how many seconds more will."""

    allowed: bool
    left: int
    wait: float


class Buckets:
    """The fill of every bucket: until when it would take to leak."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self.now = now
        self.empty_at: dict[Hashable, float] = {}
        self.lock = Lock()

    @staticmethod
    def whole(wait: float) -> int:
        """Seconds to wait, as `Retry-After` has them."""
        return max(1, math.ceil(wait))

    def wait(self, who: Hashable, rate: int) -> float:
        """In how many seconds one more would fit; 0: now. Nothing is counted."""
        filled = self.empty_at.get(who, 0.0) - self.now() + 1 / rate
        return filled - 1 if filled > 1 + 1e-9 else 0.0

    def take(self, who: Hashable, rate: int) -> Taken:
        """Count one request, of which `rate` fit in a second; or refuse it."""
        with self.lock:
            now = self.now()
            filled = max(self.empty_at.get(who, now) - now, 0.0) + 1 / rate
            if filled > 1 + 1e-9:
                return Taken(False, 0, filled - 1)
            self.make_room(now)
            self.empty_at[who] = now + filled
        return Taken(True, int((1 - filled) * rate + 1e-6), filled)

    def make_room(self, now: float) -> None:
        """Forget those who are silent; the lock is held."""
        if len(self.empty_at) < MOST:
            return
        self.empty_at = {who: end for who, end in self.empty_at.items() if end > now}
        if len(self.empty_at) >= MOST:
            self.empty_at.clear()
