"""Rate limit of each client. It applies per process: with N processes it is N times as high."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from rest_framework.throttling import BaseThrottle

from users.authentication import Caller
from users.buckets import Buckets, Taken

BUCKETS = Buckets()


class ClientThrottle(BaseThrottle):
    """At most `RATE_LIMIT` requests a second per client; 0 is no limit. Staff have no limit."""

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
