"""Bodies that nobody has read: what is left of them is read before the answer is sent.

The web server closes a connection whose request it has answered without reading the body. A proxy
that keeps its connections open shares them among callers: it then loses the answer to this request,
and sometimes the next request, of another caller. That one is 503 `outcome_unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.conf import settings

CHUNK = 256 * 1024


def draining(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Wrap a WSGI application; its bodies are read to their end, up to the largest that is taken.

    A longer body, or one without a length, still costs the caller the connection. The shipped proxy
    lets neither pass.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = application(environ, start_response)
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdecimal() and 0 < int(length) <= settings.MAX_DOCUMENT_BODY_BYTES:
            _drain(environ["wsgi.input"])
        return answer

    return serve


def _drain(body: Any) -> None:
    with suppress(OSError):  # the caller went away: there is nobody to answer
        while body.read(CHUNK):
            pass
