"""The duties of webhooks: deliver events, tell clients about disabled endpoints, and clean up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from smtplib import SMTPException
from typing import Final
from uuid import UUID

import orjson
from django.conf import settings
from django.core.mail import send_mail
from django.utils import timezone

from iocash.times import moment
from iocash.worker import Duty
from users.duties.periods import PeriodicDuty
from users.models import Event, WebhookAttempt, WebhookEndpoint
from users.models.clients import IS_AWAY
from users.serializers.event_bodies import messages
from users.webhooks.attempts import Outgoing
from users.webhooks.dispatch import Dispatcher
from users.webhooks.secrets import reseal_secrets

KEPT: Final = timedelta(days=30)
"""How long attempts are kept."""
DELETED_AT_ONCE: Final = 5_000
MAILS_AT_ONCE: Final = 20
STEP: Final = 0.1
"""Seconds between two looks for streams with something to do."""


def render_events(events: Sequence[Event]) -> list[bytes]:
    """The bodies of requests: events as the API shows them, without links."""
    return [*map(orjson.dumps, messages(events))] if events else []


def render_ping(endpoint: WebhookEndpoint) -> Outgoing:
    """A ping: it has the form of an event, and is none."""
    ping_id = endpoint.ping_id or UUID(int=0)
    body = {
        "id": str(ping_id),
        "kind": "webhook.ping",
        "version": 1,
        "createdAt": moment(datetime.now(UTC)),
        "subject": "webhook_endpoint",
        "subjectId": str(endpoint.id),
        "data": {},
    }
    return Outgoing(ping_id, "webhook.ping", orjson.dumps(body))


class DeliverWebhooks(Duty):
    """Send events to the webhook endpoints of clients.

    Threads send them; see `users.webhooks.dispatch`. A step takes what is due, and waits for none
    of them.
    """

    name = "deliver-webhooks"
    every = STEP
    stepped_at = 0.0

    @cached_property
    def dispatcher(self) -> Dispatcher:
        return Dispatcher(render_events, render_ping)

    def perform(self) -> int:
        """Take streams with something to do; return how many requests were sent."""
        pause = self.stepped_at + STEP - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        self.stepped_at = time.monotonic()
        return self.dispatcher.step() or int(self.dispatcher.is_busy)


class MailAboutWebhooks(PeriodicDuty):
    """Tell clients by mail that an endpoint was disabled.

    No transaction is open while the mail server is asked: it would hold back all events. So one
    process sends mails at a time, and one that is killed may have sent a mail which is sent again.
    """

    name = "mail-about-webhooks"
    every = 5.0

    def perform_period(self) -> int:
        """Send what is due. A mail that is not taken stops no other, and is tried again.

        Raises:
            OSError, SMTPException: the mail server did not take a mail.
            ValueError: a contact is no address.
        """
        due = (
            WebhookEndpoint.objects.filter(mail_due=True).exclude(IS_AWAY).select_related("client")
        )
        done, failures = 0, []
        for endpoint in due.order_by("updated_at")[:MAILS_AT_ONCE]:
            self.require_time()
            try:
                mail_about(endpoint)
            except (OSError, SMTPException, ValueError) as error:
                failures.append(error)
            else:
                note_mail(endpoint)
                done += 1
        if failures:
            raise failures[0]
        return done

    def next_due_at(self, now: datetime, done: int) -> datetime:
        return now


def mail_about(endpoint: WebhookEndpoint) -> None:
    contact = endpoint.client.contact
    if contact and settings.HAS_MAIL_SERVER:
        send_mail(*text_of_mail(endpoint), None, [contact])


def note_mail(endpoint: WebhookEndpoint) -> None:
    """Record that the mail was sent, unless the endpoint was disabled again meanwhile."""
    same = WebhookEndpoint.objects.filter(id=endpoint.id, updated_at=endpoint.updated_at)
    same.update(mail_due=False)


REASONS: Final = {
    WebhookEndpoint.Reason.GONE: "It answered with the status 410 (Gone).",
    WebhookEndpoint.Reason.FAILING: "No request to it has succeeded for five days.",
    WebhookEndpoint.Reason.STAFF: "Staff disabled it.",
}


def text_of_mail(endpoint: WebhookEndpoint) -> tuple[str, str]:
    """The subject and the text of a mail about a disabled endpoint."""
    reason = REASONS.get(WebhookEndpoint.Reason(endpoint.disabled_reason), "")
    text = (
        f"The webhook endpoint {endpoint.url} was disabled. {reason}\n\n"
        "Events are kept. When the receiver works again, enable the endpoint: PATCH "
        f'/api/v1/webhook-endpoints/{endpoint.id} {{"status": "ENABLED"}}.\n'
    )
    return "Your webhook endpoint was disabled", text


class ResealSecrets(Duty):
    """Encrypt secrets of endpoints with the present SECRET_KEY while former ones are accepted."""

    name = "reseal-secrets"
    every = 60.0

    def perform(self) -> int:
        """Return how many endpoints were changed.

        Raises:
            InvalidToken: a secret was encrypted with a key that is no longer in the settings.
        """
        return reseal_secrets() if settings.SECRET_KEY_FALLBACKS else 0


class DeleteWebhookAttempts(Duty):
    """Delete attempts that are older than 30 days."""

    name = "delete-webhook-attempts"
    every = 60.0

    def perform(self) -> int:
        """Delete the oldest ones. Their ids are in the order of their times."""
        oldest = WebhookAttempt.objects.order_by("id").values_list("id", "created_at")
        until = timezone.now() - KEPT
        ids = [id_ for id_, then in oldest[:DELETED_AT_ONCE] if then < until]
        if ids:
            WebhookAttempt.objects.filter(id__in=ids).delete()
        return len(ids)
