"""The pages of webhook endpoints, of what they did not get, and of the requests to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import Action, ActionForm, Searched, WithActions, by
from users.change_lists.columns import link_to
from users.models import Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from users.models.ids import as_id
from users.serializers.event_bodies import messages
from users.templatetags.words import code_in_words
from users.webhooks import endpoints

CHANGE = "users.change_webhookendpoint"
LAST = 20
"""Attempts and failed deliveries on the page of an endpoint."""

Status = WebhookEndpoint.Status


class ReplayForm(ActionForm):
    from_time = forms.DateTimeField(
        label=_("From"), help_text=_("Events that happened from then on are sent again.")
    )
    until = forms.DateTimeField(
        label=_("Until"), required=False, help_text=_("Leave empty for all that were sent.")
    )


def set_endpoint_status(status: Status, words: Any) -> Any:
    def run(request: HttpRequest, endpoint: WebhookEndpoint, values: dict[str, Any]) -> str:
        endpoints.change_endpoint(
            client_id=None, endpoint_id=endpoint.id, changes={"status": status}, by=by(request)
        )
        return str(words)

    return run


def ping(request: HttpRequest, endpoint: WebhookEndpoint, values: dict[str, Any]) -> str:
    endpoints.request_ping(client_id=None, endpoint_id=endpoint.id)
    return gettext("A ping is sent. Reload the page to see its result.")


def replay_period(request: HttpRequest, endpoint: WebhookEndpoint, values: dict[str, Any]) -> str:
    period = {name: values[name] for name in ("from_time", "until") if values[name]}
    endpoints.request_replay(client_id=None, endpoint_id=endpoint.id, values=period)
    return gettext("The events of the period are sent again.")


def resend(request: HttpRequest, row: Any, values: dict[str, Any]) -> str:
    """Send the event of an attempt or of a delivery again.

    Raises:
        NotFound: it was a ping.
    """
    if not Event.objects.filter(client=row.endpoint.client_id, id=row.event_id).exists():
        raise errors.NotFound("There is no such event: it was a ping.")
    endpoints.request_resend(client_id=None, endpoint_id=row.endpoint_id, event_id=row.event_id)
    return gettext("The event is sent again.")


RESEND = Action(
    name="resend",
    label=_("Resend"),
    permission=CHANGE,
    do=resend,
    is_available=lambda row: row.event_id is not None and row.endpoint.status == Status.ENABLED,
)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(Searched, WithActions):
    list_display = ("url", "client", "state", "failing_since", "created_at")
    list_filter = ("status", "client")
    list_select_related = ("client",)
    search_fields = ("id",)
    search_help_text = _("An id, or the beginning of a URL.")
    ordering = ("-id",)
    fields = (
        "client",
        "url",
        "description",
        "kinds_in_words",
        "ordering",
        "state",
        "failing_since",
        "verified_at",
        "created_at",
        "updated_at",
    )
    csv_columns = (
        ("id", "id"),
        ("client", "client.name"),
        ("url", "url"),
        ("status", "status"),
        ("disabled_reason", "disabled_reason"),
        ("created_at", "created_at"),
    )
    change_form_template = "admin/webhook_endpoint.html"
    page_actions = (
        Action(name="ping", label=_("Ping"), permission=CHANGE, do=ping),
        Action(
            name="enable",
            label=_("Enable"),
            permission=CHANGE,
            do=set_endpoint_status(Status.ENABLED, _("Endpoint enabled.")),
            is_available=lambda each: each.status == Status.DISABLED and each.verified_at,
            warning=_("All events since it was disabled are sent."),
        ),
        Action(
            name="disable",
            label=_("Disable"),
            permission=CHANGE,
            do=set_endpoint_status(Status.DISABLED, _("Endpoint disabled.")),
            is_available=lambda each: each.status != Status.DISABLED,
            warning=_("No events are sent until it is enabled again. The client gets a mail."),
        ),
        Action(
            name="replay",
            label=_("Replay"),
            permission=CHANGE,
            form=ReplayForm,
            do=replay_period,
            is_available=lambda each: each.status == Status.ENABLED,
        ),
    )

    def named(self, queryset: Any, words: str) -> Any:
        found = as_id(words)
        return queryset.filter(id=found) if found else queryset.filter(url__startswith=words)

    @admin.display(description=_("status"))
    def state(self, endpoint: WebhookEndpoint) -> str:
        reason = endpoint.disabled_reason
        words = str(code_in_words(endpoint.status))
        return f"{words}: {code_in_words(reason)}" if reason else words

    @admin.display(description=_("events"))
    def kinds_in_words(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.kinds)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        failed = WebhookDelivery.objects.filter(endpoint=obj, event_id__isnull=False)
        return super().page(request, obj) | {
            "attempts": WebhookAttempt.objects.of(obj).order_by("-created_at", "-id")[:LAST],
            "deliveries": failed.order_by("-id")[:LAST],
        }


OF_EVENT_CSV = (
    ("id", "id"),
    ("endpoint", "endpoint.url"),
    ("event_id", "event_id"),
    ("created_at", "created_at"),
)
"""What deliveries and attempts have in common as CSV."""


class OfAnEndpoint(Searched, WithActions):
    """The pages of rows of an endpoint with an event."""

    list_select_related = ("endpoint",)
    search_fields = ("id",)
    search_help_text = _("The id of an endpoint or an event.")
    ordering = ("-id",)

    def named(self, queryset: Any, words: str) -> Any:
        found = as_id(words)
        if not found:
            return queryset.none()
        is_endpoint = WebhookEndpoint.objects.filter(id=found).exists()
        return queryset.filter(**{"endpoint" if is_endpoint else "event_id": found})

    @admin.display(description=_("endpoint"))
    def endpoint_link(self, row: Any) -> Any:
        return link_to(row.endpoint)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(OfAnEndpoint):
    list_display = ("created_at", "endpoint_link", "state", "attempts", "next_attempt_at")
    list_filter = ("status",)
    fields = (
        "endpoint_link",
        "event_id",
        "state",
        "attempts",
        "next_attempt_at",
        "failed_at",
        "created_at",
    )
    csv_columns = (
        *OF_EVENT_CSV,
        ("status", "status"),
        ("attempts", "attempts"),
        ("failed_at", "failed_at"),
    )
    page_actions = (RESEND,)

    @admin.display(description=_("status"))
    def state(self, delivery: WebhookDelivery) -> Any:
        return code_in_words(delivery.status)


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(OfAnEndpoint):
    list_display = ("created_at", "endpoint_link", "kind_in_words", "number", "result")
    fields = (
        "endpoint_link",
        "created_at",
        "kind_in_words",
        "event_id",
        "number",
        "milliseconds",
        "result",
        "detail",
        "request_body",
        "answer",
    )
    csv_columns = (
        *OF_EVENT_CSV,
        ("kind", "kind"),
        ("number", "number"),
        ("status", "status"),
        ("failure", "failure"),
    )
    page_actions = (RESEND,)

    @admin.display(description=_("event"))
    def kind_in_words(self, attempt: WebhookAttempt) -> Any:
        return code_in_words(attempt.kind)

    @admin.display(description=_("result"))
    def result(self, attempt: WebhookAttempt) -> str:
        return str(attempt.status or code_in_words(attempt.failure))

    @admin.display(description=_("request"))
    def request_body(self, attempt: WebhookAttempt) -> str:
        return body_of(attempt.endpoint.client_id, attempt.event_id)


def body_of(client_id: UUID, event_id: UUID) -> str:
    """The body that was sent for an event; it is made again, as it never changes."""
    found = Event.objects.filter(client=client_id, id=event_id)
    shown = (orjson.dumps(each, option=orjson.OPT_INDENT_2) for each in messages(list(found[:1])))
    return "\n".join(each.decode() for each in shown)
