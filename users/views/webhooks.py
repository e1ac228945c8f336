"""Webhook endpoints: the URLs of a client that get its events."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors
from iocash.http import fields
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.pages import Listing, Pages, Parts
from iocash.http.rendering import Response
from iocash.http.views import Accepted, Created
from users.models import WebhookAttempt, WebhookEndpoint
from users.models.webhooks import WebhookEndpointQuerySet
from users.serializers.users import Nothing
from users.serializers.webhooks import (
    ReplayBody,
    ResendBody,
    WebhookAttemptAnswer,
    WebhookAttemptQuery,
    WebhookEndpointAnswer,
    WebhookEndpointBody,
    WebhookEndpointChange,
    WebhookEndpointQuery,
    WebhookEndpointSecretAnswer,
)
from users.views.lists import ReleasedPages
from users.views.users import REPLAYED, ClientView
from users.webhooks import endpoints
from users.webhooks.endpoints import MadeEndpoint

OF_STAFF = ("users.change_webhookendpoint",)


class WebhookView(ClientView):
    """A view of webhook endpoints."""

    scope = "events"
    model: ClassVar[type[Model]] = WebhookEndpoint
    serializer_class: type[fields.Serializer] = WebhookEndpointAnswer
    path_fields = {"endpoint_id": fields.Id(help_text="The id of the webhook endpoint.")}

    def endpoints(self) -> WebhookEndpointQuerySet:
        return WebhookEndpoint.objects.owned_by(self.caller.client_id)

    def endpoint(self, endpoint_id: UUID) -> WebhookEndpoint:
        return get_object_or_404(self.endpoints(), id=endpoint_id)

    def where(self, endpoint_id: UUID) -> str:
        return location(self.request, "webhook-endpoint", endpoint_id=endpoint_id)

    def requested(
        self, request: Callable[..., MadeEndpoint], endpoint_id: UUID, **about: Any
    ) -> Response:
        """Answer what a worker will do."""
        client_id = self.caller.client_id
        made = self.do(request, client_id=client_id, endpoint_id=endpoint_id, key=self.key, **about)
        headers = REPLAYED if made.replayed else {}
        return Accepted(self.show(made.endpoint), self.where(endpoint_id), headers=headers)


class WebhookEndpointListView(WebhookView):
    """The webhook endpoints of the client."""

    title = "Webhook endpoints"
    collection = "webhookEndpoints"
    pagination_class = ReleasedPages
    versioned = True

    @operation(name="list_webhook_endpoints", query=WebhookEndpointQuery)
    def get(self, request: Request) -> Response:
        """List the webhook endpoints.

        Disabled ones are included: filter by `status`.
        """
        about = {"client_id": self.caller.client_id, "filters": self.filters()}
        return self.page(Listing(rows_of_endpoints, about))

    @operation(
        name="create_webhook_endpoint",
        body=WebhookEndpointBody,
        answers=WebhookEndpointSecretAnswer,
        keyed=True,
        refuses=(errors.WebhookEndpointLimitReached,),
        staff_permissions=OF_STAFF,
    )
    def post(self, request: Request) -> Response:
        """Create a webhook endpoint.

        The response has the secret, once. Store it in the receiver, then request a ping: the
        endpoint gets events when it has answered a ping with 2xx. These begin with what happens
        after its creation.
        """
        made = self.do(
            endpoints.create_endpoint,
            client_id=self.client_id,
            values=self.body(),
            by=self.by,
            key=self.key,
        )
        headers = self.tag(made.endpoint) | (REPLAYED if made.replayed else {})
        return Created(shown_with_secret(self, made), self.where(made.endpoint.id), headers=headers)


def rows_of_endpoints(client_id: UUID | None, filters: dict[str, Any]) -> Parts:
    """The endpoints of a client that the filters leave."""
    return Parts([WebhookEndpoint.objects.owned_by(client_id).filter(**filters)])


def shown_with_secret(view: WebhookView, made: MadeEndpoint) -> dict[str, Any]:
    """Write an endpoint with its new secret, if there is one."""
    made.endpoint.secret = made.secret or ""  # type: ignore[attr-defined]  # the writer reads it
    answer = WebhookEndpointSecretAnswer(made.endpoint, context=view.get_serializer_context())
    return dict(answer.data)


class WebhookEndpointDetailView(WebhookView):
    """One webhook endpoint."""

    title = "Webhook endpoint"
    versioned = True

    def shown(self, endpoint: WebhookEndpoint) -> Response:
        return Response(self.show(endpoint), headers=self.tag(endpoint))

    @operation(name="get_webhook_endpoint")
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """Get a webhook endpoint.

        Its `status` and `failingSince` say whether it gets its events.
        """
        return self.shown(self.endpoint(endpoint_id))

    @operation(
        name="update_webhook_endpoint",
        body=WebhookEndpointChange,
        refuses=(errors.InvalidTransition, errors.WebhookEndpointLimitReached),
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """Change, enable or disable a webhook endpoint.

        A new URL must answer a ping before it gets events. Events that happen while an endpoint
        is `DISABLED` are kept: when it is `ENABLED` again, it goes on where it stopped.
        """
        changed = self.do(
            endpoints.change_endpoint,
            client_id=self.caller.client_id,
            endpoint_id=endpoint_id,
            changes=self.body(),
            by=self.by,
            if_match=self.if_match,
        )
        return self.shown(changed)


class WebhookAttemptListView(WebhookView):
    """The requests that were sent to a webhook endpoint."""

    title = "Attempts of a webhook endpoint"
    model = WebhookAttempt
    serializer_class = WebhookAttemptAnswer
    collection = "attempts"
    pagination_class = Pages

    @operation(name="list_webhook_attempts", query=WebhookAttemptQuery)
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """List the attempts of the last 30 days.

        Each request that was sent to the endpoint, with the answer if it failed. Filter by
        `eventId` to see what became of an event.
        """
        endpoint = self.endpoint(endpoint_id)
        about = {"endpoint_id": endpoint.id, "filters": self.filters()}
        return self.page(Listing(rows_of_attempts, about))


def rows_of_attempts(endpoint_id: UUID, filters: dict[str, Any]) -> Parts:
    """The attempts of an endpoint that the filters leave."""
    return Parts([WebhookAttempt.objects.filter(endpoint=endpoint_id, **filters)])


class WebhookPingView(WebhookView):
    """Send a ping to a webhook endpoint."""

    title = "Ping of a webhook endpoint"

    @operation(
        name="request_webhook_ping",
        body=Nothing,
        body_optional=True,
        statuses=(HTTPStatus.ACCEPTED,),
        keyed=True,
        staff_permissions=OF_STAFF,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send a ping.

        A signed request of the kind `webhook.ping`, which is no event. A 2xx enables an endpoint
        that is `PENDING`. Its result is among the attempts, mostly within a second. A ping is not
        retried.
        """
        self.body()
        return self.requested(endpoints.request_ping, endpoint_id)


class WebhookResendView(WebhookView):
    """Send one event to a webhook endpoint again."""

    title = "Resend to a webhook endpoint"

    @operation(
        name="request_webhook_resend",
        body=ResendBody,
        statuses=(HTTPStatus.ACCEPTED,),
        keyed=True,
        refuses=(errors.InvalidTransition,),
        staff_permissions=OF_STAFF,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send one event again.

        At once, whatever the kinds of the endpoint. If a retry of it is waiting, that is sent now.
        The event has the same `webhook-id` each time.
        """
        event_id = self.body()["event_id"]
        return self.requested(endpoints.request_resend, endpoint_id, event_id=event_id)


class WebhookReplayView(WebhookView):
    """Send a period's events to a webhook endpoint again."""

    title = "Replay to a webhook endpoint"

    @operation(
        name="request_webhook_replay",
        body=ReplayBody,
        statuses=(HTTPStatus.ACCEPTED,),
        keyed=True,
        refuses=(errors.InvalidTransition, errors.ReplayLimitReached),
        staff_permissions=OF_STAFF,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send events again.

        From an event or a time on, in their order, while new events are sent as usual: so an old
        event can arrive after a newer one. Each has the same `webhook-id` as before; `seq` in its
        data tells which is newer. At most three replays of an endpoint run at the same time.
        """
        return self.requested(endpoints.request_replay, endpoint_id, values=self.body())


class WebhookSecretView(WebhookView):
    """Give a webhook endpoint a new secret."""

    title = "Secret of a webhook endpoint"

    @operation(
        name="create_webhook_secret",
        body=Nothing,
        body_optional=True,
        answers=WebhookEndpointSecretAnswer,
        statuses=(HTTPStatus.OK,),
        keyed=True,
        staff_permissions=OF_STAFF,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Rotate the secret.

        The response has the new secret, once. For 24 hours requests are signed with the former
        ones too: replace the secret in the receiver meanwhile. A retry with the same
        `Idempotency-Key` rotates nothing: if you lost the first response, use another key.
        """
        self.body()
        client_id = self.caller.client_id
        about = {"client_id": client_id, "endpoint_id": endpoint_id, "by": self.by}
        made = self.do(endpoints.rotate_secret, **about, key=self.key)
        headers = REPLAYED if made.replayed else {}
        return Response(shown_with_secret(self, made), headers=headers)
