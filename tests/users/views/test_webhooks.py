"""The endpoints of webhook endpoints."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from tests.support import people
from tests.support.people import Api
from tests.support.webhooks import an_endpoint
from users.models import Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookStream
from users.models.ids import new_id
from users.signatures import secret_bytes
from users.webhooks.secrets import valid_secrets

pytestmark = pytest.mark.django_db

PATH = "webhook-endpoints"
BODY = {"url": "https://shop.example/hooks", "kinds": ["movement.*"]}


@pytest.fixture
def endpoint(client_demo):
    return an_endpoint(client_demo)


def at(endpoint: WebhookEndpoint, below: str = "") -> str:
    return f"{PATH}/{endpoint.id}{below}"


# --- Creating -----------------------------------------------------------------------------------


def test_new_endpoint_is_pending_and_its_secret_is_shown(api):
    answer = api.post(PATH, BODY | {"description": "Shop", "ordering": "NONE"})
    assert answer.status == 201
    kept = WebhookEndpoint.objects.get()
    assert answer.headers["Location"].endswith(f"/{PATH}/{kept.id}")
    assert answer.json["status"] == "PENDING"
    assert (answer.json["description"], answer.json["ordering"]) == ("Shop", "NONE")
    assert answer.json["secret"] == valid_secrets(kept)[0]
    assert len(secret_bytes(valid_secrets(kept)[0])) == 32
    assert Event.objects.get(subject_id=kept.id).kind == "webhook_endpoint.created"
    assert kept.streams.get().until is None


def test_secret_is_shown_once(api):
    created = api.post(PATH, BODY, key="k").json
    assert "secret" not in api.get(f"{PATH}/{created['id']}").json
    assert "secret" not in api.get(PATH).json["_embedded"]["webhookEndpoints"][0]
    again = api.post(PATH, BODY, key="k")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert (again.json["id"], again.json["secret"]) == (created["id"], None)
    assert WebhookEndpoint.objects.count() == 1


def test_key_of_another_request_is_refused(api):
    api.post(PATH, BODY, key="k")
    answer = api.post(PATH, BODY | {"kinds": ["*"]}, key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"url": "http://shop.example/"}, {"url": "invalid"}),
        ({"url": "https://10.0.0.1/"}, {"url": "invalid"}),
        ({"url": "https://shop.example:22/"}, {"url": "invalid"}),
        ({"url": "https://a:b@shop.example/"}, {"url": "invalid"}),
        ({"url": "https://[::1]/"}, {"url": "invalid"}),
        ({"url": 5}, {"url": "invalid"}),
        ({"kinds": []}, {"kinds": "min_length"}),
        ({"kinds": "movement.*"}, {"kinds": "invalid"}),
        ({"kinds": ["movement"]}, {"kinds": "invalid"}),
        ({"kinds": ["movement.unknown"]}, {"kinds": "invalid"}),
        ({"kinds": ["unknown.*"]}, {"kinds": "invalid"}),
        ({"kinds": ["*.settled"]}, {"kinds": "invalid"}),
        ({"kinds": [5]}, {"kinds": "invalid"}),
        ({"kinds": ["*"] * 51}, {"kinds": "max_length"}),
        ({"ordering": "USER"}, {"ordering": "invalid_choice"}),
        ({"description": "a" * 141}, {"description": "max_length"}),
        ({"more": 1}, {"more": "unknown_field"}),
    ],
)
def test_wrong_fields_are_named(api, settings, changes, wrong):
    settings.WEBHOOK_LOOPBACK = False
    answer = api.post(PATH, BODY | changes)
    assert (answer.status, answer.wrong) == (400, wrong)


def test_client_has_a_limited_number_of_endpoints(api, client_demo):
    made = [an_endpoint(client_demo) for _ in range(10)]
    answer = api.post(PATH, BODY)
    assert (answer.status, answer.code) == (409, "webhook_endpoint_limit_reached")
    assert answer.json["conflict"] == {"maxEndpoints": 10, "endpoints": 10}
    assert api.patch(at(made[0]), {"status": "DISABLED"}).status == 200
    assert api.post(PATH, BODY).status == 201
    assert api.patch(at(made[0]), {"status": "ENABLED"}).code == "webhook_endpoint_limit_reached"


# --- Reading ------------------------------------------------------------------------------------


def test_list_has_the_endpoints_of_the_client(api, endpoint):
    an_endpoint(people.a_client("Another"))
    disabled = an_endpoint(endpoint.client, enabled=False)
    shown = api.get(PATH).json["_embedded"]["webhookEndpoints"]
    assert [each["id"] for each in shown] == [str(disabled.id), str(endpoint.id)]
    pending = api.get(f"{PATH}?status=PENDING").json["_embedded"]["webhookEndpoints"]
    assert [each["id"] for each in pending] == [str(disabled.id)]


def test_another_client_gets_404(stranger, endpoint):
    answers = [
        stranger.get(at(endpoint)),
        stranger.patch(at(endpoint), {"status": "DISABLED"}),
        stranger.get(at(endpoint, "/attempts")),
        stranger.post(at(endpoint, "/ping")),
        stranger.post(at(endpoint, "/rotate-secret")),
        stranger.post(at(endpoint, "/resend"), {"eventId": str(uuid4())}),
        stranger.post(at(endpoint, "/replay"), {"fromTime": "2026-01-01"}),
    ]
    assert {each.status for each in answers} == {404}


def test_scope_is_needed(client_demo, endpoint, nobody):
    assert nobody.get(PATH).status == 401
    reader = Api(people.a_key(client_demo, "events:read"))
    assert reader.get(at(endpoint)).status == 200
    assert reader.post(PATH, BODY).code == "insufficient_scope"
    assert reader.post(at(endpoint, "/rotate-secret")).code == "insufficient_scope"
    other = Api(people.a_key(client_demo, "users:read"))
    assert other.get(PATH).code == "insufficient_scope"


def test_attempts_are_listed_with_their_answers(api, endpoint):
    event = new_id()
    about = {"endpoint": endpoint, "kind": "movement.settled", "milliseconds": 84}
    for number in (1, 2):
        WebhookAttempt.objects.create(
            **about,
            event_id=event,
            number=number,
            created_at=timezone.now() + timedelta(seconds=number),
            status=500 if number == 1 else 200,
            failure="STATUS" if number == 1 else "",
            answer="broken" if number == 1 else "",
        )
    WebhookAttempt.objects.create(
        **about, event_id=new_id(), number=1, created_at=timezone.now(), failure="TIMEOUT"
    )
    shown = api.get(at(endpoint, f"/attempts?eventId={event}")).json["_embedded"]["attempts"]
    assert [(each["number"], each["status"], each["failure"]) for each in shown] == [
        (2, 200, None),
        (1, 500, "STATUS"),
    ]
    assert shown[1]["answer"] == "broken"
    assert len(api.get(at(endpoint, "/attempts")).json["_embedded"]["attempts"]) == 3


# --- Changing -----------------------------------------------------------------------------------


def test_endpoint_is_disabled_and_enabled(api, endpoint):
    answer = api.patch(at(endpoint), {"status": "DISABLED"})
    assert (answer.json["status"], answer.json["disabledReason"]) == ("DISABLED", "CLIENT")
    answer = api.patch(at(endpoint), {"status": "ENABLED"})
    assert (answer.json["status"], answer.json["disabledReason"]) == ("ENABLED", None)
    kinds = Event.objects.about(endpoint.id).values_list("kind", flat=True)
    assert [*kinds][1:] == ["webhook_endpoint.disabled", "webhook_endpoint.enabled"]


def test_same_status_changes_nothing(api, endpoint):
    before = Event.objects.count()
    answer = api.patch(at(endpoint), {"status": "ENABLED", "kinds": endpoint.kinds})
    assert answer.status == 200
    assert Event.objects.count() == before


def test_endpoint_that_has_answered_no_ping_can_not_be_enabled(api, client_demo):
    endpoint = an_endpoint(client_demo, enabled=False)
    for _ in range(2):
        answer = api.patch(at(endpoint), {"status": "ENABLED"})
        assert (answer.status, answer.code) == (409, "invalid_transition")
        api.patch(at(endpoint), {"status": "DISABLED"})


def test_new_url_must_answer_a_ping(api, endpoint):
    answer = api.patch(at(endpoint), {"url": "https://other.example/"})
    assert (answer.json["url"], answer.json["status"]) == ("https://other.example/", "PENDING")
    changed = Event.objects.about(endpoint.id).latest("position")
    assert changed.data == {"fields": "url"}
    answer = api.patch(at(endpoint), {"url": "https://third.example/", "status": "ENABLED"})
    assert answer.code == "invalid_transition"
    endpoint.refresh_from_db()
    assert endpoint.url == "https://other.example/"


def test_change_of_another_version_is_refused(api, endpoint):
    tag = api.get(at(endpoint)).headers["ETag"]
    api.patch(at(endpoint), {"description": "New"}, headers={"If-Match": tag})
    answer = api.patch(at(endpoint), {"description": "Newer"}, headers={"If-Match": tag})
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert answer.json["conflict"]["webhookEndpointId"] == str(endpoint.id)


def test_status_can_not_be_set_to_pending(api, endpoint):
    assert api.patch(at(endpoint), {"status": "PENDING"}).wrong == {"status": "invalid_choice"}


def test_ordering_can_not_be_changed(api, endpoint):
    assert api.patch(at(endpoint), {"ordering": "NONE"}).wrong == {"ordering": "unknown_field"}


def test_rotation_shows_a_new_secret_and_keeps_the_former_for_a_day(api, endpoint):
    secrets = valid_secrets(endpoint)
    for _ in range(3):
        answer = api.post(at(endpoint, "/rotate-secret"))
        assert answer.status == 200
        secrets.insert(0, answer.json["secret"])
    endpoint.refresh_from_db()
    assert valid_secrets(endpoint) == secrets[:3]
    assert timedelta(hours=23) < endpoint.secrets_until - timezone.now() < timedelta(hours=25)


# --- Sending ------------------------------------------------------------------------------------


def test_ping_is_asked_for(api, endpoint):
    answer = api.post(at(endpoint, "/ping"))
    assert answer.status == 202
    endpoint.refresh_from_db()
    assert endpoint.ping_id


def test_event_is_resent(api, endpoint, alices):
    event = Event.objects.filter(client=endpoint.client_id).latest("position")
    assert api.post(at(endpoint, "/resend"), {"eventId": str(event.id)}).status == 202
    assert WebhookDelivery.objects.get().event_id == event.id
    answer = api.post(at(endpoint, "/resend"), {"eventId": str(uuid4())})
    assert (answer.status, answer.wrong) == (400, {"eventId": "unknown"})
    assert api.post(at(endpoint, "/resend"), {}).wrong == {"eventId": "required"}


def test_disabled_endpoint_sends_nothing_again(api, endpoint, alices):
    api.patch(at(endpoint), {"status": "DISABLED"})
    event = Event.objects.filter(client=endpoint.client_id).earliest("position")
    for path, body in (
        ("/resend", {"eventId": str(event.id)}),
        ("/replay", {"fromEvent": str(event.id)}),
    ):
        assert api.post(at(endpoint, path), body).code == "invalid_transition"


def test_replay_begins_at_an_event_or_a_time(api, endpoint, alices):
    event = Event.objects.filter(client=endpoint.client_id).earliest("position")
    answer = api.post(at(endpoint, "/replay"), {"fromEvent": str(event.id)})
    assert answer.status == 202
    assert endpoint.streams.get(until__isnull=False).position == event.position - 1
    for body, wrong in (
        ({}, {"fromEvent": "required"}),
        ({"fromEvent": str(event.id), "fromTime": "2026-01-01"}, {"fromEvent": "required"}),
        ({"fromTime": "yesterday"}, {"fromTime": "invalid"}),
        ({"fromEvent": str(uuid4())}, {"fromEvent": "unknown"}),
    ):
        assert api.post(at(endpoint, "/replay"), body).wrong == wrong


def test_few_replays_run_at_the_same_time(api, endpoint, alices):
    event = Event.objects.filter(client=endpoint.client_id).earliest("position")
    body = {"fromEvent": str(event.id)}
    for _ in range(3):
        assert api.post(at(endpoint, "/replay"), body).status == 202
    answer = api.post(at(endpoint, "/replay"), body)
    assert (answer.status, answer.code) == (409, "replay_limit_reached")


def test_replay_of_an_empty_period_makes_nothing(api, endpoint, alices):
    body = {"fromTime": "2030-01-01", "until": "2029-01-01"}
    assert api.post(at(endpoint, "/replay"), body).status == 202
    assert endpoint.streams.count() == 1


# --- Idempotency keys ---------------------------------------------------------------------------


def test_rotation_with_the_same_key_rotates_once(api, endpoint):
    first = api.post(at(endpoint, "/rotate-secret"), key="r1")
    again = api.post(at(endpoint, "/rotate-secret"), key="r1")
    assert (first.status, again.status, again.json["secret"]) == (200, 200, None)
    assert again.headers["Idempotent-Replayed"] == "true"
    endpoint.refresh_from_db()
    assert valid_secrets(endpoint)[0] == first.json["secret"]
    assert len(endpoint.secrets) == 2
    assert api.post(at(endpoint, "/rotate-secret"), key="r2").json["secret"]


def test_ping_with_the_same_key_is_asked_for_once(api, endpoint):
    api.post(at(endpoint, "/ping"), key="p")
    WebhookEndpoint.objects.update(ping_id=None)
    again = api.post(at(endpoint, "/ping"), key="p")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert WebhookEndpoint.objects.get().ping_id is None


def test_resend_with_the_same_key_sends_once_also_when_the_endpoint_is_disabled(api, endpoint):
    event = Event.objects.filter(client=endpoint.client_id).latest("position")
    body = {"eventId": str(event.id)}
    api.post(at(endpoint, "/resend"), body, key="e")
    WebhookDelivery.objects.all().delete()
    api.patch(at(endpoint), {"status": "DISABLED"})
    again = api.post(at(endpoint, "/resend"), body, key="e")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert not WebhookDelivery.objects.exists()


def test_replay_with_the_same_key_begins_once(api, endpoint, alices):
    event = Event.objects.filter(client=endpoint.client_id).earliest("position")
    before = WebhookStream.objects.count()
    for _ in range(2):
        body = {"fromEvent": str(event.id)}
        assert api.post(at(endpoint, "/replay"), body, key="y").status == 202
    assert WebhookStream.objects.count() == before + 1


@pytest.mark.parametrize("path", ["/ping", "/rotate-secret"])
def test_key_of_another_endpoint_is_refused(api, client_demo, endpoint, path):
    api.post(at(endpoint, path), key="k")
    other = an_endpoint(client_demo, "https://other.example/hooks")
    answer = api.post(at(other, path), key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")


def test_refused_resend_leaves_its_key_unused(api, endpoint, alices):
    event = Event.objects.filter(client=endpoint.client_id).latest("position")
    assert api.post(at(endpoint, "/resend"), {"eventId": str(uuid4())}, key="k").status == 400
    answer = api.post(at(endpoint, "/resend"), {"eventId": str(event.id)}, key="k")
    assert (answer.status, "Idempotent-Replayed" in answer.headers) == (202, False)
