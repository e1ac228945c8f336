"""`/.well-known/security.txt` (RFC 9116): where to report a vulnerability of this server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from iocash import errors
from iocash.http import problems
from iocash.http.views import page

PATH = ".well-known/security.txt"
DAY = 86_400


@page
def security_txt(request: HttpRequest) -> HttpResponse:
    """Publish the operator's contact. Without SECURITY_CONTACT and SECURITY_EXPIRES: 404."""
    expires = settings.SECURITY_EXPIRES
    if not settings.SECURITY_CONTACT or expires is None:
        return problems.say(errors.NotFound(), request)
    lines = [f"{name}: {value}\n" for name, value in _fields(request, expires)]
    return HttpResponse(
        "".join(lines),
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": f"public, max-age={DAY}"},
    )


def _fields(request: HttpRequest, expires: date) -> Iterator[tuple[str, str]]:
    for contact in settings.SECURITY_CONTACT:
        yield "Contact", contact
    yield "Expires", f"{expires.isoformat()}T00:00:00Z"
    if settings.SECURITY_LANGUAGES:
        yield "Preferred-Languages", ", ".join(settings.SECURITY_LANGUAGES)
    yield "Canonical", f"{problems.origin(request)}/{PATH}"
    if settings.SECURITY_POLICY:
        yield "Policy", settings.SECURITY_POLICY
