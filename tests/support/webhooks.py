"""Webhook endpoints of tests, and a worker in the thread of the test."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from tests.support import people
from tests.support.people import BY
from tests.support.receivers import Answering, Handler, Received, Receiver
from users.duties.webhooks import render_events, render_ping
from users.models import (
    Client,
    Event,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookStream,
)
from users.webhooks import endpoints
from users.webhooks.dispatch import Dispatcher
from users.webhooks.leases import LEASE, Lease, claim_streams
from wallets.models import Wallet

KINDS = ["*"]


def last_position() -> int:
    """The position of the last event: in the transaction of a test all are released."""
    return int(Event.objects.aggregate(last=Max("position"))["last"] or 0)


def an_endpoint(
    client: Client, url: str = "https://shop.example/hooks", *, enabled: bool = True, **values: Any
) -> WebhookEndpoint:
    """An endpoint that gets what happens from now on."""
    about = {"url": url, "kinds": KINDS, "ordering": "WALLET", "description": ""} | values
    endpoint = endpoints.create_endpoint(client_id=client.id, values=about, by=BY).endpoint
    endpoint.streams.update(position=last_position())
    if enabled:
        WebhookEndpoint.objects.filter(id=endpoint.id).update(
            status="ENABLED", verified_at=endpoint.created_at
        )
    endpoint.refresh_from_db()
    return endpoint


def an_attempt(endpoint: WebhookEndpoint, event_id: UUID, **values: Any) -> WebhookAttempt:
    """An attempt that was answered with 500, or with other values."""
    about = {"kind": "movement.settled", "number": 1, "milliseconds": 84, "status": 500}
    about |= {"failure": "STATUS", "answer": "broken", "created_at": timezone.now()} | values
    return WebhookAttempt.objects.create(endpoint=endpoint, event_id=event_id, **about)


def a_failed_delivery(endpoint: WebhookEndpoint, event: Event, **values: Any) -> WebhookDelivery:
    """A delivery whose last retry has failed, or with other values."""
    about = {"lane": event.wallet_id or event.subject_id, "position": event.position}
    about |= {"status": "FAILED", "attempts": 10, "failed_at": timezone.now()} | values
    return WebhookDelivery.objects.create(
        endpoint=endpoint, stream=stream_of(endpoint), event_id=event.id, **about
    )


def to(receiver: Receiver, path: str = "/hooks") -> str:
    return f"http://127.0.0.1:{receiver.port}{path}"


class Worker(Dispatcher):
    """Works in the thread of the test, on its connection."""

    def __init__(self) -> None:
        super().__init__(render_events, render_ping, last_position)

    def run(self) -> int:
        """Do all that is due; return the number of requests."""
        while leases := claim_streams(self.released(), 10):
            for lease in leases:
                self.leases[lease] = time.monotonic() + LEASE
                self.work(lease)
        sent, self.sent = self.sent, 0
        return sent

    def take(self) -> list[Lease]:
        """Take what is due, and do nothing."""
        leases = claim_streams(self.released(), 10)
        self.leases |= dict.fromkeys(leases, time.monotonic() + LEASE)
        return leases


def event_of(received: Received) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(received.body)
    return found


def ids(receiver: Receiver) -> list[UUID]:
    """The events that a receiver got, in their order."""
    return [UUID(each.headers["webhook-id"]) for each in receiver.received]


def events_after(position: int, client: Client) -> list[Event]:
    return [*Event.objects.filter(client=client, position__gt=position).order_by("position")]


def stream_of(endpoint: WebhookEndpoint) -> WebhookStream:
    """The live stream of an endpoint."""
    return endpoint.streams.get(until=None)


def make_due() -> None:
    """Let every waiting row be retried now."""
    waiting = WebhookDelivery.objects.filter(status="WAITING")
    waiting.update(next_attempt_at=timezone.now())


def refusing(wallet: Wallet) -> Answering:
    """Refuse the events of one wallet."""

    def answer(handler: Handler, received: Received) -> None:
        handler.answer(500 if event_of(received)["walletId"] == str(wallet.id) else 200)

    return answer


def pay(source: Wallet, target: Wallet, times: int = 1) -> None:
    """Make two events, some times."""
    for _ in range(times):
        people.transfer(source, target, 1)


def sent_of(wallet: Wallet, receiver: Receiver) -> list[int]:
    """The `seq` of each event of a wallet that a receiver got, in their order."""
    return [
        event_of(each)["data"]["seq"]
        for each in receiver.received
        if event_of(each)["walletId"] == str(wallet.id)
    ]
