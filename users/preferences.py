"""The language and the time zone of the back office: each member of staff has their own.

The rest of the server does not change: the API has the languages of `iocash.http.languages`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from iocash.http.languages import preferred_language
from users.models import Preferences

BACK_OFFICE: Final = "/admin/"


class Localization:
    """Middleware: the back office has the language of the browser until the person is known.

    Afterwards the thread has its former language and time zone again.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(BACK_OFFICE):
            return self.get_response(request)
        with translation.override(preferred_language(request)), timezone.override(None):
            return self.get_response(request)


def localize(person: Any) -> None:
    """Activate the language and the time zone of a member of staff until the request ends.

    `Passwords.get_user` has read them with the member of staff.
    """
    chosen = preferences_of(person)
    activate_values(language=chosen.language, time_zone=chosen.time_zone)


def activate_values(*, language: str, time_zone: str) -> None:
    if language in dict(settings.LANGUAGES):
        translation.activate(language)
    try:
        timezone.activate(ZoneInfo(time_zone))
    except (ZoneInfoNotFoundError, ValueError):  # the system does not have it anymore
        timezone.activate(ZoneInfo("UTC"))


def preferences_of(person: Any) -> Preferences:
    """The preferences of a member of staff; without a row, the default ones, not stored."""
    try:
        found: Preferences = person.preferences
    except ObjectDoesNotExist:
        return Preferences(person_id=person.pk)
    return found
