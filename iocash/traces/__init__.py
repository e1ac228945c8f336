"""The trace that a request belongs to: `traceparent` (W3C Trace Context), and spans if they are on.

A trace is written as the header, of version 00: the id of the trace, of the span that caused what
follows, and whether the trace is recorded.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Function = TypeVar("Function", bound=Callable[..., Any])

TRACE_PARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?"
)
"""The version, the rest of what version 00 has, and what later versions add."""
LENGTH: Final = 55


def accepted(header: str | None) -> str | None:
    """The trace that a caller's `traceparent` names; None if there is none, or it is malformed."""
    found = TRACE_PARENT.fullmatch(header) if header else None
    if found is None or (found[1] == "00" and found[3]):
        return None
    return f"00-{found[2]}"


def id_of(trace: str) -> str:
    """The id of the trace, 32 hexadecimal digits."""
    return trace[3:35]


def onward(trace: str | None) -> str | None:
    """What to send with a request that a trace causes: the same trace, and a span of its own."""
    if settings.SPANS:
        current: str | None = load_spans().current_trace()
        return current
    if trace is None:
        return None
    is_recorded = int(trace[-2:], 16) & 1
    return f"{trace[:36]}{secrets.token_hex(8)}-0{is_recorded}"


def spanned(kind: str) -> Callable[[Function], Function]:
    """Wrap a function in a span, by the wrapper of this name in `iocash.traces.spans`.

    Without the setting SPANS the function stays as it is, and nothing is imported.
    """
    if not settings.SPANS:
        return unchanged
    wrapper: Callable[[Function], Function] = getattr(load_spans(), kind)
    return wrapper


def unchanged(function: Function) -> Function:
    return function


def load_spans() -> Any:
    """The module that knows OpenTelemetry."""
    try:
        return import_module("iocash.traces.spans")
    except ModuleNotFoundError as missing:
        words = "SPANS needs the packages of the extra `spans`: opentelemetry-sdk, and an exporter."
        raise ImproperlyConfigured(words) from missing
