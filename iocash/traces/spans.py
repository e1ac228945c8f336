"""Spans of OpenTelemetry: requests, trips to the database, group commits, duties, webhook attempts.

Only the setting SPANS lets this module be imported. The variables OTEL_* say where spans are sent
and how many. Attributes are ids, names of ours, numbers and codes; no span has the text of an
exception, which can quote personal data.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import entry_points
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode

Call = Callable[..., Any]

EXPORTERS: Final = "opentelemetry_traces_exporter"
"""The entry points by which packages offer the exporters that OTEL_TRACES_EXPORTER names."""


def provider() -> TracerProvider:
    """Make what exports spans, as the variables OTEL_* say.

    Raises:
        ImproperlyConfigured: the package of an exporter is missing.
    """
    os.environ.setdefault("OTEL_SERVICE_NAME", "iocash")
    made = TracerProvider()
    for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(","):
        if name in {"", "none"}:
            continue
        found = [*entry_points(group=EXPORTERS, name=name)]
        if not found:
            words = f"OTEL_TRACES_EXPORTER: no installed package has the exporter {name!r}."
            raise ImproperlyConfigured(words)
        made.add_span_processor(BatchSpanProcessor(found[0].load()()))
    return made


PROVIDER: Final = provider()
TRACER: Final = PROVIDER.get_tracer("iocash")
NOWHERE: Final = Context()


def context_of(parent: str | None) -> Context:
    """The context of a trace; without one a new trace begins."""
    if parent is None:
        return NOWHERE
    _, trace_id, span_id, flags = parent.split("-")
    known = SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(flags, 16) & 1),
    )
    return trace.set_span_in_context(NonRecordingSpan(known), NOWHERE)


def written(span: Span) -> str:
    known = span.get_span_context()
    return f"00-{known.trace_id:032x}-{known.span_id:016x}-0{known.trace_flags & 1}"


def current() -> str | None:
    """The present span as `traceparent`."""
    span = trace.get_current_span()
    return written(span) if span.get_span_context().is_valid else None


@contextmanager
def begun(
    name: str, kind: SpanKind, context: Context | None = None, **values: Any
) -> Iterator[Span]:
    """A span around a block. Of an exception it has the class alone."""
    attributes = {key.replace("_", "."): value for key, value in values.items()}
    span = TRACER.start_span(name, context, kind, attributes)
    with trace.use_span(span, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except BaseException as error:
            note_failure(span, type(error).__name__)
            raise
        finally:
            span.end()


def note_failure(span: Span, name: str) -> None:
    span.set_attribute("error.type", name)
    span.set_status(StatusCode.ERROR)


# --- The wrappers, by the names that `spanned` takes --------------------------------------------------


def request(call: Call) -> Call:
    """Of a middleware: the request, which belongs to the trace of its caller, if there is one."""

    @wraps(call)
    def spanned(self: Any, request: Any) -> Any:
        with begun("request", SpanKind.SERVER, context_of(request.trace)) as span:
            request.trace = written(span)
            response = call(self, request)
            if span.is_recording():
                describe(span, request, response.status_code)
        return response

    return spanned


def describe(span: Span, request: Any, status: int) -> None:
    method, route = request.metered
    span.update_name(f"{method} {route}")
    span.set_attributes(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "iocash.request.id": request.request_id,
        }
    )
    if client := getattr(request, "client_id", None):
        span.set_attribute("iocash.client.id", str(client))
    code = getattr(request, "error_code", None)
    if status >= 500:
        note_failure(span, code or str(status))
    elif code:
        span.set_attribute("error.type", code)


def trip(send: Call) -> Call:
    """Of a pipeline: a trip to the database, if it is a part of something that has a span."""

    @wraps(send)
    def spanned(self: Any) -> None:
        if not self.asked or not trace.get_current_span().is_recording():
            send(self)
            return
        with begun("pipeline.send", SpanKind.CLIENT, iocash_statements=len(self.asked)):
            send(self)

    return spanned


def group(post: Call) -> Call:
    """Of posting: one transaction for the orders of a group, in the trace of its leader."""

    @wraps(post)
    def spanned(orders: Sequence[Any], *rest: Any) -> Any:
        with begun("group_commit", SpanKind.INTERNAL, iocash_orders=len(orders)):
            return post(orders, *rest)

    return spanned


def duty(perform: Call) -> Call:
    """Of the worker: a batch of a duty. One that found nothing to do leaves no span."""

    @wraps(perform)
    def spanned(self: Any) -> int:
        begun_at = time.time_ns()
        done, failure = 0, ""
        try:
            done = perform(self)
        except Exception as error:
            failure = type(error).__name__
            raise
        finally:
            if done or failure:
                values = {"iocash.duty": self.duty.name, "iocash.done": done}
                span = TRACER.start_span("duty", NOWHERE, attributes=values, start_time=begun_at)
                span.update_name(f"duty {self.duty.name}")
                if failure:
                    note_failure(span, failure)
                span.end()
        return done

    return spanned


def attempt(send: Call) -> Call:
    """Of webhooks: one attempt, in the trace of the request that caused the event."""

    @wraps(send)
    def spanned(sender: Any, endpoint: Any, keys: Any, message: Any, number: int) -> Any:
        with begun(
            "webhook attempt",
            SpanKind.CLIENT,
            context_of(message.trace),
            iocash_client_id=str(endpoint.client_id),
            iocash_endpoint_id=str(endpoint.id),
            iocash_event_id=str(message.id),
            iocash_attempt=number,
        ) as span:
            done = send(sender, endpoint, keys, message, number)
            if done.status is not None:
                span.set_attribute("http.response.status_code", done.status)
            if done.failure:
                note_failure(span, done.failure)
        return done

    return spanned
