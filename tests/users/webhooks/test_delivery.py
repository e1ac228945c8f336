"""What is sent to webhook endpoints: everything, in order, signed, and by one process at a time."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from iocash.errors import InvalidFields
from tests.support import people
from tests.support.people import BY
from tests.support.webhooks import (
    Worker,
    an_endpoint,
    event_of,
    events_after,
    ids,
    last_position,
    make_due,
    pay,
    refusing,
    sent_of,
    stream_of,
    to,
)
from users.models import Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from users.webhooks import endpoints, lanes
from users.webhooks.leases import LeaseLost, free_stream, renew_leases
from users.webhooks.results import store_round
from users.webhooks.secrets import valid_secrets

pytestmark = pytest.mark.django_db

FAILED = WebhookDelivery.Status.FAILED


# --- What is sent -------------------------------------------------------------------------------


def test_every_event_is_sent_once_and_in_the_order_of_its_wallet(
    alices, bobs, endpoint, receiver, worker
):
    begin = stream_of(endpoint).position
    pay(alices, bobs, 5)
    pay(bobs, alices, 5)
    worker.run()
    worker.run()
    expected = events_after(begin, alices.client)
    assert len(expected) == 20
    assert sorted(ids(receiver)) == sorted(each.id for each in expected)
    got = defaultdict(list)
    for each in receiver.received:
        got[event_of(each)["walletId"]].append(event_of(each)["data"]["seq"])
    assert all(seqs == sorted(seqs) for seqs in got.values())
    assert stream_of(endpoint).position == last_position()
    assert not WebhookDelivery.objects.exists()


def test_request_is_signed_and_has_the_event(alices, bobs, endpoint, receiver, worker):
    pay(alices, bobs)
    worker.run()
    for received in receiver.received:
        event = Webhook(str(valid_secrets(endpoint)[0])).verify(received.body, received.headers)
        assert event["id"] == received.headers["webhook-id"]
        assert event["data"]["balance"]
    assert {event_of(each)["kind"] for each in receiver.received} == {"movement.settled"}
    assert WebhookAttempt.objects.filter(status=200, failure="").count() == 2


def test_former_secret_signs_until_the_rotation_ends(alices, bobs, endpoint, receiver, worker):
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id, "by": BY}
    new = endpoints.rotate_secret(**about).secret
    pay(alices, bobs)
    worker.run()
    for secret in (new, valid_secrets(endpoint)[0]):
        Webhook(str(secret)).verify(receiver.received[0].body, receiver.received[0].headers)
    WebhookEndpoint.objects.update(secrets_until=timezone.now())
    pay(alices, bobs)
    worker.run()
    assert len(receiver.received[-1].headers["webhook-signature"].split()) == 1


def test_only_the_kinds_of_the_endpoint_are_sent(alices, bobs, receiver, worker):
    endpoint = an_endpoint(alices.client, to(receiver), kinds=["hold.*", "wallet.blocked"])
    pay(alices, bobs)
    people.place(alices, bobs, 1)
    worker.run()
    assert [event_of(each)["kind"] for each in receiver.received] == ["hold.placed"]
    assert stream_of(endpoint).position == last_position()


def test_events_of_another_client_are_not_sent(alices, bobs, receiver, worker):
    an_endpoint(people.a_client("Another"), to(receiver))
    pay(alices, bobs)
    worker.run()
    assert receiver.received == []


def test_endpoint_gets_no_events_about_itself(alices, endpoint, receiver, worker):
    other = an_endpoint(alices.client, to(receiver, "/other"), enabled=False)
    endpoints.rotate_secret(client_id=alices.client_id, endpoint_id=endpoint.id, by=BY)
    endpoints.rotate_secret(client_id=alices.client_id, endpoint_id=other.id, by=BY)
    worker.run()
    assert {event_of(each)["subjectId"] for each in receiver.received} == {str(other.id)}


@pytest.mark.parametrize("status", ["PENDING", "DISABLED"])
def test_endpoint_that_is_not_enabled_gets_nothing(
    alices, bobs, endpoint, worker, receiver, status
):
    reason = "CLIENT" if status == "DISABLED" else ""
    WebhookEndpoint.objects.update(status=status, disabled_reason=reason)
    pay(alices, bobs)
    worker.run()
    assert receiver.received == []


# --- Again --------------------------------------------------------------------------------------


def test_resend_sends_one_event_again(alices, bobs, endpoint, receiver, worker):
    pay(alices, bobs, 2)
    worker.run()
    again = ids(receiver)[0]
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id}
    endpoints.request_resend(**about, event_id=again)
    worker.run()
    assert ids(receiver)[4:] == [again]
    assert not WebhookDelivery.objects.exists()


def test_resend_of_a_failed_delivery_replaces_it(alices, bobs, endpoint, receiver, worker):
    receiver.answering = refusing(alices)
    pay(alices, bobs)
    worker.run()
    WebhookDelivery.objects.update(attempts=9)
    make_due()
    worker.run()
    failed = WebhookDelivery.objects.get(status=FAILED)
    receiver.answering = lambda handler, _: handler.answer(200)
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id}
    assert failed.event_id
    endpoints.request_resend(**about, event_id=failed.event_id)
    worker.run()
    assert ids(receiver)[-1] == failed.event_id
    assert not WebhookDelivery.objects.exists()


def test_resend_of_a_waiting_event_retries_it_now(alices, bobs, endpoint, receiver, worker):
    receiver.answering = refusing(alices)
    pay(alices, bobs, 2)
    worker.run()
    receiver.answering = lambda handler, _: handler.answer(200)
    waiting = WebhookDelivery.objects.get().event_id
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id}
    assert waiting
    endpoints.request_resend(**about, event_id=waiting)
    worker.run()
    assert len(sent_of(alices, receiver)) == 3
    assert not WebhookDelivery.objects.exists()


def test_event_of_another_client_is_not_resent(alices, bobs, endpoint):
    others = Event.objects.create(
        client=people.a_client("Another"), subject="client", subject_id=alices.id, kind="*"
    )
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id}
    with pytest.raises(InvalidFields):
        endpoints.request_resend(**about, event_id=others.id)


def test_replay_sends_a_period_again_in_order(alices, bobs, endpoint, receiver, worker):
    begin = last_position()
    pay(alices, bobs, 6)
    worker.run()
    every = events_after(begin, alices.client)
    receiver.received.clear()
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id}
    endpoints.request_replay(**about, values={"from_event": every[4].id})
    worker.run()
    assert sorted(ids(receiver)) == sorted(each.id for each in every[4:])
    assert sent_of(alices, receiver) == sorted(sent_of(alices, receiver))
    replay = endpoint.streams.get(until__isnull=False)
    assert replay.ended_at


def test_replay_ends_before_its_time(alices, bobs, endpoint, receiver, worker):
    begin = last_position()
    Event.objects.update(created_at="2025-12-31T12:00:00Z")
    pay(alices, bobs, 3)
    Event.objects.filter(position__gt=begin).update(created_at="2026-01-01T12:00:00Z")
    middle = last_position()
    pay(alices, bobs, 3)
    Event.objects.filter(position__gt=middle).update(created_at="2026-01-02T12:00:00Z")
    worker.run()
    receiver.received.clear()
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id}
    day = datetime(2026, 1, 2, tzinfo=UTC)
    endpoints.request_replay(**about, values={"from_time": day - timedelta(days=1), "until": day})
    worker.run()
    old = Event.objects.filter(position__gt=begin, position__lte=middle)
    assert sorted(ids(receiver)) == sorted(old.values_list("id", flat=True))


def test_failure_of_a_replay_does_not_hold_back_new_events(
    alices, bobs, endpoint, receiver, worker
):
    begin = last_position()
    pay(alices, bobs, 2)
    worker.run()
    old = {str(each.id) for each in events_after(begin, alices.client)}
    receiver.answering = lambda handler, received: handler.answer(
        500 if received.headers["webhook-id"] in old else 200
    )
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id}
    endpoints.request_replay(**about, values={"from_event": min(old)})
    pay(alices, bobs, 2)
    worker.run()
    new = {str(each.id) for each in events_after(begin, alices.client)} - old
    assert new < {str(each) for each in ids(receiver)}
    assert endpoint.streams.get(until__isnull=False).ended_at is None
    receiver.answering = lambda handler, _: handler.answer(200)
    make_due()
    worker.run()
    assert endpoint.streams.get(until__isnull=False).ended_at


# --- Pings --------------------------------------------------------------------------------------


def test_answered_ping_enables_an_endpoint_and_starts_its_deliveries(
    alices, bobs, receiver, worker
):
    endpoint = an_endpoint(alices.client, to(receiver), enabled=False, kinds=["movement.*"])
    pay(alices, bobs)
    worker.run()
    assert receiver.received == []
    endpoints.request_ping(client_id=endpoint.client_id, endpoint_id=endpoint.id)
    worker.run()
    ping, *others = receiver.received
    message = Webhook(valid_secrets(endpoint)[0]).verify(ping.body, ping.headers)
    assert message["kind"] == "webhook.ping"
    assert len(others) == 2
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.ping_id) == ("ENABLED", None)
    assert Event.objects.filter(kind="webhook_endpoint.enabled").count() == 1


def test_ping_that_fails_changes_nothing_and_is_not_retried(alices, receiver, worker):
    endpoint = an_endpoint(alices.client, to(receiver), enabled=False)
    receiver.answering = lambda handler, _: handler.answer(500)
    endpoints.request_ping(client_id=endpoint.client_id, endpoint_id=endpoint.id)
    worker.run()
    worker.run()
    endpoint.refresh_from_db()
    assert (endpoint.status, len(receiver.received)) == ("PENDING", 1)
    assert WebhookAttempt.objects.get().kind == "webhook.ping"


# --- Leases -------------------------------------------------------------------------------------


def test_process_that_lost_its_lease_writes_nothing(alices, bobs, endpoint, receiver, worker):
    """It was stopped for longer than the lease; another process has sent everything meanwhile."""
    pay(alices, bobs, 2)
    (lease,) = worker.take()
    round_ = lanes.load_round(lease, last_position(), worker.render)
    assert round_.lanes
    endpoint.streams.update(leased_until=timezone.now() - timedelta(seconds=1))
    other = Worker()
    other.run()
    other.close()
    position = stream_of(endpoint).position
    rows = WebhookAttempt.objects.count()
    with pytest.raises(LeaseLost):
        store_round(round_)
    with pytest.raises(LeaseLost):
        lanes.load_round(lease, last_position(), worker.render)
    assert stream_of(endpoint).position == position == last_position()
    assert WebhookAttempt.objects.count() == rows


def test_stream_is_worked_on_by_one_process(alices, bobs, endpoint, receiver, worker):
    pay(alices, bobs, 2)
    (lease,) = worker.take()
    other = Worker()
    assert other.run() == 0
    worker.work(lease)
    assert len(receiver.received) == 4
    assert other.run() == 0
    other.close()


def test_renewed_lease_lasts_longer(alices, bobs, endpoint, worker):
    pay(alices, bobs)
    (lease,) = worker.take()
    endpoint.streams.update(leased_until=timezone.now() + timedelta(seconds=1))
    worker.renew()
    until = stream_of(endpoint).leased_until
    assert until
    assert until > timezone.now() + timedelta(seconds=3)
    endpoint.streams.update(lease=lease.number + 1)
    worker.leases[lease] = 0.0
    worker.renew()
    assert not worker.has(lease)


def test_freed_stream_is_not_taken_again_by_a_renewal(alices, bobs, endpoint, worker):
    pay(alices, bobs)
    (lease,) = worker.take()
    free_stream(lease)
    assert renew_leases([lease]) == set()
    assert [each.stream_id for each in worker.take()] == [lease.stream_id]
