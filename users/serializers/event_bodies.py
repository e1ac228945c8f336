"""Events as callers read them: each kind has a documented body, with a version.

A body has ids, codes, amounts and times, and no personal text. Every app has the bodies of its
kinds in a module of this name (`describe`), which is imported when the app registry is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from iocash.http import fields
from iocash.http.naming import camel
from iocash.http.serializers import reader
from users.models import Event, KycDocument, WebhookEndpoint
from users.models.events import EventKind

# --- Bodies --------------------------------------------------------------------------------------


class EmptyBody(fields.Serializer):
    """Nothing more. Read the subject of the event to see how it is now."""


class FieldNames(fields.Field):
    """Names of fields, as answers have them."""

    example: tuple[str, ...] = ("email", "lastName")

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}

    def get_initial(self) -> list[str]:
        return [*self.example]

    def to_representation(self, value: str) -> list[str]:
        return [camel(name) for name in value.split(",")]


class ChangedFieldsBody(fields.Serializer):
    """What has changed of the user. The new values are not in the event."""

    changed = FieldNames(
        source="fields", read_only=True, help_text="The names of the changed fields."
    )


class ReasonBody(fields.Serializer):
    """Why staff did it."""

    reason = fields.Text(
        30, read_only=True, example="SUSPECTED_FRAUD", help_text="The reason, as a code."
    )


class ScopeNames(FieldNames):
    """Scopes of a key."""

    example = ("movements:write",)

    def to_representation(self, value: Any) -> list[str]:
        return [*value]


class ScopesBody(fields.Serializer):
    """Which scopes the key has got. It keeps those that it had."""

    scopes = ScopeNames(read_only=True, help_text="The scopes that were added.")


class KycDocumentBody(fields.Serializer):
    """A KYC document of the user: data or a file."""

    document_id = fields.Id(source="id", read_only=True, help_text="The id of the document.")
    document = fields.Choice(
        KycDocument.Kind, source="evidence", read_only=True, help_text="What it is."
    )


class VerificationBody(fields.Serializer):
    """A verification of the user's identity by a provider."""

    verification_id = fields.Id(
        source="verification", read_only=True, help_text="The id of the verification."
    )
    provider = fields.Text(
        40,
        read_only=True,
        allow_null=True,
        example="stripe",
        help_text="The name of the provider. Null in `user.identity_contradicted`: the actor has "
        "it.",
    )


class ContradictionBody(VerificationBody):
    """A second, different decision of the provider. It was refused."""

    status = fields.Text(10, read_only=True, example="APPROVED", help_text="The first decision.")
    requested = fields.Text(
        10, read_only=True, example="REJECTED", help_text="The second decision."
    )


class LevelBody(fields.Serializer):
    """The KYC level of the user after the change."""

    level = fields.Whole(0, 2, read_only=True, example=1, help_text="The new KYC level.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {"level": int(instance["level"])}


class OtpEventBody(fields.Serializer):
    """What the one-time password is for."""

    terms_id = fields.Id(
        source="terms",
        read_only=True,
        allow_null=True,
        help_text="The terms that it signs. Null: it verifies the phone number.",
    )


class SignatureBody(fields.Serializer):
    """A signature of the institution's terms."""

    signature_id = fields.Id(source="id", read_only=True, help_text="The id of the signature.")
    terms_id = fields.Id(source="terms", read_only=True, help_text="The signed terms.")


class ChangedEndpointBody(fields.Serializer):
    """What has changed of the endpoint. The new values are not in the event."""

    changed = FieldNames(
        source="fields",
        read_only=True,
        example=("kinds",),
        help_text="The names of the changed fields.",
    )


class DisabledEndpointBody(fields.Serializer):
    """Why the endpoint was disabled."""

    reason = fields.Choice(WebhookEndpoint.Reason, read_only=True)


class FailedDeliveryBody(fields.Serializer):
    """The event that was not delivered."""

    event_id = fields.Id(source="event", read_only=True, help_text="The event; resend it by id.")


# --- Kinds ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventDescription:
    """When events of a kind happen, and the body that they have."""

    sentence: str
    body: type[fields.Serializer] = EmptyBody
    version: int = 1
    """Of the body. Fields may be added to a version; another change makes the next one."""


Load = Callable[[Sequence[Event]], Mapping[UUID, Mapping[str, Any]]]
"""Reads what bodies need beside the data of the events, by the ids of the events."""

DESCRIPTIONS: Final[dict[EventKind, EventDescription]] = {
    EventKind.API_KEY_CHANGED: EventDescription(
        "Two members of staff granted scopes to an API key.", ScopesBody
    ),
    EventKind.API_KEY_ISSUED: EventDescription("Staff issued an API key."),
    EventKind.API_KEY_REVOKED: EventDescription("Staff revoked an API key."),
    EventKind.CLIENT_ACTIVATED: EventDescription("Staff activated the client again."),
    EventKind.CLIENT_CHANGED: EventDescription("Staff changed the contact of the client."),
    EventKind.CLIENT_SUSPENDED: EventDescription("Staff suspended the client."),
    EventKind.PUBLIC_KEY_CHANGED: EventDescription(
        "Two members of staff granted scopes to a public key.", ScopesBody
    ),
    EventKind.PUBLIC_KEY_REGISTERED: EventDescription("Staff registered a public key."),
    EventKind.PUBLIC_KEY_REVOKED: EventDescription("Staff revoked a public key."),
    EventKind.USER_CREATED: EventDescription("A user was created."),
    EventKind.USER_CHANGED: EventDescription("Fields of the user changed.", ChangedFieldsBody),
    EventKind.USER_OTP_SENT: EventDescription("A one-time password was sent.", OtpEventBody),
    EventKind.USER_PHONE_VERIFIED: EventDescription("The user verified a phone number."),
    EventKind.USER_VERIFIED: EventDescription(
        "A new user is verified; `user.activated` follows at once."
    ),
    EventKind.USER_ACTIVATED: EventDescription("A new user became active."),
    EventKind.USER_BLOCKED: EventDescription("Staff blocked the user.", ReasonBody),
    EventKind.USER_UNBLOCKED: EventDescription("Staff unblocked the user.", ReasonBody),
    EventKind.USER_UNSUBSCRIBED: EventDescription("The user and its wallets were closed."),
    EventKind.USER_ERASED: EventDescription(
        "The personal data of a closed user were erased.", ReasonBody
    ),
    EventKind.USER_LEVEL_CHANGED: EventDescription("The KYC level changed.", LevelBody),
    EventKind.USER_KYC_DOCUMENT_SENT: EventDescription(
        "A KYC document was submitted for review.", KycDocumentBody
    ),
    EventKind.USER_KYC_DOCUMENT_APPROVED: EventDescription(
        "A KYC document was approved.", KycDocumentBody
    ),
    EventKind.USER_KYC_DOCUMENT_REJECTED: EventDescription(
        "A KYC document was rejected.", KycDocumentBody
    ),
    EventKind.USER_KYC_DOCUMENT_WITHDRAWN: EventDescription(
        "A new name that was waiting for review was taken back.", KycDocumentBody
    ),
    EventKind.USER_IDENTITY_REQUESTED: EventDescription(
        "A verification of the identity began.", VerificationBody
    ),
    EventKind.USER_IDENTITY_APPROVED: EventDescription(
        "The provider approved the identity.", VerificationBody
    ),
    EventKind.USER_IDENTITY_REJECTED: EventDescription(
        "The provider rejected the identity.", VerificationBody
    ),
    EventKind.USER_IDENTITY_EXPIRED: EventDescription(
        "A verification of the identity ended without a decision.", VerificationBody
    ),
    EventKind.USER_IDENTITY_CONTRADICTED: EventDescription(
        "The provider sent a second, different decision; nothing changed.", ContradictionBody
    ),
    EventKind.USER_TERMS_SIGNED: EventDescription("The user signed the terms.", SignatureBody),
    EventKind.WEBHOOK_ENDPOINT_CREATED: EventDescription("A webhook endpoint was created."),
    EventKind.WEBHOOK_ENDPOINT_CHANGED: EventDescription(
        "Fields of a webhook endpoint changed.", ChangedEndpointBody
    ),
    EventKind.WEBHOOK_ENDPOINT_ENABLED: EventDescription(
        "A webhook endpoint answered its first ping, or was enabled again."
    ),
    EventKind.WEBHOOK_ENDPOINT_DISABLED: EventDescription(
        "A webhook endpoint was disabled.", DisabledEndpointBody
    ),
    EventKind.WEBHOOK_ENDPOINT_SECRET_ROTATED: EventDescription(
        "A webhook endpoint got a new secret."
    ),
    EventKind.WEBHOOK_ENDPOINT_DELIVERY_FAILED: EventDescription(
        "The last retry of a delivery failed.", FailedDeliveryBody
    ),
}
"""Each kind, in the order of the documentation."""
LOADS: Final[list[Load]] = []


def describe(kinds: Mapping[EventKind, EventDescription], load: Load) -> None:
    """Add the descriptions of kinds, and what reads the rows that their bodies need."""
    DESCRIPTIONS.update(kinds)
    LOADS.append(load)


def subject_of_kind(kind: str) -> str:
    """The kind of object that a kind of event is about: `movement` of `movement.settled`."""
    return kind.partition(".")[0]


# --- Events --------------------------------------------------------------------------------------


class Values(dict[str, Any]):
    """The values of a body; a value that an event does not have is None."""

    def __missing__(self, key: str) -> None:
        return None


def published(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The values of events as callers read them, for `EventMessage`: few statements for all."""
    more: dict[UUID, Mapping[str, Any]] = {}
    for load in LOADS:
        more |= load(events)
    return [published_event(event, more.get(event.id, {})) for event in events]


def published_event(event: Event, more: Mapping[str, Any]) -> dict[str, Any]:
    """The values of one event; `more` is what is read beside its data."""
    kind = EventKind(event.kind)
    described = DESCRIPTIONS[kind]
    return {
        "id": event.id,
        "kind": kind,
        "version": described.version,
        "created_at": event.created_at,
        "subject": subject_of_kind(kind),
        "subject_id": event.subject_id,
        "wallet_id": event.wallet_id,
        "operation_id": more.get("operation_id"),
        "actor": public_actor(event.actor),
        "request_id": event.request_id,
        "data": reader(described.body).to_representation(Values({**more, **event.data})),
    }


def public_actor(actor: str) -> str:
    """The actor without members of staff and commands, which callers do not know."""
    kind = actor.partition(":")[0]
    return kind if kind in {"staff", "system"} else actor


class EventSubject(fields.Choice):
    """The kind of object that an event is about: the first word of the event's kind."""

    words = (
        "api_key",
        "client",
        "external_account",
        "hold",
        "movement",
        "public_key",
        "scheduled_execution",
        "scheduled_operation",
        "user",
        "wallet",
        "webhook_endpoint",
    )


class Body(fields.Field):
    """The body of an event."""

    component = "EventData"

    def schema(self) -> dict[str, Any]:
        text = (
            "What the event says beside its subject. Its fields depend on `kind` and `version`, "
            "and are described at /api/docs/event-kinds."
        )
        return {"type": "object", "description": text, "additionalProperties": True}

    def get_initial(self) -> dict[str, Any]:
        return {"balance": "87.50", "heldBalance": "0.00", "seq": 3}


class EventMessage(fields.Serializer):
    """A change of a user, wallet, movement, hold, external account or key."""

    id = fields.Id(
        read_only=True, help_text="The id of the event. An event that you read twice has the same."
    )
    kind = fields.Choice(EventKind, read_only=True)
    version = fields.Whole(
        1,
        1_000,
        read_only=True,
        example=1,
        help_text="The version of `data` for this kind. Fields may be added to a version.",
    )
    created_at = fields.Moment(
        read_only=True,
        help_text="When it happened. Events are in the order of the changes of a wallet, and only "
        "nearly in the order of this time.",
    )
    subject = EventSubject(read_only=True)
    subject_id = fields.Id(read_only=True, help_text="The id of what the event is about.")
    wallet_id = fields.Id(
        read_only=True,
        allow_null=True,
        help_text="The wallet of the subject. Null: it has none.",
    )
    operation_id = fields.Id(
        read_only=True,
        allow_null=True,
        help_text="The operation of a movement. Null: the event is not about a movement.",
    )
    actor = fields.Text(
        60,
        read_only=True,
        example="key:01980000-0000-7000-8000-000000000001",
        help_text="Who did it: `key:` and the id of the API key, `provider:` and the name of an "
        "identity provider, `staff`, or `system`.",
    )
    request_id = fields.Text(
        64,
        read_only=True,
        allow_null=True,
        example="3f0c7ad2",
        help_text="The `X-Request-ID` of the request that did it. Null: there was none.",
    )
    data = Body(read_only=True)  # type: ignore[assignment]


def messages(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Events as JSON, without links: what is sent to webhook endpoints."""
    message = reader(EventMessage)
    return [message.to_representation(each) for each in published(events)]
