"""Nothing is sent for a suspended client; afterwards its endpoints go on where they stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from tests.support.approvals import post_and_approve
from tests.support.backoffice import Office, page_of
from tests.support.webhooks import pay, sent_of, stream_of
from users.models import Client, WebhookAttempt, WebhookEndpoint
from users.webhooks import endpoints
from users.webhooks.lanes import load_round

pytestmark = pytest.mark.django_db


def suspend(status: str = "SUSPENDED") -> None:
    Client.objects.update(status=status)


def test_endpoint_of_a_suspended_client_goes_on_where_it_stopped(
    alices, bobs, endpoint, receiver, worker
):
    pay(alices, bobs)
    worker.run()
    position = stream_of(endpoint).position
    suspend()
    pay(alices, bobs, 2)
    assert worker.run() == 0
    assert stream_of(endpoint).position == position
    suspend("ACTIVE")
    assert worker.run() == 4
    seqs = sent_of(alices, receiver)
    assert (len(seqs), seqs) == (3, sorted(seqs))


def test_stream_that_was_taken_before_the_suspension_sends_nothing(
    alices, bobs, endpoint, receiver, worker
):
    pay(alices, bobs)
    (lease,) = worker.take()
    suspend()
    assert load_round(lease, worker.released(), worker.render).is_empty
    worker.work(lease)
    assert receiver.received == []


@pytest.mark.parametrize("is_taken", [False, True])
def test_ping_waits_while_the_client_is_suspended(endpoint, receiver, worker, is_taken):
    endpoints.request_ping(client_id=None, endpoint_id=endpoint.id)
    if is_taken:
        (lease,) = worker.take()
        suspend()
        worker.work(lease)
    suspend()
    worker.run()
    assert (receiver.received, WebhookAttempt.objects.count()) == ([], 0)
    suspend("ACTIVE")
    worker.run()
    assert len(receiver.received) == 1


def test_suspension_does_not_count_as_a_time_of_failures(
    staff, alices, bobs, endpoint, receiver, worker
):
    """One failure after a suspension of six days does not disable the endpoint."""
    long_ago = timezone.now() - timedelta(days=6)
    WebhookEndpoint.objects.update(failing_since=long_ago, failures=1)
    suspend()
    address = page_of(alices.client).removesuffix("change/")
    post_and_approve(Office(staff).browser, f"{address}action/activate/", {"key": str(uuid7())})
    receiver.answering = lambda handler, _: handler.answer(500)
    pay(alices, bobs)
    worker.run()
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.failing_since > long_ago) == ("ENABLED", True)
