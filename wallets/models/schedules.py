"""Scheduled operations: payments that repeat, and each of their runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, When
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models import Client
from users.models.clients import OwnedQuerySet
from users.models.ids import as_id
from users.models.searches import compact
from users.models.versions import Versioned
from wallets.models.accounts import ExternalAccount
from wallets.models.movements import Movement
from wallets.models.wallets import Wallet

GOING_ON = ("ACTIVE", "PAUSED")
"""The statuses in which runs become due."""


class ScheduledOperationQuerySet(OwnedQuerySet["ScheduledOperation"]):
    def named(self, words: str) -> Self:
        """Search by id, by the wallet that pays, or by the IBAN that is paid."""
        if found := as_id(words):
            return self.filter(Q(id=found) | Q(wallet=found))
        return self.filter(iban=compact(words)).exclude(iban="")

    def going_on(self) -> Self:
        return self.filter(status__in=GOING_ON)


class VersionedSchedule(Versioned):
    """What a scheduled operation and its locked row have in common."""

    __slots__ = ()
    VERSION = ("schedule", "status", "alias", "concept", "amount")


class ScheduledOperation(VersionedSchedule, models.Model):
    """A payment of `amount` minor units that is repeated, to a wallet or to a bank account.

    It has dates, or a `trigger`: then it runs while the available balance of `watched` is below or
    above `threshold`, and without an `amount` it pays the difference.

    `next_number` is the run that is due at `next_at`. Only the order that makes a run moves them
    on, in the transaction of the run. `taken_until` is by the clock of the machine: until then
    another worker leaves the row alone. `counted` is the number of runs of a trigger on the local
    day `counted_on`.
    """

    class Status(models.TextChoices):
        """ACTIVE: runs are executed. PAUSED: runs that become due are skipped. CANCELLED: ended by
        a request, or with its wallet. COMPLETED: all runs are over.
        """

        ACTIVE = "ACTIVE"
        PAUSED = "PAUSED"
        CANCELLED = "CANCELLED"
        COMPLETED = "COMPLETED"

    class Frequency(models.TextChoices):
        """How often it runs, counted from `startDate`."""

        ONCE = "ONCE"
        DAILY = "DAILY"
        WEEKLY = "WEEKLY"
        MONTHLY = "MONTHLY"
        YEARLY = "YEARLY"

    class Duration(models.TextChoices):
        """NUMBER_OF_EXECUTIONS: `value` is their number; failed and skipped ones count.
        END_DATE: `value` is the last possible date, inclusive. INDEFINITE: without an end.
        """

        NUMBER_OF_EXECUTIONS = "NUMBER_OF_EXECUTIONS"
        END_DATE = "END_DATE"
        INDEFINITE = "INDEFINITE"

    class Receiver(models.TextChoices):
        """WALLET: another wallet of yours. EXTERNAL_BANK_ACCOUNT: a bank account."""

        WALLET = "WALLET"
        EXTERNAL_BANK_ACCOUNT = "EXTERNAL_BANK_ACCOUNT"

    class Trigger(models.TextChoices):
        """BALANCE_BELOW: it runs while the available balance of the watched wallet is below the
        threshold. BALANCE_ABOVE: while it is above.
        """

        BALANCE_BELOW = "BALANCE_BELOW"
        BALANCE_ABOVE = "BALANCE_ABOVE"

    class MissedRuns(models.TextChoices):
        """What happens to executions that became due while the server was down. LATEST, the
        default: the latest is made and the older are skipped. ALL: all are made.
        """

        LATEST = "LATEST"
        ALL = "ALL"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.ACTIVE)
    alias = models.CharField(max_length=100, blank=True)
    concept = models.CharField(max_length=140, blank=True)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(null=True, help_text="Of each run, in minor units.")
    receiver = models.CharField(max_length=21, choices=Receiver)
    target = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        ExternalAccount,
        models.PROTECT,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
    )
    iban = models.CharField(max_length=34, blank=True)
    start_date = models.DateField(null=True)
    frequency = models.CharField(max_length=7, choices=Frequency, blank=True)
    count = models.IntegerField(null=True, help_text="The number of runs.")
    end_date = models.DateField(null=True, help_text="The last possible date of a run.")
    time_zone = models.CharField(max_length=64)
    missed_runs = models.CharField(max_length=6, choices=MissedRuns, default=MissedRuns.LATEST)
    retry_until = models.CharField(
        max_length=5, blank=True, help_text="Local time, on the date of a run."
    )
    trigger = models.CharField(max_length=13, choices=Trigger, blank=True)
    threshold = models.BigIntegerField(null=True, help_text="In minor units.")
    watched = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    counted_on = models.DateField(null=True)
    counted = models.IntegerField(default=0)
    next_number = models.IntegerField(default=1)
    next_at = models.DateTimeField(null=True)
    taken_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScheduledOperationQuerySet.as_manager()

    class Meta:
        verbose_name = _("scheduled operation")
        verbose_name_plural = _("scheduled operations")
        constraints = [
            models.CheckConstraint(
                name="schedule_amount_is_positive",
                condition=Q(amount__gt=0) | Q(amount__isnull=True),
            ),
            models.CheckConstraint(
                name="schedule_has_dates_or_a_trigger",
                condition=Q(
                    trigger="",
                    frequency__in=["ONCE", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"],
                    start_date__isnull=False,
                    amount__isnull=False,
                    threshold__isnull=True,
                    watched__isnull=True,
                )
                | Q(
                    trigger__in=["BALANCE_BELOW", "BALANCE_ABOVE"],
                    frequency="",
                    start_date__isnull=True,
                    count__isnull=True,
                    end_date__isnull=True,
                    retry_until="",
                    threshold__gte=0,
                    threshold__isnull=False,
                    watched__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="schedule_missed_runs_are_known",
                condition=Q(missed_runs__in=["LATEST", "ALL"]),
            ),
            models.CheckConstraint(
                name="schedule_has_one_receiver",
                condition=Q(receiver="WALLET", target__isnull=False, account__isnull=True, iban="")
                | Q(receiver="EXTERNAL_BANK_ACCOUNT", target__isnull=True, account__isnull=True)
                | Q(receiver="EXTERNAL_BANK_ACCOUNT", target__isnull=True, iban=""),
            ),
            models.CheckConstraint(
                name="schedule_target_is_another_wallet",
                condition=Q(target__isnull=True) | ~Q(target=F("wallet")),
            ),
            models.CheckConstraint(
                name="schedule_has_one_end",
                condition=Q(count__isnull=True, end_date__isnull=True)
                | Q(count__isnull=False, count__gt=0, end_date__isnull=True)
                | Q(count__isnull=True, end_date__isnull=False, end_date__gte=F("start_date")),
            ),
            models.CheckConstraint(
                name="schedule_is_due_while_it_goes_on",
                condition=Q(status__in=["ACTIVE", "PAUSED"], next_at__isnull=False)
                | Q(status__in=["CANCELLED", "COMPLETED"], next_at__isnull=True),
            ),
            models.CheckConstraint(name="schedule_counts_from_1", condition=Q(next_number__gt=0)),
            models.UniqueConstraint(
                fields=["client", "wallet", "id"], name="schedule_is_of_one_wallet"
            ),
        ]
        indexes = [
            models.Index(fields=["wallet", "created_at", "id"], name="schedule_page"),
            models.Index(
                fields=["next_at"],
                condition=Q(status__in=["ACTIVE", "PAUSED"], trigger=""),
                name="schedule_due",
            ),
            models.Index(
                fields=["next_at"],
                condition=Q(status="ACTIVE") & ~Q(trigger=""),
                name="schedule_watching",
            ),
            models.Index(fields=["iban"], condition=~Q(iban=""), name="schedule_of_iban"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_going_on(self) -> bool:
        return self.status in GOING_ON

    # What answers show as objects

    @property
    def payee(self) -> dict[str, Any]:
        account = self.target_id or self.account_id
        return {"type": self.receiver, "account": str(account or self.iban) or None}

    @property
    def dates(self) -> Self | None:
        return None if self.trigger else self

    @property
    def duration(self) -> dict[str, Any]:
        if self.count is not None:
            return {"type": self.Duration.NUMBER_OF_EXECUTIONS, "value": str(self.count)}
        if self.end_date is not None:
            return {"type": self.Duration.END_DATE, "value": self.end_date.isoformat()}
        return {"type": self.Duration.INDEFINITE, "value": None}

    @property
    def balance_trigger(self) -> Self | None:
        return self if self.trigger else None


class ScheduledRunQuerySet(OwnedQuerySet["ScheduledRun"]):
    def named(self, words: str) -> Self:
        """Search by id, or by the scheduled operation, the wallet or the movement."""
        if found := as_id(words):
            return self.filter(
                Q(id=found) | Q(schedule=found) | Q(wallet=found) | Q(movement=found)
            )
        return self.none()

    def seen(self) -> Self:
        """Annotate `standing`: a run to a bank account has the status of its cash-out."""
        own = Movement.objects.filter(client=OuterRef("client"), id=OuterRef("movement"))
        return self.annotate(paid=Subquery(own.values("status")[:1])).annotate(
            standing=Case(
                When(paid__in=["ERROR", "CANCELLED"], then=models.Value("FAILED")),
                When(movement__isnull=False, then=F("paid")),
                default=F("status"),
            ),
            reason=Case(
                When(paid="ERROR", then=models.Value("cash_out_rejected")),
                When(paid="CANCELLED", then=models.Value("cash_out_cancelled")),
                default=F("code"),
            ),
        )

    def with_standing(self, statuses: Sequence[str]) -> Self:
        """The runs with one of these statuses, of those that were annotated with `seen`."""
        return self.filter(Q(standing__in=statuses))


class ScheduledRun(models.Model):
    """A run of a scheduled operation: its movement, or the code of why there is none.

    It is written in the transaction of its movement, and never edited: a run that has ordered a
    cash-out stays PENDING here, and is shown with the status of the cash-out.
    """

    class Status(models.TextChoices):
        """PENDING: a cash-out is not settled yet. SUCCESS: paid. FAILED: not paid, as `errorCode`
        says. SKIPPED: not tried.
        """

        PENDING = "PENDING"
        SUCCESS = "SUCCESS"
        FAILED = "FAILED"
        SKIPPED = "SKIPPED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    schedule = models.ForeignKey(
        ScheduledOperation,
        models.PROTECT,
        related_name="runs",
        db_constraint=False,
        db_index=False,
    )
    number = models.IntegerField()
    due_date = models.DateField()
    status = models.CharField(max_length=7, choices=Status)
    code = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    movement = models.ForeignKey(
        Movement, models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScheduledRunQuerySet.as_manager()

    standing: str
    reason: str

    class Meta:
        verbose_name = _("scheduled run")
        verbose_name_plural = _("scheduled runs")
        constraints = [
            models.UniqueConstraint(
                fields=["client", "schedule", "number"], name="run_is_made_once"
            ),
            models.CheckConstraint(
                name="run_has_a_movement_or_a_code",
                condition=Q(status__in=["PENDING", "SUCCESS"], movement__isnull=False, code="")
                | Q(status__in=["FAILED", "SKIPPED"], movement__isnull=True) & ~Q(code=""),
            ),
            models.CheckConstraint(name="run_is_counted_from_1", condition=Q(number__gt=0)),
            models.CheckConstraint(name="run_amount_is_positive", condition=Q(amount__gt=0)),
        ]
        indexes = [
            models.Index(fields=["schedule", "created_at", "id"], name="run_page"),
            models.Index(
                fields=["created_at", "id"], condition=Q(status="FAILED"), name="run_failed"
            ),
            models.Index(
                fields=["movement"], condition=Q(movement__isnull=False), name="run_of_movement"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
