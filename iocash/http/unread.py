"""Reads the rest of a request's body before the response is sent.

The web server closes the connection if the body was not read. A proxy that shares its connections
among callers would then lose this response and sometimes the next request, of another caller,
whose outcome would be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.conf import settings

CHUNK = 256 * 1024


def draining(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Wrap a WSGI application: read bodies to their end, up to the largest allowed size.

    A longer body, or one without a length, still closes the connection. The shipped proxy refuses
    both.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = application(environ, start_response)
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdecimal() and 0 < int(length) <= settings.MAX_DOCUMENT_BODY_BYTES:
            _drain(environ["wsgi.input"])
        return answer

    return serve


def _drain(body: Any) -> None:
    with suppress(OSError):  # the caller has closed the connection
        while body.read(CHUNK):
            pass
