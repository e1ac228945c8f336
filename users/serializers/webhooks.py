"""Bodies, queries and answers about webhook endpoints."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import SerializerMethodField

from iocash.errors import Message
from iocash.http import fields, pages
from iocash.http.links import LINKS, location
from iocash.http.serializers import error_detail
from users.models import WebhookAttempt, WebhookEndpoint
from users.models.events import EventKind
from users.models.webhooks import MOST_KINDS, wanted
from users.serializers.users import UPDATED_AT, Optional, without_nulls
from users.webhooks.addresses import LONGEST_URL, Target, WrongUrl
from users.webhooks.sending import Failure

URL = "Where the events are sent: an https URL of a public host, on port 443 or 8443."
KINDS = (
    "The kinds of events that are sent: a kind (`movement.settled`), all kinds of a subject "
    "(`movement.*`), or all (`*`)."
)


class WebhookUrl(fields.Text):
    """A URL that webhooks can be sent to."""

    default_error_messages = {
        "invalid": "Must be an https URL of a public host, on port 443 or 8443, without "
        "credentials and fragment."
    }
    HOST = r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,40}[a-z0-9])?){0,4}"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            LONGEST_URL, example="https://app.example/webhooks", help_text=URL, **kwargs
        )

    def schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "format": "uri",
            "pattern": f"^https://{self.HOST}(:8443)?(/[A-Za-z0-9._~-]{{0,60}}){{0,5}}$",
            "maxLength": LONGEST_URL,
        }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            Target.of(data)
        except WrongUrl:
            self.fail("invalid")
        return data


class KindPattern(fields.Field):
    """Kinds of events: one, all of a subject, or all."""

    default_error_messages = {
        "invalid": "Must be a kind of events, like movement.settled, movement.* or *."
    }
    example = "movement.*"
    PATTERN = re.compile(r"\*|[a-z_]{1,30}\.(\*|[a-z_]{1,30})")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^({self.PATTERN.pattern})$", "maxLength": 40}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not self.PATTERN.fullmatch(data):
            self.fail("invalid")
        if not any(wanted([data], kind) for kind in EventKind):
            self.fail("invalid")
        return data


class Kinds(fields.Field):
    """Patterns of kinds of events, without duplicates."""

    default_error_messages = {
        "invalid": "Must be a list of kinds of events.",
        "min_length": "Must have at least one kind.",
        "max_length": "Must have at most {max_length} kinds.",
    }
    child = KindPattern()

    def schema(self) -> dict[str, Any]:
        items = self.child.schema()
        return {"type": "array", "items": items, "minItems": 1, "maxItems": MOST_KINDS}

    def get_initial(self) -> list[str]:
        return ["movement.*"]

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            self.fail("invalid")
        if not data:
            self.fail("min_length")
        if len(data) > MOST_KINDS:
            self.fail("max_length", max_length=MOST_KINDS)
        return list(dict.fromkeys(map(self.child.run_validation, data)))

    def to_representation(self, value: Any) -> list[str]:
        return [*value]


class Description(Optional):
    """The client's own words for an endpoint."""

    def __init__(self) -> None:
        super().__init__(140, example="Shop", help_text="Your words for the endpoint. Null: none.")


class OptionalChoice(fields.Choice):
    """One of a few words; blank is null in answers."""

    def to_representation(self, value: Any) -> str | None:
        return str(value) if value else None


class WebhookEndpointAnswer(fields.Serializer):
    """A URL that gets events."""

    id = fields.Id(read_only=True, help_text="The id of the endpoint.")
    url = WebhookUrl(read_only=True)
    kinds = Kinds(read_only=True, help_text=KINDS)
    ordering = fields.Choice(WebhookEndpoint.Ordering, read_only=True)
    status = fields.Choice(WebhookEndpoint.Status, read_only=True)
    disabled_reason = OptionalChoice(
        WebhookEndpoint.Reason,
        read_only=True,
        allow_null=True,
        help_text="Why it is `DISABLED`. Null: it is not.",
    )
    description = fields.Text(
        140,
        read_only=True,
        allow_null=True,
        example="Shop",
        help_text="Your words for the endpoint. Null: none.",
    )
    failing_since = fields.Moment(
        read_only=True,
        allow_null=True,
        help_text="The first failure after the last success. Null: the last attempt succeeded.",
    )
    created_at = fields.Moment(read_only=True, help_text="When the endpoint was created.")
    updated_at = fields.Moment(read_only=True, help_text=UPDATED_AT)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, endpoint: WebhookEndpoint) -> dict[str, Any]:
        own = location(self.context["request"], "webhook-endpoint", endpoint_id=endpoint.id)
        return {"self": {"href": own}, "attempts": {"href": f"{own}/attempts"}}


class WebhookEndpointSecretAnswer(WebhookEndpointAnswer):
    """A webhook endpoint, with its new secret, which is shown only here."""

    secret = fields.Text(
        60,
        read_only=True,
        allow_null=True,
        example="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD9eQZHhL0tiE=",
        help_text="Verifies signatures. It is shown once: store it. Null in a replayed response; "
        "if you lost the first one, rotate the secret.",
    )


class WebhookEndpointBody(fields.Serializer):
    """A webhook endpoint to create."""

    url = WebhookUrl()
    kinds = Kinds(help_text=KINDS)
    ordering = fields.Choice(WebhookEndpoint.Ordering, required=False)
    description = Description()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        ordering = WebhookEndpoint.Ordering.WALLET
        return {"ordering": ordering, "description": "", **without_nulls(attrs)}


class RequestedStatus(fields.Choice):
    """ENABLED: events are sent. DISABLED: events are kept, and sent when it is enabled again."""

    words = ("ENABLED", "DISABLED")
    is_open = False


class WebhookEndpointChange(fields.Serializer):
    """The fields to change."""

    url = WebhookUrl(required=False)
    kinds = Kinds(required=False, help_text=KINDS)
    description = Description()
    status = RequestedStatus(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class ReplayBody(fields.Serializer):
    """The events to send again, from an event or from a time on."""

    from_event = fields.Id(
        required=False, help_text="The first event to send again. Either this or `fromTime`."
    )
    from_time = fields.Instant(
        required=False,
        example="2026-01-31T12:00:00.000Z",
        help_text="Send again what happened from this time on.",
    )
    until = fields.Instant(
        required=False,
        example="2026-01-31T13:00:00.000Z",
        help_text="Only what happened before this time. Default: everything sent so far.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("from_event" in attrs) == ("from_time" in attrs):
            words = Message("Send either fromEvent or fromTime.")
            raise ValidationError({"fromEvent": [error_detail("required", words)]})
        return attrs

    def get_initial(self) -> dict[str, Any]:
        """An example with one of the two."""
        example: dict[str, Any] = super().get_initial()
        return {name: value for name, value in example.items() if name != "fromTime"}


class ResendBody(fields.Serializer):
    """The event to send again."""

    event_id = fields.Id(help_text="The id of the event.")


class AttemptFailure(OptionalChoice):
    """Why an attempt failed. STATUS: the answer was not 2xx. The others: there was no answer."""

    words = tuple(map(str, Failure))


class WebhookAttemptAnswer(fields.Serializer):
    """One request to the endpoint, and what came of it."""

    id = fields.Id(read_only=True, help_text="The id of the attempt.")
    event_id = fields.Id(
        read_only=True, help_text="The event that was sent, as in the header `webhook-id`."
    )
    kind = fields.Text(
        40, read_only=True, example="movement.settled", help_text="The kind of the event."
    )
    number = fields.Whole(
        1, 1_000, read_only=True, example=1, help_text="1: the first attempt; others are retries."
    )
    created_at = fields.Moment(read_only=True, help_text="When the attempt began.")
    milliseconds = fields.Whole(
        0, 60_000, read_only=True, example=84, help_text="The time that it took."
    )
    status = fields.Whole(
        100,
        999,
        read_only=True,
        allow_null=True,
        example=200,
        help_text="The HTTP status of the answer. Null: there was none.",
    )
    failure = AttemptFailure(
        read_only=True, allow_null=True, help_text="Why it failed. Null: it succeeded."
    )
    detail = fields.Text(
        200,
        read_only=True,
        allow_null=True,
        example="certificate has expired",
        help_text="More about the failure. Null: nothing more is known.",
    )
    answer = fields.Text(
        WebhookAttempt.LONGEST_ANSWER,
        read_only=True,
        allow_null=True,
        example="Service Unavailable",
        help_text="The beginning of the answer's body. Null: it was empty, or the attempt "
        "succeeded.",
    )


class WebhookEndpointQuery(pages.PageQuery):
    """Which endpoints to list."""

    status = fields.Choice(
        WebhookEndpoint.Status, required=False, help_text="Only endpoints with this status."
    )


class WebhookAttemptQuery(pages.PageQuery):
    """Which attempts to list."""

    event_id = fields.Id(required=False, help_text="Only attempts to send this event.")
