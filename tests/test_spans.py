"""Spans of OpenTelemetry: nothing of it without the setting, and no personal data with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

import dev
from iocash import traces
from iocash.db.pipeline import Pipeline
from tests.support import people
from tests.support.receivers import Receiver
from tests.support.server import OURS, database_of_tests
from tests.support.webhooks import an_endpoint, to
from wallets import posting

ALL = "parentbased_always_on"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

OFF = """
import sys
import django
django.setup()
from iocash import urls, wsgi
from iocash.worker import loop
loop.load_duties()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""

ON = """
import json, sys
import django
django.setup()
from django.test import Client
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from iocash.traces import spans
from iocash.worker import loop
memory = InMemorySpanExporter()
spans.PROCESSOR.add_span_processor(SimpleSpanProcessor(memory))
calls, only = json.loads(sys.argv[1])
caller = Client(raise_request_exception=False, SERVER_NAME="localhost")
statuses = [
    caller.generic(method, path, json.dumps(body), "application/json", headers=headers).status_code
    for method, path, body, headers in calls
]
loop.load_duties()
from users.management.commands import work
from django.core.management import call_command
if only:
    call_command("work", once=True, only=only)
print(json.dumps([statuses, [
    {"name": span.name, "kind": span.kind.name, "trace": f"{span.context.trace_id:032x}",
     "span": f"{span.context.span_id:016x}", "status": span.status.status_code.name,
     "parent": span.parent and f"{span.parent.span_id:016x}",
     "events": len(span.events), "about": span.status.description,
     "attributes": dict(span.attributes)}
    for span in memory.get_finished_spans()
]]))
"""


def run(program: str, *words: str, **environment: str) -> Any:
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=dev.ROOT,
        env=kept | {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "iocash.settings"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_function_stays_as_it_is_without_the_setting():
    assert traces.spanned("trip")(len) is len
    assert not hasattr(Pipeline.send, "__wrapped__")
    assert not hasattr(posting.post_group, "__wrapped__")


@pytest.mark.ci
def test_nothing_is_imported_without_the_setting():
    """Takes 3 s."""
    assert run(OFF) == "[]"


@pytest.mark.ci
def test_missing_packages_are_named():
    """Takes 3 s."""
    hidden = "import sys; sys.modules['opentelemetry'] = None\n"
    program = f"{hidden}import django\ntry:\n    django.setup()\nexcept Exception as e: print(e)"
    assert "needs the packages of the extra `spans`" in run(program, SPANS="1")


@pytest.mark.ci
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not find_spec("opentelemetry.sdk"), reason="opentelemetry-sdk is not installed")
class TestSpans:
    """Each takes 4 s."""

    @pytest.fixture(autouse=True)
    def stage(self, client_demo, alices, bobs):
        self.alices, self.bobs = alices, bobs
        self.secret = people.a_key(client_demo)
        with Receiver() as self.receiver:
            an_endpoint(client_demo, to(self.receiver))
            yield

    def spans(
        self, *calls: Any, only: tuple[str, ...] = (), **settings: str
    ) -> list[dict[str, Any]]:
        """The spans of these calls, which succeed unless they have no key or a wrong one."""
        found: list[dict[str, Any]]
        statuses, found = json.loads(
            run(
                ON,
                json.dumps([calls, only]),
                SPANS="1",
                **{"OTEL_TRACES_EXPORTER": "none", "OTEL_TRACES_SAMPLER": ALL, **settings},
                DATABASE_URL=database_of_tests(),
            )
        )
        expected = [
            201 if self.secret in call[3].get("Authorization", "") else 401 for call in calls
        ]
        assert statuses == expected
        return found

    def transfer(self, **headers: str) -> tuple[Any, ...]:
        path = f"/api/v1/wallets/{self.alices.id}/movements"
        body = people.to(self.bobs, amount="12.34", concept="Rent of Alice")
        return "POST", path, body, {"Authorization": f"Bearer {self.secret}", **headers}

    def test_transfer_has_its_trips_inside_the_span_of_the_request(self):
        parent = f"00-{TRACE}-{SPAN}-01"
        *trips, request = self.spans(self.transfer(traceparent=parent))
        assert (request["name"], request["kind"]) == ("POST movements", "SERVER")
        assert (request["trace"], request["parent"]) == (TRACE, SPAN)
        inside = [each["span"] for each in trips if each["name"] == "group_commit"]
        assert {each["name"] for each in trips} == {"pipeline.send", "group_commit"}
        sends = [each for each in trips if each["name"] == "pipeline.send"]
        assert {each["parent"] for each in sends} <= {*inside, request["span"]}
        assert {each["trace"] for each in trips} == {TRACE}

    @pytest.mark.skipif(
        not find_spec("opentelemetry.exporter.otlp.proto.http"), reason="it is not installed"
    )
    def test_collector_receives_the_spans(self):
        with Receiver() as collector:
            made = self.spans(
                self.transfer(traceparent=f"00-{TRACE}-{SPAN}-01"),
                OTEL_TRACES_EXPORTER="otlp",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
            )
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        exports = [ExportTraceServiceRequest.FromString(each.body) for each in collector.received]
        resources = [each for export in exports for each in export.resource_spans]
        sent = [span for each in resources for scope in each.scope_spans for span in scope.spans]
        assert {each.trace_id.hex() for each in sent} == {TRACE}
        assert sorted(each.span_id.hex() for each in sent) == sorted(each["span"] for each in made)
        named = {(each.key, each.value.string_value) for each in resources[0].resource.attributes}
        assert ("service.name", "iocash") in named

    def test_tenth_of_the_traces_is_recorded(self):
        """With 100 traces of our own it is none in 1 of 37,000 runs, and all of them never."""
        calls: list[Any] = [("GET", "/api/v1/wallets", None, {})] * 100
        found = self.spans(*calls, OTEL_TRACES_SAMPLER="", RATE_LIMIT_REFUSED="0")
        assert 0 < len(found) < 50

    def test_unrecorded_trace_leaves_no_span(self):
        assert self.spans(self.transfer(traceparent=f"00-{TRACE}-{SPAN}-00")) == []

    def test_refusal_has_its_code_and_is_no_error(self):
        (*_, request) = self.spans(("GET", "/api/v1/wallets", None, {}))
        assert request["attributes"]["error.type"] == "not_authenticated"
        assert request["status"] == "UNSET"

    def test_webhook_attempt_is_of_the_trace_of_the_request(self):
        found = self.spans(
            self.transfer(traceparent=f"00-{TRACE}-{SPAN}-01"),
            only=("advance-barrier", "deliver-webhooks"),
        )
        attempts = [each for each in found if each["name"] == "webhook attempt"]
        request = next(each for each in found if each["kind"] == "SERVER")
        assert {each["trace"] for each in attempts} == {TRACE}
        assert {each["parent"] for each in attempts} == {request["span"]}
        sent = {each.headers["traceparent"] for each in self.receiver.received}
        assert sent == {f"00-{TRACE}-{each['span']}-01" for each in attempts}
        assert any(each["name"] == "duty deliver-webhooks" for each in found)

    def test_attributes_are_ids_numbers_and_codes_only(self):
        found = self.spans(
            self.transfer(), self.transfer(Authorization="Bearer no"), only=("deliver-webhooks",)
        )
        assert {name for span in found for name in span["attributes"]} == ALLOWED
        text = json.dumps(found)
        for secret in ("12.34", "1234", "Rent", "Alice", "alice", self.secret, "ES", "Bearer"):
            assert secret not in text
        assert {(span["events"], span["about"]) for span in found} == {(0, None)}


ALLOWED = {
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "iocash.attempt",
    "iocash.client.id",
    "iocash.done",
    "iocash.duty",
    "iocash.endpoint.id",
    "iocash.event.id",
    "iocash.orders",
    "iocash.request.id",
    "iocash.statements",
}
