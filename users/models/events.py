"""Events: one row for every change of a user, wallet, movement, hold or credential."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from django.db import connection, models

from iocash import traces
from iocash.db.clock import Now
from iocash.db.outcome import Witness
from iocash.db.transactions import as_rows, from_json, note_witness
from users.models.clients import Client, Credential, OwnedQuerySet
from users.models.ids import new_id


@dataclass(frozen=True, slots=True)
class By:
    """Who asks, and in which request: `key:<id>`, `staff:<id>`, `provider:<name>` (of identity
    verifications) or `system:<command>`.

    A command that a person runs adds the person's log-in: `system:<command>:<log-in>`.

    `approval` is the approval that covers it: one member of staff asked for it, and another one
    approved it. What a closing pays again within its approval can be ordered by a third one.
    `trace` is the trace that the request belongs to (`iocash.traces`).
    """

    actor: str
    request_id: str = ""
    approval: uuid.UUID | None = None
    trace: str | None = None

    @property
    def is_staff(self) -> bool:
        return self.actor.startswith(STAFF)

    @property
    def is_alone(self) -> bool:
        """Whether it is one member of staff, without an approval."""
        return self.is_staff and not self.approval


CLOCK: Final = By("system:clock")
"""The actor of what happens by time, as the end of a hold."""


class EventKind(StrEnum):
    """All kinds of events: the kind of object, and its change."""

    API_KEY_CHANGED = "api_key.changed"
    API_KEY_ISSUED = "api_key.issued"
    API_KEY_REVOKED = "api_key.revoked"
    CLIENT_ACTIVATED = "client.activated"
    CLIENT_CHANGED = "client.changed"
    CLIENT_SUSPENDED = "client.suspended"
    EXTERNAL_ACCOUNT_ADDED = "external_account.added"
    EXTERNAL_ACCOUNT_CHANGED = "external_account.changed"
    EXTERNAL_ACCOUNT_REMOVED = "external_account.removed"
    HOLD_EXECUTED = "hold.executed"
    HOLD_EXPIRED = "hold.expired"
    HOLD_PARTLY_EXECUTED = "hold.partly_executed"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASED = "hold.released"
    HOLD_RENEWED = "hold.renewed"
    MOVEMENT_CANCELLED = "movement.cancelled"
    MOVEMENT_ERROR = "movement.error"
    MOVEMENT_PENDING = "movement.pending"
    MOVEMENT_RECALLED = "movement.recalled"
    MOVEMENT_SENT = "movement.sent"
    MOVEMENT_SETTLED = "movement.settled"
    PUBLIC_KEY_CHANGED = "public_key.changed"
    PUBLIC_KEY_REGISTERED = "public_key.registered"
    PUBLIC_KEY_REVOKED = "public_key.revoked"
    SCHEDULED_EXECUTION_FAILED = "scheduled_execution.failed"
    SCHEDULED_EXECUTION_PENDING = "scheduled_execution.pending"
    SCHEDULED_EXECUTION_SKIPPED = "scheduled_execution.skipped"
    SCHEDULED_EXECUTION_SUCCEEDED = "scheduled_execution.succeeded"
    SCHEDULED_OPERATION_CANCELLED = "scheduled_operation.cancelled"
    SCHEDULED_OPERATION_CHANGED = "scheduled_operation.changed"
    SCHEDULED_OPERATION_COMPLETED = "scheduled_operation.completed"
    SCHEDULED_OPERATION_CREATED = "scheduled_operation.created"
    SCHEDULED_OPERATION_PAUSED = "scheduled_operation.paused"
    SCHEDULED_OPERATION_RESUMED = "scheduled_operation.resumed"
    USER_ACTIVATED = "user.activated"
    USER_BLOCKED = "user.blocked"
    USER_CHANGED = "user.changed"
    USER_CREATED = "user.created"
    USER_ERASED = "user.erased"
    USER_IDENTITY_APPROVED = "user.identity_approved"
    USER_IDENTITY_CONTRADICTED = "user.identity_contradicted"
    USER_IDENTITY_EXPIRED = "user.identity_expired"
    USER_IDENTITY_REJECTED = "user.identity_rejected"
    USER_IDENTITY_REQUESTED = "user.identity_requested"
    USER_KYC_DOCUMENT_APPROVED = "user.kyc_document_approved"
    USER_KYC_DOCUMENT_REJECTED = "user.kyc_document_rejected"
    USER_KYC_DOCUMENT_SENT = "user.kyc_document_sent"
    USER_KYC_DOCUMENT_WITHDRAWN = "user.kyc_document_withdrawn"
    USER_LEVEL_CHANGED = "user.level_changed"
    USER_OTP_SENT = "user.otp_sent"
    USER_PHONE_VERIFIED = "user.phone_verified"
    USER_TERMS_SIGNED = "user.terms_signed"
    USER_UNBLOCKED = "user.unblocked"
    USER_UNSUBSCRIBED = "user.unsubscribed"
    USER_VERIFIED = "user.verified"
    WALLET_AMOUNT_FROZEN = "wallet.amount_frozen"
    WALLET_AMOUNT_UNFROZEN = "wallet.amount_unfrozen"
    WALLET_BALANCE_BELOW = "wallet.balance_below"
    WALLET_BLOCKED = "wallet.blocked"
    WALLET_CHANGED = "wallet.changed"
    WALLET_IBAN_CREATED = "wallet.iban_created"
    WALLET_OPENED = "wallet.opened"
    WALLET_UNBLOCKED = "wallet.unblocked"
    WALLET_UNSUBSCRIBED = "wallet.unsubscribed"
    WEBHOOK_ENDPOINT_CHANGED = "webhook_endpoint.changed"
    WEBHOOK_ENDPOINT_CREATED = "webhook_endpoint.created"
    WEBHOOK_ENDPOINT_DELIVERY_FAILED = "webhook_endpoint.delivery_failed"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint.disabled"
    WEBHOOK_ENDPOINT_ENABLED = "webhook_endpoint.enabled"
    WEBHOOK_ENDPOINT_SECRET_ROTATED = "webhook_endpoint.secret_rotated"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Fact:
    """An event before it is written. `data` contains ids and codes, never personal texts.

    Its `id` is chosen here: if the event exists, its transaction was committed.
    """

    client_id: uuid.UUID
    subject: str
    subject_id: uuid.UUID
    kind: EventKind
    by: By
    wallet_id: uuid.UUID | None = None
    data: dict[str, Any] = field(default_factory=dict)
    id: uuid.UUID = field(default_factory=new_id)

    @property
    def witness(self) -> Witness:
        """The query that finds the event, by an index on the subject."""
        return Witness(FIND, [self.client_id, self.subject_id, self.id])


STAFF: Final = "staff:"
"""The beginning of an actor that is a member of staff."""


class EventQuerySet(OwnedQuerySet["Event"]):
    def by_staff(self, member: Any) -> EventQuerySet:
        """The events that a member of staff caused. The second condition selects the index."""
        return self.filter(actor=f"{STAFF}{member.pk}", actor__startswith=STAFF)

    def about(self, *subject_ids: uuid.UUID) -> EventQuerySet:
        return self.filter(subject_id__in=subject_ids).order_by("position")

    def chosen(
        self,
        *,
        kinds: list[str] | None,
        subject_ids: list[uuid.UUID] | None,
        wallet_ids: list[uuid.UUID] | None,
        user_ids: list[uuid.UUID] | None,
        wallets_of_users: list[uuid.UUID] | None,
        start_date: datetime | None,
    ) -> Self:
        """The events that all of these leave; None: all. Events of users are also of `wallets`."""
        found = self if kinds is None else self.filter(kind__in=kinds)
        found = found if subject_ids is None else found.filter(subject_id__in=subject_ids)
        found = found if wallet_ids is None else found.filter(wallet_id__in=wallet_ids)
        found = found if start_date is None else found.filter(created_at__gte=start_date)
        if user_ids is None:
            return found
        own = models.Q(subject="user", subject_id__in=user_ids)
        return found.filter(own | models.Q(wallet_id__in=wallets_of_users or []))


class TransactionId(models.Field):
    """PostgreSQL's `xid8`, the number of a transaction; see `users.models.barrier`."""

    def db_type(self, connection: object) -> str:
        return "xid8"


class CurrentTransaction(models.Func):
    """The number of the present transaction. Only the first migration uses it."""

    function = "pg_current_xact_id"
    output_field = TransactionId()


class Event(models.Model):
    """A change; written in the same transaction, never edited.

    `position` is taken under the lock of the changed object, so it gives the order of changes.
    Events up to `Barrier.released_position` are complete: no event appears among them any more.
    In the database the primary key is (client_id, position): a client that was moved here keeps its
    positions, which another client of this group can have too.
    """

    position = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=new_id, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(max_length=10)
    subject_id = models.UUIDField()
    wallet_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=40)
    actor = models.CharField(max_length=60)
    request_id = models.CharField(max_length=64, blank=True)
    trace = models.CharField(max_length=traces.LENGTH, null=True)  # noqa: DJ001 (mostly none)
    created_at = models.DateTimeField(db_default=Now())
    data = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["subject_id", "position"], name="event_of_subject"),
            models.Index(fields=["position"], name="event_by_position"),
            models.Index(fields=["id"], name="event_by_id"),
            models.Index(
                fields=["actor", "created_at"],
                condition=models.Q(actor__startswith=STAFF),
                name="event_by_staff",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


POSITION_SINCE: Final = """
    WITH RECURSIVE half (low, high) AS (
        SELECT 0::bigint, coalesce(max(position), 0) + 1 FROM users_event WHERE client_id = %s
        UNION ALL
        SELECT CASE WHEN is_early THEN middle + 1 ELSE low END,
               CASE WHEN is_early THEN high ELSE middle END
        FROM (
            SELECT low, high, (low + high) / 2 AS middle, coalesce((
                SELECT created_at FROM users_event
                WHERE client_id = %s AND position >= (low + high) / 2
                ORDER BY position LIMIT 1
            ) < %s, false) AS is_early
            FROM half WHERE low < high
        ) AS halved
    )
    SELECT low FROM half WHERE low = high
"""
LONGEST_INSERT: Final = timedelta(minutes=1)
"""An event gets its time when its statement begins, and its position while the statement runs. So
times are in the order of positions but for the time that a statement takes."""


def position_since(client_id: uuid.UUID, instant: datetime) -> int:
    """A position below which all events of the client were created before `instant`.

    Found by binary search: about 30 look-ups in one statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(POSITION_SINCE, [client_id, client_id, instant - LONGEST_INSERT])
        position: int = cursor.fetchone()[0]
    return position


COLUMNS: Final = {
    "id": "uuid",
    "client_id": "uuid",
    "subject": "text",
    "subject_id": "uuid",
    "wallet_id": "uuid",
    "kind": "text",
    "by.actor": "text",
    "by.request_id": "text",
    "by.trace": "text",
    "data": "jsonb",
}
"""The columns that are written, with their types, by the attribute of a Fact that fills each."""
INSERT = f"INSERT INTO users_event {from_json(COLUMNS)} WHERE pg_current_xact_id() IS NOT NULL"
"""The condition assigns the transaction its number before it takes the first position. The barrier
needs this order."""
FIND = "SELECT FROM users_event WHERE client_id = %s AND subject_id = %s AND id = %s"


def record_facts(*facts: Fact) -> None:
    """Write events, in the transaction of their change.

    The first event is the witness of that transaction's commit.
    """
    note_witness(facts[0].witness)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [as_rows(facts)])


def record_about(user: Any, kind: EventKind, by: By, **data: str) -> None:
    """Record one event of a user; `data` contains ids and codes only."""
    record_each_about(user, kind, by, [data])


def record_each_about(user: Any, kind: EventKind, by: By, each: Sequence[dict[str, str]]) -> None:
    """Record events of one kind of a user, as `record_about`."""
    record_facts(*(Fact(user.client_id, "user", user.id, kind, by, None, data) for data in each))


def record_about_client(subject: Client | Credential, kind: EventKind, by: By, **data: Any) -> None:
    """Record one event about a client, or about one of its keys; `data` is ids and codes."""
    if by.approval:
        data["approval"] = str(by.approval)
    client_id = subject.id if isinstance(subject, Client) else subject.client_id
    record_facts(Fact(client_id, kind.partition(".")[0], subject.id, kind, by, None, data))


def position_before(client_id: uuid.UUID, time: datetime, last: int) -> int:
    """The position of the client's last event before a time, by binary search; 0: there is none.

    Events are nearly in the order of their times. Each step reads one row of an index.
    """
    low, high = 0, last
    mine = Event.objects.filter(client=client_id).order_by("position")
    while low < high:
        middle = (low + high) // 2
        found = mine.filter(position__gt=middle, position__lte=high).values_list(
            "position", "created_at"
        )[:1]
        row = found[0] if found else None
        if row is None or row[1] >= time:
            high = middle
        else:
            low = row[0]
    return low
