"""The duties of webhooks: mails about disabled endpoints, and old attempts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from iocash.worker import DUTIES
from iocash.worker.loop import load_duties
from tests.support import mail_server
from tests.support.mail_server import MailServer
from tests.support.people import BY
from tests.support.webhooks import an_attempt, an_endpoint
from users.duties import webhooks
from users.duties.webhooks import DeleteWebhookAttempts, MailAboutWebhooks
from users.models import Client, WebhookAttempt, WebhookEndpoint
from users.models.ids import new_id
from users.webhooks import endpoints

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server.of_digests(settings) as server:
        yield server


@pytest.fixture
def endpoint(client_demo: Client) -> WebhookEndpoint:
    Client.objects.update(contact="alice@example.com")
    return an_endpoint(client_demo)


def disable(endpoint: WebhookEndpoint, reason: str) -> None:
    endpoint.refresh_from_db()
    endpoints.disable(endpoint, reason, BY)


def test_worker_has_the_duties():
    load_duties()
    names = {"deliver-webhooks", "mail-about-webhooks", "delete-webhook-attempts"}
    assert names <= DUTIES.keys()


@pytest.mark.parametrize(
    ("reason", "words"),
    [("GONE", "410"), ("FAILING", "five days"), ("STAFF", "Staff disabled it")],
)
def test_client_gets_one_mail_about_a_disabled_endpoint(server, endpoint, reason, words):
    disable(endpoint, reason)
    duty = MailAboutWebhooks()
    assert [duty.perform(), duty.perform()] == [1, 0]
    (mail,) = server.received
    assert words in str(mail)
    assert endpoint.url in str(mail)
    assert "alice@example.com" in str(mail)


def test_client_that_disables_its_endpoint_gets_no_mail(server, endpoint):
    disable(endpoint, "CLIENT")
    assert MailAboutWebhooks().perform() == 0


def test_client_without_a_contact_gets_no_mail(server, endpoint):
    Client.objects.update(contact="")
    disable(endpoint, "GONE")
    assert MailAboutWebhooks().perform() == 1
    assert list(server.received) == []


def test_mail_that_is_not_taken_is_sent_later(server, endpoint, settings):
    disable(endpoint, "GONE")
    settings.EMAIL_PORT, right = 1, settings.EMAIL_PORT
    with pytest.raises(OSError, match="refused"):
        MailAboutWebhooks().perform()
    settings.EMAIL_PORT = right
    assert MailAboutWebhooks().perform() == 1
    assert len(server.received) == 1


def test_attempts_are_deleted_after_thirty_days(endpoint, monkeypatch):
    monkeypatch.setattr(webhooks, "DELETED_AT_ONCE", 3)
    now = timezone.now()
    old = [
        an_attempt(endpoint, new_id(), created_at=now - timedelta(days=31, minutes=-number))
        for number in range(5)
    ]
    young = an_attempt(endpoint, new_id(), created_at=now - timedelta(days=29))
    duty = DeleteWebhookAttempts()
    assert [duty.perform() for _ in range(3)] == [3, 2, 0]
    assert [each.id for each in WebhookAttempt.objects.all()] == [young.id]
    assert old
