"""Holds: funds reserved for another wallet, and freezes: funds that an authority has frozen."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.apps import apps
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Cast, Coalesce
from uuid_utils.compat import uuid7

from iocash import errors
from iocash.db.clock import Now
from users.models import Case, Client, Key
from users.models.ids import as_id
from users.models.versions import version
from wallets.models.querysets import DatedQuerySet
from wallets.models.wallets import Wallet

OPEN, EXPIRED = "OPEN", "EXPIRED"
BIGINT, BOOLEAN = models.BigIntegerField(), models.BooleanField()
IS_OVERDUE = Q(status=OPEN, expires_at__lte=Now())


class HoldQuerySet(DatedQuerySet["Hold"]):
    """Holds with their current status; `is_overdue` uses the clock of the database."""

    def promised(self) -> Self:
        """The holds for another wallet, which their client can see: all but freezes."""
        return self.filter(target__isnull=False)

    def frozen(self) -> Self:
        """The freezes."""
        return self.filter(target__isnull=True)

    def seen(self) -> Self:
        """Annotate `is_overdue` and `executed`, which answers need."""
        paid = apps.get_model("wallets", "Movement").objects.filter(
            client=OuterRef("client"), hold=OuterRef("pk"), amount__lt=0
        )
        total = paid.order_by().values("hold").values_list(Cast(-Sum("amount"), BIGINT))
        return self.annotate(
            is_overdue=Coalesce(models.ExpressionWrapper(IS_OVERDUE, BOOLEAN), False),
            executed=Coalesce(Subquery(total), 0, output_field=BIGINT),
        )

    def standing(self, *statuses: str) -> Self:
        """Holds with one of these current statuses.

        An overdue hold is expired, even if its row says open.
        """
        current = Q(status__in=statuses)
        if EXPIRED in statuses:
            current |= IS_OVERDUE
        found = self.filter(current)
        return found.exclude(IS_OVERDUE) if OPEN in statuses and EXPIRED not in statuses else found

    def overdue(self) -> Self:
        """The holds that have expired and whose rows still say open."""
        return self.filter(IS_OVERDUE)

    def named(self, words: str) -> Self:
        """Search by id or by the wallet of the hold."""
        found = as_id(words)
        return self.filter(Q(id=found) | Q(wallet=found)) if found else self.none()

    def made_with(self, client_id: uuid.UUID | None, key: str) -> Self:
        """The hold that was placed with this Idempotency-Key."""
        made = Key.objects.filter(client=client_id, key=key, made="hold").values("made_id")
        return self.filter(id__in=made)


class Promise:
    """A hold, or a freeze, which is for nobody."""

    __slots__ = ()

    target_id: uuid.UUID | None

    @property
    def is_freeze(self) -> bool:
        return self.target_id is None

    @property
    def payee_id(self) -> uuid.UUID:
        """The wallet that an execution pays; a freeze pays none."""
        if self.target_id is None:
            raise errors.Inconsistent("a freeze is never executed")
        return self.target_id


class Hold(Promise, models.Model):
    """Funds of `wallet` reserved for `target`: while open, `remaining` of `amount` is held.

    It is placed once, can be executed in parts, and ends once. Each execution is a TRANSFER with
    the id of the hold. `digest` covers the facts of the placed hold; `details_digest` covers the
    texts.

    An open hold is expired from `expires_at` on. Its row is updated when an order next locks the
    wallet, or by the worker.

    Without a target it is a freeze: staff place it in a `case`, at the request of an authority, and
    lift it as a whole. It never expires, and is never executed. `concept` is why it was placed, and
    `reason` why it was lifted. The client sees it in the held balance only.
    """

    class Status(models.TextChoices):
        """OPEN: `remainingAmount` is reserved. EXECUTED: paid. RELEASED: given back by a request.
        EXPIRED: its expiration has passed. Only an OPEN hold can change.
        """

        OPEN = "OPEN"
        EXECUTED = "EXECUTED"
        RELEASED = "RELEASED"
        EXPIRED = "EXPIRED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    target = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    case = models.ForeignKey(Case, models.PROTECT, related_name="+", db_index=False, null=True)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(help_text="Original amount, in minor units.")
    remaining = models.BigIntegerField(help_text="Still held, in minor units.")
    status = models.CharField(max_length=8, choices=Status)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(db_default=Now())
    concept = models.CharField(max_length=140, null=True)  # noqa: DJ001 (erased is null)
    metadata = models.JSONField(null=True)
    reference = models.CharField(max_length=64, null=True)  # noqa: DJ001
    reason = models.CharField(max_length=140, null=True)  # noqa: DJ001 (erased is null)
    salt = models.BinaryField(max_length=16, null=True)
    details_digest = models.BinaryField(max_length=32, null=True)
    digest = models.BinaryField(max_length=32)

    objects = HoldQuerySet.as_manager()

    is_overdue: bool
    executed: int
    """The sum of its executions, in minor units."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="hold_status_is_known",
                condition=Q(status__in=["OPEN", "EXECUTED", "RELEASED", "EXPIRED"]),
            ),
            models.CheckConstraint(name="hold_amount_is_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="hold_target_is_another_wallet", condition=~Q(target=F("wallet"))
            ),
            models.CheckConstraint(
                name="hold_remaining_is_within_amount",
                condition=Q(remaining__gte=0, remaining__lte=F("amount")),
            ),
            models.CheckConstraint(
                name="hold_open_has_something_left",
                condition=Q(status="OPEN", remaining__gt=0, ended_at=None)
                | (~Q(status="OPEN") & Q(remaining=0, ended_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="hold_expires_only_when_dated",
                condition=~Q(status="EXPIRED") | Q(expires_at__isnull=False),
            ),
            models.CheckConstraint(
                name="hold_details_have_a_salt",
                condition=Q(salt__isnull=False, details_digest__isnull=False)
                | Q(salt=None, concept=None, metadata__isnull=True, reference=None),
            ),
            models.CheckConstraint(
                name="hold_has_a_target_or_is_a_freeze",
                condition=Q(target__isnull=False, case=None, reason=None)
                | Q(
                    target=None,
                    case__isnull=False,
                    expires_at=None,
                    metadata__isnull=True,
                    reference=None,
                    details_digest__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="hold_freeze_is_lifted_as_a_whole_with_a_reason",
                condition=Q(target__isnull=False)
                | Q(status="OPEN", remaining=F("amount"), concept__isnull=False, reason=None)
                | Q(status="RELEASED", concept__isnull=False, reason__isnull=False)
                | Q(status="RELEASED", concept=None, reason=None, salt=None),
            ),
        ]
        indexes = [
            models.Index(
                fields=["case", "id"], condition=Q(case__isnull=False), name="hold_of_case"
            ),
            models.Index(fields=["wallet", "created_at", "id"], name="hold_page"),
            models.Index(fields=["client", "created_at", "id"], name="hold_of_client"),
            models.Index(fields=["target", "created_at", "id"], name="hold_of_target_page"),
            models.Index(
                fields=["client", "reference", "created_at", "id"],
                condition=Q(reference__isnull=False),
                name="hold_of_reference",
            ),
            models.Index(
                fields=["client", "created_at", "id"],
                condition=Q(status="OPEN"),
                name="hold_open_of_client",
            ),
            models.Index(
                fields=["wallet", "expires_at"], condition=Q(status="OPEN"), name="hold_open"
            ),
            models.Index(fields=["expires_at"], condition=Q(status="OPEN"), name="hold_expiring"),
        ]
        permissions = [
            ("release_hold", "Can release holds"),
            ("freeze_amount", "Can freeze amounts and lift freezes"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    # The current status, of a hold that was read with `seen`

    @property
    def standing(self) -> str:
        return EXPIRED if self.is_overdue else self.status

    @property
    def left(self) -> int:
        return 0 if self.is_overdue else self.remaining

    @property
    def released(self) -> int:
        """What was given back to the wallet, in minor units."""
        return self.amount - self.left - self.executed

    @property
    def over_at(self) -> datetime | None:
        return self.expires_at if self.is_overdue else self.ended_at

    @property
    def changed_at(self) -> datetime | None:
        """When it was last changed; an expired hold changes at its expiration."""
        return self.expires_at if self.is_overdue else self.updated_at

    @property
    def version(self) -> str:
        return version_of(self.id, self.standing, self.left, self.expires_at)


def version_of(hold_id: uuid.UUID, status: str, remaining: int, expires_at: datetime | None) -> str:
    """The ETag of a hold: a digest of the fields that can change."""
    shown: dict[str, object] = {
        "id": hold_id,
        "status": status,
        "remaining": remaining,
        "expires_at": expires_at,
    }
    return version("hold", shown)
