"""Against guessing passwords, and against the cost of checking them.

django-axes counts what was wrong, in the database. A log-in is refused before its password is
hashed, which takes a third of a second of processor time. An address is, of IPv6, a /64.
"""

from __future__ import annotations

from datetime import timedelta
from threading import BoundedSemaphore
from typing import Any, Final

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.db.models import Q, Sum
from django.http import HttpRequest

from iocash import errors

BY_ADDRESS: Final = 20
BY_NAME: Final = 50
BY_ALL: Final = 300
"""Wrong log-ins within the cool-off time: of an address, of a name anywhere, of everybody.

Those of a name at one address are AXES_FAILURE_LIMIT. Who logged in from an address before still
may when the name's or everybody's are used up: others can't lock members of staff out at work.
"""

KNOWN_FOR: Final = timedelta(days=90)
PATIENCE: Final = 1.0
"""Seconds to wait for another log-in's password to be hashed."""

HASHING = BoundedSemaphore(1)
"""One password at a time in each process."""


class Attempts(AxesDatabaseHandler):  # type: ignore[misc]
    """What was wrong lately, by name and address."""

    def get_failures(self, request: HttpRequest, credentials: Any = None) -> int:
        """How many count; AXES_FAILURE_LIMIT or more: the log-in is locked."""
        name = get_client_username(request, credentials)
        limit: int = settings.AXES_FAILURE_LIMIT
        wrong = failures(request, name)
        if wrong["address"] >= BY_ADDRESS:
            return limit
        is_spent = wrong["name"] >= BY_NAME or wrong["all"] >= BY_ALL
        if is_spent and not is_known(request, name):
            return limit
        return wrong["pair"]


def failures(request: Any, name: str | None) -> dict[str, int]:
    """Count those of the last quarter of an hour in four ways, in one query."""
    here, theirs = Q(ip_address=request.axes_ip_address), Q(username=name)
    since = request.axes_attempt_time - settings.AXES_COOLOFF_TIME
    total = "failures_since_start"
    return dict(
        AccessAttempt.objects.filter(attempt_time__gte=since).aggregate(
            pair=Sum(total, filter=here & theirs, default=0),
            address=Sum(total, filter=here, default=0),
            name=Sum(total, filter=theirs, default=0),
            all=Sum(total, default=0),
        )
    )


def is_known(request: Any, name: str | None) -> bool:
    """Tell whether this member of staff has logged in from here before."""
    since = request.axes_attempt_time - KNOWN_FOR
    here = AccessLog.objects.filter(username=name, ip_address=request.axes_ip_address)
    return bool(here.filter(attempt_time__gte=since).exists())


class Passwords(ModelBackend):
    """Django's, but only so many at the same time: the rest of the server goes on."""

    def authenticate(self, request: HttpRequest | None, *args: Any, **kwargs: Any) -> Any:
        if not HASHING.acquire(timeout=PATIENCE):
            raise errors.Overloaded("Too many people are logging in. Retry in a moment.")
        try:
            return super().authenticate(request, *args, **kwargs)
        finally:
            HASHING.release()
