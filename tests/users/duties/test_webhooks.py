"""The duties of webhooks: mails about disabled endpoints, and old attempts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from iocash.worker import DUTIES
from iocash.worker.loop import load_duties
from tests.support import mail_server, people
from tests.support.mail_server import MailServer
from tests.support.people import BY
from tests.support.webhooks import an_attempt, an_endpoint
from users.duties import webhooks
from users.duties.webhooks import DeleteWebhookAttempts, MailAboutWebhooks
from users.models import Client, DutyState, WebhookAttempt, WebhookEndpoint
from users.models.ids import new_id
from users.webhooks import endpoints

pytestmark = pytest.mark.django_db

OLD = "2020-01-01T00:00:00Z"


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_client_that_disables_its_endpoint_gets_no_mail(server, endpoint):
    disable(endpoint, "CLIENT")
    assert MailAboutWebhooks().perform() == 0


@pytest.mark.slow
def test_client_without_a_contact_gets_no_mail(server, endpoint):
    Client.objects.update(contact="")
    disable(endpoint, "GONE")
    assert MailAboutWebhooks().perform() == 1
    assert list(server.received) == []


@pytest.mark.slow
def test_mail_that_is_not_taken_is_sent_later(server, endpoint, settings):
    disable(endpoint, "GONE")
    settings.EMAIL_PORT, right = 1, settings.EMAIL_PORT
    with pytest.raises(OSError, match="refused"):
        MailAboutWebhooks().perform()
    settings.EMAIL_PORT = right
    assert MailAboutWebhooks().perform() == 1
    assert len(server.received) == 1


@pytest.mark.slow
def test_mail_that_is_not_taken_stops_no_other(server, endpoint, client_demo):
    disable(endpoint, "GONE")
    refused = people.a_client("Refused")
    Client.objects.filter(id=refused.id).update(contact="no address\n@")
    first = an_endpoint(refused)
    disable(first, "GONE")
    WebhookEndpoint.objects.filter(id=first.id).update(updated_at=OLD)
    with pytest.raises(ValueError, match="Invalid address"):
        MailAboutWebhooks().perform()
    assert len(server.received) == 1


@pytest.mark.slow
def test_mail_of_a_killed_process_is_sent_again(server, endpoint, monkeypatch):
    """It was sent, and the process was killed before it had written so."""

    def die(endpoint: WebhookEndpoint) -> None:
        raise KeyboardInterrupt

    disable(endpoint, "GONE")
    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "note_mail", die)
        with pytest.raises(KeyboardInterrupt):
            MailAboutWebhooks().perform()
    duty = MailAboutWebhooks()
    assert [duty.perform(), duty.perform()] == [1, 0]
    assert len(server.received) == 2


@pytest.mark.slow
def test_endpoint_that_is_disabled_again_gets_another_mail(server, endpoint, monkeypatch):
    disable(endpoint, "GONE")
    known = WebhookEndpoint.objects.get(id=endpoint.id)
    disable(endpoint, "FAILING")
    webhooks.note_mail(known)
    assert MailAboutWebhooks().perform() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_mail_server_is_asked(server, endpoint, monkeypatch):
    """It would hold back all events."""
    real, numbers = webhooks.mail_about, []

    def look(about: WebhookEndpoint) -> None:
        numbers.append((connection.in_atomic_block, is_numbered()))
        real(about)

    disable(endpoint, "GONE")
    monkeypatch.setattr(webhooks, "mail_about", look)
    assert MailAboutWebhooks().perform() == 1
    assert numbers == [(False, False)]


def is_numbered() -> bool:
    """Whether a transaction of this connection has a number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
        return bool(cursor.fetchone()[0])


@pytest.mark.slow
def test_two_processes_mail_once(server, endpoint):
    disable(endpoint, "GONE")
    DutyState.objects.plan("mail-about-webhooks", timezone.now() - timedelta(days=1))
    assert DutyState.objects.claim("mail-about-webhooks", new_id(), timedelta(minutes=1))
    assert MailAboutWebhooks().perform() == 0


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
