"""The pages of webhook endpoints in the back office."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone
from uuid_utils.compat import uuid7

from tests.support.backoffice import Office, page_of
from tests.support.webhooks import a_failed_delivery, an_attempt, an_endpoint
from users.models import Client, Event, WebhookDelivery, WebhookEndpoint
from users.models.ids import new_id
from users.webhooks.secrets import valid_secrets
from wallets.dashboard import waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(staff: Any) -> Office:
    return Office(staff)


@pytest.fixture
def endpoint(alices: Any) -> WebhookEndpoint:
    return an_endpoint(alices.client)


@pytest.fixture
def event(endpoint: WebhookEndpoint) -> Event:
    return Event.objects.filter(client=endpoint.client_id, wallet_id__isnull=False).latest(
        "position"
    )


def do_action(office: Office, row: Model, name: str, **values: str) -> str:
    address = f"{page_of(row).removesuffix('change/')}action/{name}/"
    answer = office.browser.post(address, {"key": str(uuid7()), **values}, follow=True)
    return answer.content.decode()


def test_page_of_an_endpoint_shows_attempts_and_failures_without_its_secret(
    office, endpoint, event
):
    an_attempt(endpoint, event.id, status=503)
    a_failed_delivery(endpoint, event)
    page = office.get(page_of(endpoint))
    assert "503" in page
    assert str(event.id) in page
    assert f"<h1>{endpoint.url}</h1>" in page
    assert endpoint.secrets[0] not in page
    assert valid_secrets(endpoint)[0] not in page


def test_page_of_an_attempt_shows_request_and_answer(office, endpoint, event):
    page = office.get(page_of(an_attempt(endpoint, event.id)))
    assert "broken" in page
    assert str(event.wallet_id) in page


@pytest.mark.slow
def test_disabled_endpoint_has_a_banner_and_is_enabled(office, endpoint):
    WebhookEndpoint.objects.update(status="DISABLED", disabled_reason="FAILING")
    assert "errornote" in office.get(page_of(endpoint))
    assert "Endpoint enabled." in do_action(office, endpoint, "enable")
    endpoint.refresh_from_db()
    assert endpoint.status == "ENABLED"
    assert "errornote" not in office.get(page_of(endpoint))


def test_endpoint_is_disabled_by_staff(office, endpoint, staff):
    do_action(office, endpoint, "disable")
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("DISABLED", "STAFF")
    assert Event.objects.about(endpoint.id).latest("position").actor == f"staff:{staff.pk}"


def test_ping_is_asked_for(office, endpoint):
    assert "A ping is sent." in do_action(office, endpoint, "ping")
    endpoint.refresh_from_db()
    assert endpoint.ping_id


def test_event_of_a_delivery_is_resent(office, endpoint, event):
    failed = a_failed_delivery(endpoint, event)
    assert "The event is sent again." in do_action(office, failed, "resend")
    assert WebhookDelivery.objects.get().status == "WAITING"


def test_ping_is_not_resent(office, endpoint):
    attempt = an_attempt(endpoint, new_id(), kind="webhook.ping")
    assert "it was a ping" in do_action(office, attempt, "resend")
    assert not WebhookDelivery.objects.exists()


def test_period_is_replayed(office, endpoint):
    endpoint.streams.update(position=Event.objects.latest("position").position)
    period = {"from_time": "2020-01-01 00:00"}
    assert "are sent again" in do_action(office, endpoint, "replay", **period)
    assert endpoint.streams.filter(until__isnull=False).count() == 1


def test_contact_of_a_client_is_changed(office, client_demo):
    assert "Contact saved." in do_action(
        office, client_demo, "contact", contact="alice@example.com"
    )
    assert Client.objects.get(id=client_demo.id).contact == "alice@example.com"
    assert Event.objects.about(client_demo.id).latest("position").kind == "client.changed"


@pytest.mark.parametrize(
    ("reason", "number"), [("GONE", 1), ("FAILING", 1), ("CLIENT", 0), ("STAFF", 0)]
)
def test_today_shows_endpoints_that_their_receivers_disabled(staff, endpoint, reason, number):
    WebhookEndpoint.objects.update(status="DISABLED", disabled_reason=reason)
    shown = [tile for tile in waiting.tiles(staff, timezone.now()) if "Webhook" in str(tile.label)]
    assert len(shown) == number
