"""The constraints of webhook endpoints, and which kinds of events patterns name."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tests.support.constraints import refused_by
from tests.support.webhooks import a_failed_delivery, an_attempt, an_endpoint
from users.models import (
    Event,
    WebhookDelivery,
    WebhookStream,
)
from users.models.ids import new_id
from users.models.webhooks import ALL_OF_WEBHOOKS, wanted

BROKEN = [
    ("endpoint", "webhook_endpoint_status_is_known", "status = 'BROKEN', disabled_reason = ''"),
    ("endpoint", "webhook_endpoint_ordering_is_known", "ordering = 'USER'"),
    ("endpoint", "webhook_endpoint_is_disabled_for_a_reason", "status = 'DISABLED'"),
    ("endpoint", "webhook_endpoint_is_disabled_for_a_reason", "disabled_reason = 'GONE'"),
    ("endpoint", "webhook_endpoint_is_enabled_once_verified", "verified_at = NULL"),
    ("endpoint", "webhook_endpoint_has_kinds", "kinds = '{}'"),
    ("endpoint", "webhook_endpoint_has_kinds", "kinds = array_fill('*'::text, ARRAY[51])"),
    ("endpoint", "webhook_endpoint_has_secrets", "secrets = '{}'"),
    ("endpoint", "webhook_endpoint_has_secrets", "secrets = '{a,b,c,d}'"),
    ("endpoint", "webhook_endpoint_has_an_https_url", "url = 'ftp://shop.example/'"),
    ("stream", "webhook_stream_is_within_its_end", "until = position - 1"),
    ("stream", "webhook_stream_ends_if_it_is_a_replay", "ended_at = now()"),
    ("delivery", "webhook_delivery_waits_for_a_time_or_has_failed", "status = 'WAITING'"),
    ("delivery", "webhook_delivery_waits_for_a_time_or_has_failed", "failed_at = NULL"),
    ("delivery", "webhook_delivery_waits_for_a_time_or_has_failed", "event_id = NULL"),
    ("delivery", "webhook_delivery_waits_for_a_time_or_has_failed", "status = 'SENT'"),
    ("attempt", "webhook_attempt_has_an_answer_or_a_failure", "status = NULL, failure = ''"),
]


@pytest.fixture
def rows(alices):
    endpoint = an_endpoint(alices.client)
    event = Event.objects.latest("position")
    return {
        "endpoint": endpoint,
        "stream": endpoint.streams.get(),
        "delivery": a_failed_delivery(endpoint, event),
        "attempt": an_attempt(endpoint, event.id),
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("table", "name", "change"), BROKEN)
def test_database_refuses_a_change_that_violates_a_constraint(rows, table, name, change):
    statement = f"UPDATE users_webhook{table} SET {change} WHERE id = %s"
    assert refused_by(statement, [rows[table].id]) == name


@pytest.mark.django_db
def test_endpoint_has_one_live_stream_and_any_number_of_replays(rows):
    about = {"endpoint": rows["endpoint"], "position": 1}
    for until in (5, 6):
        WebhookStream.objects.create(**about, until=until)
    with (
        pytest.raises(IntegrityError, match="webhook_endpoint_has_one_stream"),
        transaction.atomic(),
    ):
        WebhookStream.objects.create(**about)


@pytest.mark.django_db
def test_lane_waits_once(rows):
    about = {"endpoint": rows["endpoint"], "stream": rows["stream"], "lane": new_id()}
    about |= {"position": 1, "next_attempt_at": rows["endpoint"].created_at}
    WebhookDelivery.objects.create(**about)
    with pytest.raises(IntegrityError, match="webhook_lane_waits_once"), transaction.atomic():
        WebhookDelivery.objects.create(**about)


def test_every_constraint_of_webhooks_is_broken():
    declared = {
        constraint.name for model in ALL_OF_WEBHOOKS for constraint in model._meta.constraints
    }
    elsewhere = {"webhook_endpoint_has_one_stream", "webhook_lane_waits_once"}
    assert declared == {name for _, name, _ in BROKEN} | elsewhere


@pytest.mark.parametrize(
    ("kinds", "kind", "expected"),
    [
        (["*"], "movement.settled", True),
        (["movement.*"], "movement.settled", True),
        (["hold.placed", "movement.settled"], "movement.settled", True),
        (["movement.sent"], "movement.settled", False),
        (["wallet.*"], "wallets.opened", False),
        ([], "movement.settled", False),
    ],
)
def test_patterns_name_kinds(kinds, kind, expected):
    assert wanted(kinds, kind) is expected
