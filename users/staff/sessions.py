"""The sessions of members of staff: where they are logged in, and how all of them are closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from iocash.db.transactions import single_transaction
from iocash.http.sessions import BEGUN, SEEN
from users.staff.records import locked_staff, note

PLACE: Final = "place"
"""In a session: the address and the browser of the log-in."""
LONGEST_AGENT: Final = 300

BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What a user agent contains, and the browser. The first match counts: most of them name others."""
SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session of a member of staff that has not ended."""

    address: str
    browser: str
    begun: datetime | None
    seen: datetime | None
    expires: datetime
    is_current: bool


def remember_place(request: HttpRequest) -> None:
    """Store in the new session from where the member of staff has logged in.

    The address is that of django-axes, as in the list of failed log-ins: of IPv6 the network.
    """
    agent = request.META.get("HTTP_USER_AGENT", "")[:LONGEST_AGENT]
    request.session[PLACE] = [getattr(request, "axes_ip_address", None) or "", agent]


def browser_of(agent: str) -> str:
    """The name of a browser and its system, as far as the user agent tells them."""
    browser = next((name for part, name in BROWSERS if part in agent), "")
    system = next((name for part, name in SYSTEMS if part in agent), "")
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or gettext("Unknown browser")


def rows_of(person: Any) -> Iterator[tuple[Session, dict[str, Any]]]:
    """The open sessions of a member of staff. It reads all sessions, which are few."""
    for row in Session.objects.filter(expire_date__gt=timezone.now()):
        data = row.get_decoded()
        if data.get(SESSION_KEY) == str(person.pk):
            yield row, data


def open_sessions(person: Any, current: str | None = None) -> list[OpenSession]:
    """Where a member of staff is logged in, the last used session first."""
    found = []
    for row, data in rows_of(person):
        address, agent = data.get(PLACE, ("", ""))
        found.append(
            OpenSession(
                address=address,
                browser=browser_of(agent),
                begun=as_time(data.get(BEGUN)),
                seen=as_time(data.get(SEEN)),
                expires=row.expire_date,
                is_current=row.pk == current,
            )
        )
    return sorted(found, key=lambda each: each.expires, reverse=True)


def as_time(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)


def end_sessions(person: Any, *, besides: str | None = None) -> int:
    """Close the sessions of a member of staff; return their number."""
    theirs = [row.pk for row, _ in rows_of(person) if row.pk != besides]
    return Session.objects.filter(pk__in=theirs).delete()[0]


def log_out_everywhere(person: Any, *, by: Any) -> int:
    """Close all sessions of a member of staff, and record it; return their number."""
    with single_transaction():
        person = locked_staff(person.pk)
        number = end_sessions(person)
        note(person, by, gettext_noop("Logged out everywhere."))
    return number
