"""What fails at webhook endpoints: retries, what they hold back, and when it ends."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from tests.support import people
from tests.support.people import BY
from tests.support.webhooks import (
    an_endpoint,
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
from users.models.events import EventKind
from users.webhooks import attempts, endpoints, lanes
from users.webhooks.leases import STALLED

pytestmark = pytest.mark.django_db

FAILED = WebhookDelivery.Status.FAILED


def test_failure_holds_back_its_wallet_only(alices, bobs, endpoint, receiver, worker):
    receiver.answering = refusing(alices)
    pay(alices, bobs, 3)
    begin = stream_of(endpoint).position
    worker.run()
    assert sent_of(alices, receiver) == sent_of(alices, receiver)[:1]
    assert len(sent_of(bobs, receiver)) == 3
    (row,) = WebhookDelivery.objects.all()
    assert (row.lane, row.attempts) == (alices.id, 1)
    assert stream_of(endpoint).position > begin


def test_held_back_wallet_goes_on_in_order_after_a_retry(alices, bobs, endpoint, receiver, worker):
    receiver.answering = refusing(alices)
    pay(alices, bobs, 2)
    worker.run()
    pay(alices, bobs, 2)
    worker.run()
    receiver.answering = lambda handler, _: handler.answer(200)
    make_due()
    pay(alices, bobs, 1)
    worker.run()
    seqs = sent_of(alices, receiver)
    assert seqs[1:] == sorted(seqs[1:])
    assert (len(seqs), seqs[0]) == (6, seqs[1])
    assert not WebhookDelivery.objects.exists()
    retried = WebhookAttempt.objects.order_by("id").filter(number=2).get()
    assert retried.is_success


def test_retry_never_sends_an_event_of_another_client_with_this_position(
    alices, bobs, endpoint, receiver, worker
):
    """Clients that were moved here keep their positions, which others here can have too."""
    receiver.answering = refusing(alices)
    pay(alices, bobs)
    worker.run()
    row = WebhookDelivery.objects.get()
    others = people.a_client("Others")
    Event.objects.create(
        position=row.position,
        client=others,
        subject="client",
        subject_id=others.id,
        kind=EventKind.CLIENT_CHANGED,
        actor="staff:1",
    )
    before = len(receiver.received)
    make_due()
    worker.run()
    assert ids(receiver)[before:] == [row.event_id]


def test_more_events_than_a_round_has_follow_a_retry(
    alices, bobs, endpoint, receiver, worker, monkeypatch
):
    monkeypatch.setattr(lanes, "MOST_BEHIND", 2)
    monkeypatch.setattr(lanes, "BATCH", 3)
    monkeypatch.setattr(lanes, "SPAN", 4)
    receiver.answering = refusing(alices)
    pay(alices, bobs, 7)
    worker.run()
    receiver.answering = lambda handler, _: handler.answer(200)
    make_due()
    pay(alices, bobs, 2)
    worker.run()
    seqs = sent_of(alices, receiver)[1:]
    assert seqs == sorted(seqs)
    assert len(seqs) == 9
    assert not WebhookDelivery.objects.exists()


def test_without_an_ordering_a_failure_holds_back_nothing(alices, bobs, receiver, worker):
    an_endpoint(alices.client, to(receiver), ordering="NONE")
    first = []

    def refuse_first(handler, received):
        first.append(received.headers["webhook-id"])
        handler.answer(500 if received.headers["webhook-id"] == first[0] else 200)

    receiver.answering = refuse_first
    pay(alices, bobs, 3)
    worker.run()
    assert len(set(ids(receiver))) == 6
    (row,) = WebhookDelivery.objects.all()
    assert str(row.event_id) == str(row.lane) == first[0]
    receiver.answering = lambda handler, _: handler.answer(200)
    make_due()
    worker.run()
    assert ids(receiver)[6:] == [UUID(first[0])]
    assert not WebhookDelivery.objects.exists()


def test_answer_and_reason_of_a_failure_are_kept(alices, bobs, endpoint, receiver, worker):
    receiver.answering = lambda handler, _: handler.answer(500, b"broken\x00 \xff " + b"a" * 5_000)
    pay(alices, bobs)
    worker.run()
    kept = WebhookAttempt.objects.earliest("id")
    assert (kept.status, kept.failure, len(kept.answer)) == (500, "STATUS", 1_000)
    assert kept.answer.startswith("broken  �")


@pytest.mark.parametrize(
    ("number", "seconds"), [(1, 5), (2, 300), (3, 1800), (4, 7200), (5, 18_000), (9, 86_400)]
)
def test_retries_come_later_and_later(number, seconds):
    delays = [attempts.delay_after(number, 0) or 0.0 for _ in range(200)]
    assert seconds * 0.8 <= min(delays) < max(delays) <= seconds * 1.2
    assert max(delays) - min(delays) > seconds * 0.2


def test_there_are_nine_retries():
    assert attempts.delay_after(9, 0) is not None
    assert attempts.delay_after(10, 0) is None


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("", 0, 0),
        ("120", 120, 120),
        ("999999999999", 86_400, 86_400),
        ("-5", 0, 0),
        ("soon", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 86_400, 86_400),
    ],
)
def test_retry_after_is_read(header, least, most):
    assert least <= attempts.seconds_of(header) <= most


def test_retry_after_pauses_the_endpoint(alices, bobs, endpoint, receiver, worker):
    receiver.answering = lambda handler, _: handler.answer(503, Retry_After="600")
    pay(alices, bobs)
    worker.run()
    number = len(receiver.received)
    row = WebhookDelivery.objects.earliest("id")
    assert row.next_attempt_at
    assert row.next_attempt_at > timezone.now() + timedelta(seconds=590)
    make_due()
    pay(bobs, alices)
    worker.run()
    assert len(receiver.received) == number
    WebhookEndpoint.objects.update(paused_until=timezone.now())
    receiver.answering = lambda handler, _: handler.answer(200)
    worker.run()
    assert len(set(ids(receiver))) == 4


def test_last_retry_fails_the_delivery_and_its_wallet_goes_on(
    alices, bobs, endpoint, receiver, worker
):
    receiver.answering = refusing(alices)
    pay(alices, bobs, 2)
    worker.run()
    WebhookDelivery.objects.update(attempts=9)
    make_due()

    def refuse_first_again(handler, received):
        is_first = received.headers["webhook-id"] == str(first)
        handler.answer(500 if is_first else 200)

    first = WebhookDelivery.objects.get().event_id
    receiver.answering = refuse_first_again
    worker.run()
    (row,) = WebhookDelivery.objects.all()
    assert (row.status, row.event_id, row.attempts) == (FAILED, first, 10)
    told = Event.objects.get(kind="webhook_endpoint.delivery_failed")
    assert told.data == {"event": str(first)}
    assert len(sent_of(alices, receiver)) == 3
    assert stream_of(endpoint).position == last_position()


def test_endpoint_that_is_gone_is_disabled_at_once(alices, bobs, endpoint, receiver, worker):
    receiver.answering = lambda handler, _: handler.answer(410)
    pay(alices, bobs)
    worker.run()
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("DISABLED", "GONE")
    assert Event.objects.get(kind="webhook_endpoint.disabled").data == {"reason": "GONE"}
    number = len(receiver.received)
    make_due()
    worker.run()
    assert len(receiver.received) == number


def test_five_days_of_failures_disable_an_endpoint(alices, bobs, endpoint, receiver, worker):
    receiver.answering = lambda handler, _: handler.answer(500)
    pay(alices, bobs)
    worker.run()
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.failures) == ("ENABLED", 2)
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=5))
    make_due()
    worker.run()
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("DISABLED", "FAILING")
    assert endpoint.mail_due


def test_one_success_ends_the_failures(alices, bobs, endpoint, receiver, worker):
    then = timezone.now() - timedelta(days=6)
    WebhookEndpoint.objects.update(failing_since=then, failures=7)
    pay(alices, bobs)
    worker.run()
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since) == (0, None)
    assert endpoint.status == "ENABLED"


def test_enabled_endpoint_goes_on_where_it_stopped(alices, bobs, endpoint, receiver, worker):
    receiver.answering = lambda handler, _: handler.answer(410)
    begin = stream_of(endpoint).position
    pay(alices, bobs, 3)
    worker.run()
    pay(alices, bobs, 3)
    receiver.answering = lambda handler, _: handler.answer(200)
    receiver.received.clear()
    about = {"client_id": endpoint.client_id, "endpoint_id": endpoint.id, "by": BY}
    endpoints.change_endpoint(**about, changes={"status": "ENABLED"})
    worker.run()
    expected = [
        each.id for each in events_after(begin, alices.client) if each.subject_id != endpoint.id
    ]
    assert sorted(ids(receiver)) == sorted(expected)
    for wallet in (alices, bobs):
        assert sent_of(wallet, receiver) == sorted(sent_of(wallet, receiver))


@pytest.mark.slow
def test_position_waits_when_everything_fails(client_with_many_wallets, receiver, worker):
    """The events that are not tried need no rows."""
    wallets = client_with_many_wallets
    endpoint = an_endpoint(wallets[0].client, to(receiver), kinds=["movement.*"])
    begin = stream_of(endpoint).position
    receiver.answering = lambda handler, _: handler.answer(500)
    for wallet in wallets:
        people.cash_in(wallet, 1_00)
    worker.run()
    for wallet in wallets:
        people.cash_in(wallet, 1_00)
    worker.run()
    rows = WebhookDelivery.objects.count()
    assert STALLED <= rows <= STALLED + 8 < len(wallets)
    assert stream_of(endpoint).position < last_position()
    make_due()
    worker.run()
    assert {*WebhookDelivery.objects.values_list("attempts", flat=True)} == {2}
    assert WebhookDelivery.objects.count() == rows
    receiver.answering = lambda handler, _: handler.answer(200)
    receiver.received.clear()
    make_due()
    worker.run()
    expected = [each.id for each in events_after(begin, wallets[0].client)]
    assert sorted(ids(receiver)) == sorted(expected)
    for wallet in wallets:
        assert sent_of(wallet, receiver) == sorted(sent_of(wallet, receiver))
    assert not WebhookDelivery.objects.exists()


@pytest.fixture
def client_with_many_wallets(alice):
    client = people.a_client("Many")
    users = [
        people.a_user(
            client,
            people.ALICE | {"user_name": f"a{number}", "mobile_phone": f"+346000001{number:02}"},
        )
        for number in range(40)
    ]
    return [people.first_wallet(user) for user in users]
