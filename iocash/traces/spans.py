"""Spans of OpenTelemetry: requests, trips to the database, group commits, duties, webhook attempts.

Only the setting SPANS lets this module be imported. The variables OTEL_* say where spans are sent
and how many. Attributes are ids, names of ours, numbers and codes; no span has the text of an
exception, which can quote personal data.

A span is made when it has ended: the SDK's own, which can be changed meanwhile by any thread, costs
five times as much.
"""

from __future__ import annotations

import atexit
import os
import random
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from importlib.metadata import entry_points
from typing import Any, Final, Self

from django.core.exceptions import ImproperlyConfigured
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

Call = Callable[..., Any]

EXPORTERS: Final = "opentelemetry_traces_exporter"
"""The entry points by which packages offer the exporters that OTEL_TRACES_EXPORTER names."""


def otlp() -> str:
    """Return the exporter of OTLP for the protocol that the variables name; HTTP unless told."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next((found for each in names if (found := os.environ.get(each))), "http/protobuf")
    return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"


def exporting() -> SynchronousMultiSpanProcessor:
    """Make what exports spans, as the variables OTEL_* say.

    Raises:
        ImproperlyConfigured: the package of an exporter is missing.
    """
    made = SynchronousMultiSpanProcessor()  # type: ignore[no-untyped-call]
    for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(","):
        if name in {"", "none"}:
            continue
        found = [*entry_points(group=EXPORTERS, name=otlp() if name == "otlp" else name)]
        if not found:
            words = f"OTEL_TRACES_EXPORTER: no installed package has the exporter {name!r}."
            raise ImproperlyConfigured(words)
        made.add_span_processor(BatchSpanProcessor(found[0].load()()))
    return made


os.environ.setdefault("OTEL_SERVICE_NAME", "iocash")
if not os.environ.get("OTEL_TRACES_SAMPLER"):  # to record all costs a transfer a fifth of its CPU
    os.environ["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
    os.environ.setdefault("OTEL_TRACES_SAMPLER_ARG", "0.1")
PROVIDER: Final = TracerProvider(shutdown_on_exit=False)
"""It reads the sampler and the resource from the variables."""
PROCESSOR: Final = exporting()
atexit.register(PROCESSOR.shutdown)
SCOPE: Final = InstrumentationScope("iocash")
NOWHERE: Final = Context()
HERE: ContextVar[SpanContext | None] = ContextVar("HERE", default=None)
"""The present span."""
NOT_RECORDED, RECORDED = TraceFlags(0), TraceFlags(1)
IS_DISABLED: Final = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"


def parent_of(traceparent: str | None) -> SpanContext | None:
    if traceparent is None:
        return None
    _, trace_id, span_id, flags = traceparent.split("-")
    recorded = RECORDED if int(flags, 16) & 1 else NOT_RECORDED
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=recorded)


def begin_span(parent: SpanContext | None, name: str) -> SpanContext:
    """The context of a new span. A sampler decides about the first one of a process."""
    trace_id = parent.trace_id if parent else random.getrandbits(128)
    if parent and not parent.is_remote:
        flags = parent.trace_flags
    else:
        above = set_span_in_context(NonRecordingSpan(parent), NOWHERE) if parent else NOWHERE
        found = PROVIDER.sampler.should_sample(above, trace_id, name)
        flags = RECORDED if found.decision.is_sampled() and not IS_DISABLED else NOT_RECORDED  # type: ignore[no-untyped-call]
    return SpanContext(trace_id, random.getrandbits(64), is_remote=False, trace_flags=flags)


def as_traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-0{context.trace_flags & 1}"


def current_trace() -> str | None:
    """The present span as `traceparent`."""
    here = HERE.get()
    return as_traceparent(here) if here else None


class Spanning:
    """A span around a block. Of an exception it has the class alone."""

    __slots__ = (
        "attributes",
        "begun_at",
        "context",
        "is_failed",
        "kind",
        "name",
        "parent",
        "token",
    )

    def __init__(
        self, name: str, kind: SpanKind, parent: SpanContext | None, attributes: dict[str, Any]
    ) -> None:
        self.name, self.kind, self.parent, self.attributes = name, kind, parent, attributes
        self.is_failed = False
        self.context = begin_span(parent, name)
        self.begun_at = time.time_ns()

    @property
    def is_recorded(self) -> bool:
        return bool(self.context.trace_flags & 1)

    def __enter__(self) -> Self:
        self.token = HERE.set(self.context)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        HERE.reset(self.token)
        if kind is not None:
            self.fail(kind.__name__)
        self.end()

    def fail(self, name: str) -> None:
        self.attributes["error.type"] = name
        self.is_failed = True

    def end(self) -> None:
        if self.is_recorded:
            PROCESSOR.on_end(
                ReadableSpan(
                    self.name,
                    self.context,
                    self.parent,
                    PROVIDER.resource,
                    self.attributes,
                    kind=self.kind,
                    status=Status(StatusCode.ERROR if self.is_failed else StatusCode.UNSET),
                    start_time=self.begun_at,
                    end_time=time.time_ns(),
                    instrumentation_scope=SCOPE,
                )
            )


# --- The wrappers, by the names that `spanned` takes ------------------------------------------


def request(call: Call) -> Call:
    """Of a middleware: the request, which belongs to the trace of its caller, if there is one."""

    @wraps(call)
    def spanned(self: Any, request: Any) -> Any:
        with Spanning("request", SpanKind.SERVER, parent_of(request.trace), {}) as span:
            request.trace = as_traceparent(span.context)
            response = call(self, request)
            if span.is_recorded:
                describe_request(span, request, response.status_code)
        return response

    return spanned


def describe_request(span: Spanning, request: Any, status: int) -> None:
    method, route = request.metered
    span.name = f"{method} {route}"
    span.attributes = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "iocash.request.id": request.request_id,
    }
    if client := getattr(request, "client_id", None):
        span.attributes["iocash.client.id"] = str(client)
    code = getattr(request, "error_code", None)
    if status >= 500:
        span.fail(code or str(status))
    elif code:
        span.attributes["error.type"] = code


def trip(send: Call) -> Call:
    """Of a pipeline: a trip to the database, if it is a part of something that has a span."""

    @wraps(send)
    def spanned(self: Any) -> None:
        here, count = HERE.get(), len(self.asked)
        if not count or here is None or not here.trace_flags:
            send(self)
            return
        with Spanning("pipeline.send", SpanKind.CLIENT, here, {"iocash.statements": count}):
            send(self)

    return spanned


def group(post: Call) -> Call:
    """Of posting: one transaction for the orders of a group, in the trace of its leader."""

    @wraps(post)
    def spanned(orders: Sequence[Any], *rest: Any) -> Any:
        attributes = {"iocash.orders": len(orders)}
        with Spanning("group_commit", SpanKind.INTERNAL, HERE.get(), attributes):
            return post(orders, *rest)

    return spanned


def duty(perform: Call) -> Call:
    """Of the worker: a batch of a duty. One that found nothing to do leaves no span."""

    @wraps(perform)
    def spanned(self: Any) -> Any:
        attributes = {"iocash.duty": self.duty.name, "iocash.done": 0}
        span = Spanning(f"duty {self.duty.name}", SpanKind.INTERNAL, None, attributes)
        try:
            attributes["iocash.done"] = done = perform(self)
        except Exception as error:
            span.fail(type(error).__name__)
            span.end()
            raise
        if done:
            span.end()
        return done

    return spanned


def webhook_attempt(send: Call) -> Call:
    """Of webhooks: one attempt, in the trace of the request that caused the event."""

    @wraps(send)
    def spanned(sender: Any, endpoint: Any, keys: Any, message: Any, number: int) -> Any:
        attributes = {
            "iocash.client.id": str(endpoint.client_id),
            "iocash.endpoint.id": str(endpoint.id),
            "iocash.event.id": str(message.id),
            "iocash.attempt": number,
        }
        above = parent_of(message.trace)
        with Spanning("webhook attempt", SpanKind.CLIENT, above, attributes) as span:
            done = send(sender, endpoint, keys, message, number)
            if done.status is not None:
                attributes["http.response.status_code"] = done.status
            if done.failure:
                span.fail(str(done.failure))
        return done

    return spanned
