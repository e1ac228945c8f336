"""What clients and staff do with webhook endpoints. Nothing here sends a request: workers do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import DateTimeField, Func
from django.utils import timezone

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users import locking, signatures
from users.models import (
    Event,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookStream,
    events,
)
from users.models.barrier import Barrier, release_events
from users.models.events import By, EventKind, Fact
from users.models.fingerprints import Asked
from users.models.idempotency import claim
from users.models.ids import new_id
from users.models.versions import require_version
from users.models.webhooks import MOST_SECRETS
from users.webhooks.secrets import sealed, valid_secrets

Status = WebhookEndpoint.Status
Reason = WebhookEndpoint.Reason

MOST_ENDPOINTS: Final = 10
"""Endpoints of a client that are not disabled."""
MOST_REPLAYS: Final = 3
"""Replays of an endpoint at the same time."""
ROTATION: Final = timedelta(hours=24)
"""For how long former secrets still sign."""
WAITING: Final = WebhookDelivery.Status.WAITING


class RealTime(Func):
    """The real time of the database, which leases and attempts use."""

    function = "clock_timestamp"
    output_field = DateTimeField()


class MadeEndpoint(NamedTuple):
    """An endpoint, and its secret if it is new."""

    endpoint: WebhookEndpoint
    secret: str | None = None
    replayed: bool = False


def create_endpoint(
    *, client_id: UUID, values: Mapping[str, Any], by: By, key: str | None = None
) -> MadeEndpoint:
    """Create an endpoint, which gets no events until it has answered a ping.

    Its events begin now. A replay of the request does not get the secret again.

    Raises:
        IdempotencyKeyReused: the key was used for another request.
        WebhookEndpointLimitReached: the client has too many.
    """
    asked, secret = Asked("CreateWebhookEndpoint", values), signatures.new_secret()
    endpoint = WebhookEndpoint(id=new_id(), client_id=client_id, secrets=sealed(secret), **values)
    begin = release_events()
    with single_transaction():
        if key and (used := claim_endpoint(client_id, key, asked, endpoint.id)):
            known = WebhookEndpoint.objects.get(client=client_id, id=used)
            return MadeEndpoint(known, replayed=True)
        require_room(client_id)
        endpoint.save(force_insert=True)
        WebhookStream.objects.create(id=new_id(), endpoint=endpoint, position=begin)
        record_fact(endpoint, EventKind.WEBHOOK_ENDPOINT_CREATED, by)
    endpoint.refresh_from_db()
    return MadeEndpoint(endpoint, secret)


def claim_endpoint(client_id: UUID, key: str, asked: Asked, endpoint_id: UUID) -> UUID | None:
    return claim(client_id, key, asked, made="endpoint", made_id=endpoint_id, status=201)


def require_room(client_id: UUID) -> None:
    """Refuse (WebhookEndpointLimitReached) more endpoints than a client can have."""
    locking.lock_value(locking.ENDPOINTS, hashlib.sha256(client_id.bytes).digest())
    used = WebhookEndpoint.objects.owned_by(client_id).in_use().count()
    if used >= MOST_ENDPOINTS:
        raise errors.WebhookEndpointLimitReached(max_endpoints=MOST_ENDPOINTS, endpoints=used)


def record_fact(endpoint: WebhookEndpoint, kind: EventKind, by: By, **data: str) -> None:
    events.record_facts(fact(endpoint, kind, by, **data))


def fact(endpoint: WebhookEndpoint, kind: EventKind, by: By, **data: str) -> Fact:
    return Fact(endpoint.client_id, "endpoint", endpoint.id, kind, by, None, data)


def locked_endpoint(endpoint_id: UUID, client_id: UUID | None) -> WebhookEndpoint:
    """Lock an endpoint of a client; None, for staff: of any.

    Raises:
        NotFound: there is none.
    """
    found = WebhookEndpoint.objects.owned_by(client_id).locked(endpoint_id)
    if found is None:
        raise errors.NotFound()
    return found


# --- Changes -----------------------------------------------------------------------------------


def change_endpoint(
    *,
    client_id: UUID | None,
    endpoint_id: UUID,
    changes: Mapping[str, Any],
    by: By,
    if_match: frozenset[str] | None = None,
) -> WebhookEndpoint:
    """Change fields of an endpoint; what is so already changes nothing.

    A new URL must answer a ping before it gets events.

    Raises:
        NotFound: the client has no such endpoint.
        VersionConflict: the endpoint has changed since the caller read it.
        InvalidTransition: it can't have the status.
        WebhookEndpointLimitReached: it can't be enabled, because the client has too many.
    """
    others = {name: value for name, value in changes.items() if name != "status"}
    with single_transaction():
        endpoint = locked_endpoint(endpoint_id, client_id)
        require_version(endpoint.version, if_match, webhook_endpoint_id=endpoint.id)
        new = [name for name, value in others.items() if getattr(endpoint, name) != value]
        if new:
            set_fields(endpoint, {name: others[name] for name in new}, by)
        if (status := changes.get("status")) and status != endpoint.status:
            switch(endpoint, status, by)
    return endpoint


def set_fields(endpoint: WebhookEndpoint, values: Mapping[str, Any], by: By) -> None:
    more = ["updated_at"]
    if "kinds" in values:
        endpoint.kinds = values["kinds"]
    if "description" in values:
        endpoint.description = values["description"]
    if "url" in values:
        endpoint.url, endpoint.verified_at = values["url"], None
        if endpoint.status == Status.ENABLED:
            endpoint.status = Status.PENDING
        more += ["verified_at", "status"]
    endpoint.updated_at = clock.now()
    endpoint.save(update_fields=[*values, *more])
    names = ",".join(sorted(values))
    record_fact(endpoint, EventKind.WEBHOOK_ENDPOINT_CHANGED, by, fields=names)


def switch(endpoint: WebhookEndpoint, status: str, by: By) -> None:
    """Enable or disable an endpoint. It is locked.

    Raises:
        InvalidTransition: it has not answered a ping yet.
        WebhookEndpointLimitReached: the client has too many.
    """
    if status == Status.DISABLED:
        staff = by.actor.startswith(events.STAFF)
        disable(endpoint, Reason.STAFF if staff else Reason.CLIENT, by)
        return
    if status != Status.ENABLED or endpoint.verified_at is None:
        raise errors.InvalidTransition(
            webhook_endpoint_id=endpoint.id, status=endpoint.status, requested=status
        )
    require_room(endpoint.client_id)
    enable(endpoint, by)


STATE: Final = (
    "status",
    "disabled_reason",
    "failing_since",
    "failures",
    "paused_until",
    "mail_due",
    "updated_at",
)
"""The columns that `enable` and `disable` set."""


def enable(endpoint: WebhookEndpoint, by: By) -> None:
    """Go on where the endpoint stopped; what waits is due now. It is locked."""
    endpoint.status, endpoint.disabled_reason = Status.ENABLED, ""
    endpoint.failing_since, endpoint.failures, endpoint.paused_until = None, 0, None
    endpoint.mail_due, endpoint.updated_at = False, clock.now()
    endpoint.save(update_fields=[*STATE])
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, status=WAITING)
    waiting.update(attempts=0, next_attempt_at=RealTime())
    record_fact(endpoint, EventKind.WEBHOOK_ENDPOINT_ENABLED, by)


def disable(endpoint: WebhookEndpoint, reason: str, by: By) -> None:
    """Send nothing any more; events are kept. The client gets a mail if it did not ask for it."""
    endpoint.status, endpoint.disabled_reason = Status.DISABLED, reason
    endpoint.mail_due, endpoint.updated_at = reason != Reason.CLIENT, clock.now()
    endpoint.save(update_fields=[*STATE])
    record_fact(endpoint, EventKind.WEBHOOK_ENDPOINT_DISABLED, by, reason=reason)


def forget_failures(client_id: UUID) -> None:
    """Begin anew with the endpoints of a client that is active again.

    Nothing was sent while it was suspended, so this time counts for no endpoint as one of failures.
    """
    mine = WebhookEndpoint.objects.owned_by(client_id)
    mine.update(failing_since=None, failures=0, paused_until=None)


def rotate_secret(
    *, client_id: UUID | None, endpoint_id: UUID, by: By, key: str | None = None
) -> MadeEndpoint:
    """Give an endpoint a new secret; former ones sign too for 24 hours.

    A replay of the request rotates nothing, and does not get the secret again.

    Raises:
        NotFound: the client has no such endpoint.
        IdempotencyKeyReused: the key was used for another request.
    """
    secret = signatures.new_secret()
    with single_transaction():
        endpoint = locked_endpoint(endpoint_id, client_id)
        if is_replay(endpoint, key, Asked("RotateWebhookSecret", {"endpoint": endpoint.id}), 200):
            return MadeEndpoint(endpoint, replayed=True)
        endpoint.secrets = sealed(secret, *valid_secrets(endpoint))[:MOST_SECRETS]
        endpoint.secrets_until = timezone.now() + ROTATION
        endpoint.save(update_fields=["secrets", "secrets_until"])
        record_fact(endpoint, EventKind.WEBHOOK_ENDPOINT_SECRET_ROTATED, by)
    return MadeEndpoint(endpoint, secret)


# --- Sending -----------------------------------------------------------------------------------


def is_replay(endpoint: WebhookEndpoint, key: str | None, asked: Asked, status: int = 202) -> bool:
    """Whether the key was used for this request about the endpoint, which is locked.

    If it was not, the key is stored.

    Raises:
        IdempotencyKeyReused: it was used for another request.
    """
    if not key:
        return False
    used = claim(
        endpoint.client_id, key, asked, made="endpoint", made_id=endpoint.id, status=status
    )
    return used is not None


def request_ping(
    *, client_id: UUID | None, endpoint_id: UUID, key: str | None = None
) -> MadeEndpoint:
    """Have a worker send a ping. A successful answer enables an endpoint that is PENDING.

    Raises:
        NotFound: the client has no such endpoint.
        IdempotencyKeyReused: the key was used for another request.
    """
    with single_transaction():
        endpoint = locked_endpoint(endpoint_id, client_id)
        if is_replay(endpoint, key, Asked("PingWebhookEndpoint", {"endpoint": endpoint.id})):
            return MadeEndpoint(endpoint, replayed=True)
        endpoint.ping_id = new_id()
        endpoint.save(update_fields=["ping_id"])
    return MadeEndpoint(endpoint)


def request_resend(
    *, client_id: UUID | None, endpoint_id: UUID, event_id: UUID, key: str | None = None
) -> MadeEndpoint:
    """Have a worker send one event again, or, if it is waiting, now.

    Raises:
        NotFound: the client has no such endpoint.
        IdempotencyKeyReused: the key was used for another request.
        InvalidFields: the client has no such event.
        InvalidTransition: the endpoint is not enabled.
    """
    with single_transaction():
        endpoint = locked_endpoint(endpoint_id, client_id)
        values = {"endpoint": endpoint.id, "event": event_id}
        if is_replay(endpoint, key, Asked("ResendWebhookEvent", values)):
            return MadeEndpoint(endpoint, replayed=True)
        require_enabled(endpoint)
        event = event_of(endpoint, event_id, "eventId")
        about = WebhookDelivery.objects.filter(endpoint=endpoint, event_id=event_id)
        waiting = about.filter(status=WAITING)
        if waiting.update(next_attempt_at=RealTime()):
            return MadeEndpoint(endpoint)
        about.delete()
        WebhookDelivery.objects.create(
            id=new_id(),
            endpoint=endpoint,
            stream=endpoint.streams.get(until=None),
            lane=event.id,
            position=event.position,
            event_id=event.id,
            next_attempt_at=RealTime(),
        )
    return MadeEndpoint(endpoint)


def require_enabled(endpoint: WebhookEndpoint) -> None:
    if endpoint.status != Status.ENABLED:
        raise errors.InvalidTransition(
            webhook_endpoint_id=endpoint.id, status=endpoint.status, requested=Status.ENABLED
        )


def event_of(endpoint: WebhookEndpoint, event_id: UUID, field: str) -> Event:
    """A released event of the endpoint's client.

    Raises:
        InvalidFields: there is none.
    """
    found = Event.objects.filter(client=endpoint.client_id, id=event_id).first()
    if found is None or found.position > released():
        raise errors.InvalidFields(errors.FieldError(field, "unknown", "There is no such event."))
    return found


def released() -> int:
    return Barrier.objects.values_list("released_position", flat=True).get()


def request_replay(
    *, client_id: UUID | None, endpoint_id: UUID, values: Mapping[str, Any], key: str | None = None
) -> MadeEndpoint:
    """Have workers send events again, in order, from an event or a time on.

    It ends at `until`, or at the present. Meanwhile new events are sent as usual.

    Raises:
        NotFound: the client has no such endpoint.
        IdempotencyKeyReused: the key was used for another request.
        InvalidFields: the client has no such event, or the period is empty.
        InvalidTransition: the endpoint is not enabled.
        ReplayLimitReached: too many replays of the endpoint have not ended.
    """
    release_events()
    with single_transaction():
        endpoint = locked_endpoint(endpoint_id, client_id)
        asked = Asked("ReplayWebhookEvents", {"endpoint": endpoint.id, **values})
        if is_replay(endpoint, key, asked):
            return MadeEndpoint(endpoint, replayed=True)
        require_enabled(endpoint)
        live = endpoint.streams.get(until=None)
        until = live.position
        if values.get("until"):
            until = min(until, events.position_before(endpoint.client_id, values["until"], until))
        begin = until
        if values.get("from_event"):
            begin = event_of(endpoint, values["from_event"], "fromEvent").position - 1
        elif values.get("from_time"):
            begin = events.position_before(endpoint.client_id, values["from_time"], until)
        require_few_replays(endpoint)
        if begin < until:
            WebhookStream.objects.create(
                id=new_id(), endpoint=endpoint, position=begin, until=until
            )
    return MadeEndpoint(endpoint)


def require_few_replays(endpoint: WebhookEndpoint) -> None:
    running = endpoint.streams.filter(until__isnull=False, ended_at=None).count()
    if running >= MOST_REPLAYS:
        raise errors.ReplayLimitReached(
            webhook_endpoint_id=endpoint.id, max_replays=MOST_REPLAYS, replays=running
        )
