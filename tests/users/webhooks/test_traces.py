"""The trace of a request goes on in the webhooks of its events."""

from __future__ import annotations

import re

import pytest

from tests.support.people import to as paid_to
from tests.support.webhooks import events_after, last_position, make_due, refusing
from users.models import WebhookAttempt

pytestmark = pytest.mark.django_db

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = re.compile(rf"00-{TRACE}-([0-9a-f]{{16}})-(0[01])")


def pay_in_trace(api, source, target, traceparent: str | None = f"00-{TRACE}-{SPAN}-01") -> None:
    headers = {"traceparent": traceparent} if traceparent is not None else {}
    assert (
        api.post(f"wallets/{source.id}/movements", paid_to(target), headers=headers).status == 201
    )


def headers_of(receiver) -> list[str | None]:
    return [each.headers.get("traceparent") for each in receiver.received]


def test_webhooks_belong_to_the_trace_of_the_request(api, alices, bobs, endpoint, receiver, worker):
    pay_in_trace(api, alices, bobs)
    worker.run()
    found = [SENT.fullmatch(each or "") for each in headers_of(receiver)]
    assert [each and each[2] for each in found] == ["01", "01"]
    spans = {each[1] for each in found if each}
    assert len(spans) == 2
    assert SPAN not in spans


@pytest.mark.parametrize(("flags", "sent"), [("00", "00"), ("03", "01"), ("02", "00")])
def test_webhook_says_whether_the_trace_is_recorded(
    api, alices, bobs, endpoint, receiver, worker, flags, sent
):
    pay_in_trace(api, alices, bobs, f"00-{TRACE}-{SPAN}-{flags}")
    worker.run()
    assert [each and each[-2:] for each in headers_of(receiver)] == [sent, sent]


@pytest.mark.parametrize("traceparent", [None, "", TRACE, f"00-{TRACE}-{SPAN}-01-more"])
def test_webhook_has_no_trace_without_a_well_formed_one(
    api, alices, bobs, endpoint, receiver, worker, traceparent
):
    begin = last_position()
    pay_in_trace(api, alices, bobs, traceparent)
    worker.run()
    assert headers_of(receiver) == [None, None]
    assert {event.trace for event in events_after(begin, alices.client)} == {None}


def test_retry_keeps_the_trace_and_has_its_own_span(api, alices, bobs, endpoint, receiver, worker):
    receiver.answering = refusing(alices)
    pay_in_trace(api, alices, bobs)
    worker.run()
    receiver.answering = lambda handler, _: handler.answer(200)
    make_due()
    worker.run()
    assert WebhookAttempt.objects.filter(number=2).count() == 1
    found = [SENT.fullmatch(each or "") for each in headers_of(receiver)]
    assert len({each[1] for each in found if each}) == len(found) == 3


def test_event_has_the_trace_of_a_later_version_as_version_00(api, alices, bobs):
    begin = last_position()
    pay_in_trace(api, alices, bobs, f"01-{TRACE}-{SPAN}-01-later")
    stored = {event.trace for event in events_after(begin, alices.client)}
    assert stored == {f"00-{TRACE}-{SPAN}-01"}


def test_events_written_with_copy_have_the_trace(api, alices, bobs):
    begin = last_position()
    body = {"movements": [paid_to(bobs, amount="0.01") for _ in range(160)]}
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    answer = api.post(f"wallets/{alices.id}/movements/batch", body, headers=headers)
    assert answer.status == 201, answer.json
    events = events_after(begin, alices.client)
    assert len(events) == 320
    assert {event.trace for event in events} == {f"00-{TRACE}-{SPAN}-01"}
