"""Limits of log-ins: against guessing passwords, and against the cost of hashing them.

django-axes counts failed log-ins in the database. Over a limit, a log-in is refused before its
password is hashed, which takes a third of a second of CPU time. IPv6 addresses count by /64.
"""

from __future__ import annotations

from datetime import timedelta
from threading import BoundedSemaphore
from typing import Any, Final

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.db.models import Q, Sum
from django.http import HttpRequest

from iocash import errors

BY_ADDRESS: Final = 20
BY_NAME: Final = 50
BY_ALL: Final = 300
"""Limits of failed log-ins within the cool-off time: per address, per name, and in total.

AXES_FAILURE_LIMIT is the limit per name and address. Staff who have logged in from an address
before can log in from it over the other two limits, so attackers can't lock them out.
"""

MOST_FAILURES: Final = 100_000
"""The number of failed log-ins that are kept. At most `BY_ALL` are added in each cool-off time."""

KNOWN_FOR: Final = timedelta(days=90)
PATIENCE: Final = 1.0
"""Seconds to wait for another log-in's password to be hashed."""

HASHING = BoundedSemaphore(1)
"""Each process hashes one password at a time."""


class Attempts(AxesDatabaseHandler):  # type: ignore[misc]
    """Counts recent failed log-ins by name and address."""

    def get_failures(self, request: HttpRequest, credentials: Any = None) -> int:
        """The number of failures; from AXES_FAILURE_LIMIT on the log-in is locked."""
        name = get_client_username(request, credentials)
        limit: int = settings.AXES_FAILURE_LIMIT
        wrong = failures(request, name)
        if wrong["address"] >= BY_ADDRESS:
            return limit
        is_spent = wrong["name"] >= BY_NAME or wrong["all"] >= BY_ALL
        if is_spent and not is_known(request, name):
            return limit
        return wrong["pair"]

    def remove_out_of_limit_failure_logs(self, **kwargs: Any) -> int:
        """Delete the oldest failed log-ins: axes counts, and deletes the newest of a name."""
        newest = AccessFailureLog.objects.order_by("-pk").values_list("pk", flat=True).first()
        oldest = AccessFailureLog.objects.filter(pk__lte=(newest or 0) - MOST_FAILURES)
        return int(oldest.delete()[0])


def failures(request: Any, name: str | None) -> dict[str, int]:
    """Count the failures within the cool-off time in four ways, with one query."""
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
    """Whether this member of staff has logged in from this address before."""
    since = request.axes_attempt_time - KNOWN_FOR
    here = AccessLog.objects.filter(username=name, ip_address=request.axes_ip_address)
    return bool(here.filter(attempt_time__gte=since).exists())


class Passwords(ModelBackend):
    """Django's password check, one at a time, so that log-ins can't use all CPU time."""

    def authenticate(self, request: HttpRequest | None, *args: Any, **kwargs: Any) -> Any:
        if not HASHING.acquire(timeout=PATIENCE):
            raise errors.Overloaded("Too many log-ins at the same time. Retry in a moment.")
        try:
            return super().authenticate(request, *args, **kwargs)
        finally:
            HASHING.release()

    def get_user(self, user_id: int) -> Any:
        """Read a member of staff with the preferences, in one query."""
        people = get_user_model().objects.select_related("preferences")
        person = people.filter(pk=user_id).first()
        return person if person and self.user_can_authenticate(person) else None
