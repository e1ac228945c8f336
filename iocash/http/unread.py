"""Reads the rest of a request's body before the response is sent.

The web server closes the connection if the body was not read. A proxy that shares its connections
among callers would then lose this response and sometimes the next request, of another caller,
whose outcome would be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from django.conf import settings

CHUNK = 256 * 1024

MOST_UPLOADED: Final = 34 * 2**20
"""Bytes of the largest body of a browser: a file of a bank has 32 MiB."""

MOST_DRAINED: Final = 64 * 2**20
"""A browser shows the refusal of a larger body only if the server has read all of it."""


def draining(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Wrap a WSGI application: read bodies to their end, up to the largest allowed size.

    In the back office, up to `MOST_DRAINED`: people see why their file was refused.

    A longer body, or one without a length, still closes the connection. The shipped proxy refuses
    both.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = application(environ, start_response)
        length = environ.get("CONTENT_LENGTH", "")
        is_office = environ.get("PATH_INFO", "").startswith("/admin/")
        most = MOST_DRAINED if is_office else settings.MAX_DOCUMENT_BODY_BYTES
        if length.isdecimal() and 0 < int(length) <= most:
            _drain(environ["wsgi.input"])
        return answer

    return serve


def _drain(body: Any) -> None:
    with suppress(OSError):  # the caller has closed the connection
        while body.read(CHUNK):
            pass
