"""Webhook endpoints of clients, and how far events were sent to them.

An endpoint has one live *stream*, and one more for each replay. A stream is a position among the
events: those before it were sent, or have a row in `WebhookDelivery`. So a row is written only for
what failed. Processes share the streams by leases; see `users.webhooks.leases`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import CreationTime, Now
from users.models.clients import Client, Owned, OwnedQuerySet, has_moved
from users.models.versions import Versioned

LONGEST_URL = 500
MOST_KINDS = 50
MOST_SECRETS = 3


class WebhookEndpointQuerySet(OwnedQuerySet["WebhookEndpoint"]):
    def in_use(self) -> Self:
        """Those that count for the limit of a client."""
        return self.exclude(status="DISABLED")

    def failing(self) -> Self:
        """Those that were disabled because of the receiver."""
        disabled = self.filter(status="DISABLED", disabled_reason__in=["GONE", "FAILING"])
        return disabled.exclude(has_moved())

    def locked(self, endpoint_id: UUID) -> WebhookEndpoint | None:
        return self.select_for_update(no_key=True, of=("self",)).filter(id=endpoint_id).first()


class WebhookEndpoint(Versioned, Owned, models.Model):
    """A URL of a client that gets events.

    It is PENDING until the receiver has answered a ping. `failing_since` is the time of the first
    failure after the last success; `failures` is the number of failures since.
    """

    class Status(models.TextChoices):
        """PENDING: the receiver has not answered a ping with 2xx. ENABLED: it gets events.

        DISABLED: events are kept, and sent when the endpoint is enabled again.
        """

        PENDING = "PENDING"
        ENABLED = "ENABLED"
        DISABLED = "DISABLED"

    class Ordering(models.TextChoices):
        """WALLET, the default: the events of a wallet are sent one after the other.

        One that fails holds back the next ones of its wallet. NONE: a failure holds back nothing.
        """

        WALLET = "WALLET"
        NONE = "NONE"

    class Reason(models.TextChoices):
        """Why an endpoint is disabled: by the client, or by staff.

        GONE: its receiver answered 410. FAILING: no attempt succeeded for five days.
        """

        CLIENT = "CLIENT"
        STAFF = "STAFF"
        GONE = "GONE"
        FAILING = "FAILING"

    VERSION = ("webhook_endpoint", "url", "kinds", "status", "description")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    url = models.CharField(_("URL"), max_length=LONGEST_URL)
    kinds = ArrayField(models.CharField(max_length=40))
    ordering = models.CharField(max_length=10, choices=Ordering, default=Ordering.WALLET)
    description = models.CharField(max_length=140, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    disabled_reason = models.CharField(max_length=10, choices=Reason, blank=True)
    secrets = ArrayField(
        models.CharField(max_length=200), help_text="Encrypted; the first is the newest."
    )
    secrets_until = models.DateTimeField(null=True, help_text="Until then all secrets sign.")
    verified_at = models.DateTimeField(null=True)
    ping_id = models.UUIDField(null=True, help_text="A ping that is to be sent.")
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(db_default=0)
    paused_until = models.DateTimeField(null=True, help_text="The receiver asked for a pause.")
    mail_due = models.BooleanField(db_default=False)
    created_at = models.DateTimeField(db_default=CreationTime(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="webhook_endpoint_status_is_known",
                condition=Q(status__in=["PENDING", "ENABLED", "DISABLED"]),
            ),
            models.CheckConstraint(
                name="webhook_endpoint_ordering_is_known",
                condition=Q(ordering__in=["WALLET", "NONE"]),
            ),
            models.CheckConstraint(
                name="webhook_endpoint_is_disabled_for_a_reason",
                condition=Q(
                    status="DISABLED", disabled_reason__in=["CLIENT", "STAFF", "GONE", "FAILING"]
                )
                | ~Q(status="DISABLED") & Q(disabled_reason=""),
            ),
            models.CheckConstraint(
                name="webhook_endpoint_is_enabled_once_verified",
                condition=~Q(status="ENABLED") | Q(verified_at__isnull=False),
            ),
            models.CheckConstraint(
                name="webhook_endpoint_has_kinds",
                condition=Q(kinds__len__gte=1, kinds__len__lte=MOST_KINDS),
            ),
            models.CheckConstraint(
                name="webhook_endpoint_has_secrets",
                condition=Q(secrets__len__gte=1, secrets__len__lte=MOST_SECRETS),
            ),
            models.CheckConstraint(
                name="webhook_endpoint_has_an_https_url",
                condition=Q(url__startswith="https://") | Q(url__startswith="http://"),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["client", "created_at", "id"], name="webhook_endpoint_of_client"),
            models.Index(fields=["created_at", "id"], name="webhook_endpoint_by_time"),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookStream(models.Model):
    """A position among the events of an endpoint's client; events up to it were handed on.

    With `until` it is a replay, which ends there. A process may work on it while it has the lease:
    `lease` counts the leases, and every write names the number that it relies on.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.PROTECT, related_name="streams", db_index=False
    )
    position = models.BigIntegerField()
    until = models.BigIntegerField(null=True)
    lease = models.BigIntegerField(db_default=0)
    leased_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["endpoint"], condition=Q(until=None), name="webhook_endpoint_has_one_stream"
            ),
            models.CheckConstraint(
                name="webhook_stream_is_within_its_end",
                condition=Q(until=None) | Q(position__lte=F("until")),
            ),
            models.CheckConstraint(
                name="webhook_stream_ends_if_it_is_a_replay",
                condition=Q(ended_at=None) | Q(until__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["endpoint"], condition=Q(ended_at=None), name="webhook_stream_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.position}"


class WebhookDelivery(models.Model):
    """What failed, or waits behind it: the place where a lane of a stream stopped.

    A lane is a wallet (for events without a wallet, their subject); with `ordering: NONE`, an
    event. While its row is WAITING, nothing of the lane is sent but by this row. `event_id` is the
    event that failed; NULL: the lane goes on behind `position`.
    """

    class Status(models.TextChoices):
        WAITING = "WAITING"
        FAILED = "FAILED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.PROTECT, related_name="deliveries", db_index=False
    )
    stream = models.ForeignKey(WebhookStream, models.PROTECT, related_name="+", db_index=False)
    lane = models.UUIDField()
    position = models.BigIntegerField()
    event_id = models.UUIDField(null=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["stream", "lane"],
                condition=Q(status="WAITING"),
                name="webhook_lane_waits_once",
            ),
            models.CheckConstraint(
                name="webhook_delivery_waits_for_a_time_or_has_failed",
                condition=Q(status="WAITING", next_attempt_at__isnull=False, failed_at=None)
                | Q(
                    status="FAILED",
                    next_attempt_at=None,
                    failed_at__isnull=False,
                    event_id__isnull=False,
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["stream", "next_attempt_at"],
                condition=Q(status="WAITING"),
                name="webhook_delivery_due",
            ),
            models.Index(fields=["endpoint", "event_id"], name="webhook_delivery_of_event"),
            models.Index(
                fields=["endpoint", "failed_at"],
                condition=Q(status="FAILED"),
                name="webhook_delivery_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.status}"


class WebhookAttemptQuerySet(models.QuerySet["WebhookAttempt"]):
    def of(self, endpoint: WebhookEndpoint) -> Self:
        return self.filter(endpoint=endpoint)


class WebhookAttempt(models.Model):
    """One request to an endpoint, and what came of it; kept for 30 days.

    Its times are real ones, as they are about our own processes.
    """

    LONGEST_ANSWER: ClassVar = 1_000

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.PROTECT, related_name="attempts", db_index=False
    )
    event_id = models.UUIDField()
    kind = models.CharField(max_length=40)
    number = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    failure = models.CharField(max_length=20, blank=True)
    detail = models.CharField(max_length=200, blank=True)
    answer = models.CharField(max_length=LONGEST_ANSWER, blank=True)

    objects = WebhookAttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook attempt")
        verbose_name_plural = _("webhook attempts")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="webhook_attempt_has_an_answer_or_a_failure",
                condition=Q(status__isnull=False) | ~Q(failure=""),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["endpoint", "created_at", "id"], name="webhook_attempt_of_endpoint"
            ),
            models.Index(fields=["event_id"], name="webhook_attempt_of_event"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.status or self.failure}"

    @property
    def is_success(self) -> bool:
        return not self.failure


ALL_OF_WEBHOOKS: Final = (WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookStream)


def wanted(kinds: Any, kind: str) -> bool:
    """Tell whether one of the patterns of an endpoint names a kind of events."""
    subject = kind.partition(".")[0]
    return any(pattern in {kind, "*", f"{subject}.*"} for pattern in kinds)
