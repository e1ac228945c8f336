"""Pages of the back office that are read from the replica.

A browser can't send `X-Read-After`. So a change sets a cookie that expires when any replica that is
still used must have the change; until then, the browser reads from the primary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from iocash.times import moment
from users.models.replica import leave_replica, reading

WROTE: Final = "wrote"

Page = TypeVar("Page", bound=HttpResponseBase)


def shown_from_replica(request: HttpRequest, build: Callable[[], Page]) -> Page:
    """Build a page with what the replica has, if it can be used; else with the primary.

    After any error it is built again with the primary, which has the last word.
    """
    if request.method not in {"GET", "HEAD"} or WROTE in request.COOKIES:
        return build()
    source = None
    try:
        with reading() as source:
            response = build()
            if hasattr(response, "render"):
                response.render()
            if source and source.horizon:
                response.headers["X-As-Of"] = moment(source.horizon)
    except Exception as error:
        if source is None:
            raise
        leave_replica(error)
        return build()
    return response


def note_change(request: HttpRequest, response: Any) -> None:
    """Have the browser read from the primary until every replica has what it has changed."""
    if request.method != "POST" or not settings.DATABASE_REPLICA_URL:
        return
    response.set_cookie(
        WROTE,
        "1",
        max_age=math.ceil(settings.DATABASE_REPLICA_LAG) + 1,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
