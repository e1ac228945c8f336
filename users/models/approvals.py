"""Approvals: what one member of staff asks for, and another approves. And the thresholds above
which an action with money needs one."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from iocash import money
from iocash.db.clock import Now
from users.models.clients import Client, has_moved
from users.models.ids import new_id
from users.models.users import User


class ApprovalKind(StrEnum):
    """The actions that can need an approval."""

    ADJUSTMENT = "ADJUSTMENT"
    CASH_IN = "CASH_IN"
    REVERSAL = "REVERSAL"
    SETTLE_CASH_OUT = "SETTLE_CASH_OUT"
    REJECT_CASH_OUT = "REJECT_CASH_OUT"
    TRANSFER = "TRANSFER"
    CASH_OUT = "CASH_OUT"
    PAY_OUT = "PAY_OUT"
    UNBLOCK_USER = "UNBLOCK_USER"
    UNBLOCK_WALLET = "UNBLOCK_WALLET"
    LIFT_FREEZE = "LIFT_FREEZE"
    ACTIVATE_CLIENT = "ACTIVATE_CLIENT"
    ERASE_USER = "ERASE_USER"
    ADD_MEMBER = "ADD_MEMBER"
    ACTIVATE_MEMBER = "ACTIVATE_MEMBER"
    CHANGE_ROLES = "CHANGE_ROLES"
    RESET_PASSWORD = "RESET_PASSWORD"  # noqa: S105
    RESET_SECOND_FACTOR = "RESET_SECOND_FACTOR"
    ISSUE_API_KEY = "ISSUE_API_KEY"
    RAISE_THRESHOLD = "RAISE_THRESHOLD"
    SET_APART = "SET_APART"
    TAKE_FILE_BACK = "TAKE_FILE_BACK"
    CASH_INS_SOURCE = "CASH_INS_SOURCE"
    BANK_ACCOUNT = "BANK_ACCOUNT"


CEILINGS: Final = {
    ApprovalKind.ADJUSTMENT: 1_000,
    ApprovalKind.CASH_IN: 10_000,
    ApprovalKind.REVERSAL: 10_000,
    ApprovalKind.SETTLE_CASH_OUT: 100_000,
    ApprovalKind.REJECT_CASH_OUT: 100_000,
}
"""The actions that have thresholds, and the highest threshold of each, in units of the currency. No
setting raises it, and a higher threshold in the database counts as this one."""


NEVER_ALONE: Final = (ApprovalKind.TRANSFER, ApprovalKind.CASH_OUT)
"""Payments with the money of a customer: no threshold lets one member of staff order them. A
cash-out is ordered by an approved PAY_OUT, a transfer by nobody of the staff."""


def ceiling_of(kind: str, currency: str) -> int:
    """The highest threshold of an action in minor units of the currency; 0: it has none."""
    units = CEILINGS.get(ApprovalKind(kind), 0)
    return units * int(10 ** money.decimals(currency))


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def waiting(self) -> ApprovalQuerySet:
        """What was asked for here, is not decided and has not expired."""
        asked = self.filter(state=Approval.State.ASKED, expires_at__gt=Now())
        return asked.exclude(has_moved())

    def overdue(self) -> ApprovalQuerySet:
        return self.filter(state=Approval.State.ASKED, expires_at__lte=Now())

    def of(self, user: User) -> ApprovalQuerySet:
        """Those about a user, about what the user has, or about a payment with the user."""
        return self.filter(Q(user=user) | Q(counterparty=user), client=user.client_id)

    def lock_of(self, user: User) -> None:
        """Lock those about a user, as a decision does: before the row of the user."""
        list(self.of(user).order_by("id").select_for_update(no_key=True).values_list("id"))

    def erase_of(self, user: User) -> None:
        """Erase the texts and facts of all approvals about a closed user."""
        self.of(user).update(texts=None, facts=None, reason="", decision="")


class Approval(models.Model):
    """An action that somebody asked for. Who decides is somebody else.

    What is asked never changes, and it is decided once; the database refuses all else. `payload`
    has ids, codes and amounts, `texts` what people wrote, `facts` what the asker was shown: texts
    and facts are erased with the personal data of `user`, or of `counterparty`, who is the other
    party of a payment. `made_id` is the movement that it made.
    """

    class State(models.TextChoices):
        ASKED = "ASKED", _("Waiting")
        APPROVED = "APPROVED", _("Approved")
        REFUSED = "REFUSED", _("Refused")
        WITHDRAWN = "WITHDRAWN", _("Withdrawn")
        EXPIRED = "EXPIRED", _("Expired")
        FAILED = "FAILED", _("Failed")

    MOST_CHARACTERS: Final = 500

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20)
    client = models.ForeignKey(Client, models.PROTECT, null=True, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    counterparty = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    subject = models.CharField(max_length=10)
    subject_id = models.CharField(max_length=36, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    amount = models.BigIntegerField(null=True)
    payload = models.JSONField()
    texts = models.JSONField(null=True)
    facts = models.JSONField(null=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=MOST_CHARACTERS, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State, default=State.ASKED)
    code = models.CharField(max_length=60, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=MOST_CHARACTERS, blank=True)
    made_id = models.UUIDField(null=True)

    objects = ApprovalQuerySet.as_manager()

    is_unfinished = False
    """Whether what follows the commit has failed; known to the decision only, and not stored."""

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        constraints = [
            models.CheckConstraint(
                name="approval_is_decided_by_another",
                condition=Q(decided_by=None) | Q(state="WITHDRAWN") | ~Q(decided_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="approval_is_withdrawn_by_its_asker",
                condition=~Q(state="WITHDRAWN")
                | Q(decided_by__isnull=False, decided_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="approval_state_is_consistent",
                condition=Q(state="ASKED", decided_by=None, decided_at=None, code="", made_id=None)
                | Q(state="EXPIRED", decided_by=None, decided_at__isnull=False, code="")
                & Q(made_id=None)
                | Q(state="APPROVED", decided_by__isnull=False, decided_at__isnull=False, code="")
                | Q(state__in=["REFUSED", "WITHDRAWN"], decided_by__isnull=False, code="")
                & Q(decided_at__isnull=False, made_id=None)
                | Q(state="FAILED", decided_by__isnull=False, decided_at__isnull=False)
                & Q(made_id=None)
                & ~Q(code=""),
            ),
            models.CheckConstraint(
                name="approval_amount_has_a_currency",
                condition=Q(amount=None, currency="")
                | Q(amount__isnull=False, amount__gte=0) & ~Q(currency=""),
            ),
            models.CheckConstraint(
                name="approval_has_a_reason", condition=~Q(reason="") | Q(texts=None)
            ),
            models.CheckConstraint(
                name="approval_expires_after_it_was_asked",
                condition=Q(expires_at__gt=F("asked_at")),
            ),
            models.UniqueConstraint(fields=["made_id"], name="approval_makes_one_movement"),
        ]
        indexes = [
            models.Index(
                fields=["expires_at", "id"], condition=Q(state="ASKED"), name="approval_waiting"
            ),
            models.Index(fields=["asked_by", "asked_at"], name="approval_of_asker"),
            models.Index(
                fields=["decided_by", "decided_at"],
                condition=Q(decided_by__isnull=False),
                name="approval_of_decider",
            ),
            models.Index(fields=["subject_id", "id"], name="approval_about_subject"),
            models.Index(fields=["user", "id"], name="approval_of_user"),
            models.Index(
                fields=["counterparty", "id"],
                condition=Q(counterparty__isnull=False),
                name="approval_of_counterparty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_waiting(self) -> bool:
        return self.state == self.State.ASKED


class Threshold(models.Model):
    """A threshold from its creation on, until the next version. Never edited.

    One that is higher than the version before has the approval that raised it.
    """

    kind = models.CharField(max_length=20)
    currency = models.CharField(max_length=3)
    version = models.PositiveIntegerField()
    amount = models.BigIntegerField()
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    approval = models.OneToOneField(Approval, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=Approval.MOST_CHARACTERS)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("threshold")
        verbose_name_plural = _("thresholds")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "currency", "version"], name="threshold_version_is_there_once"
            ),
            models.CheckConstraint(
                name="threshold_is_not_negative", condition=Q(amount__gte=0, version__gte=1)
            ),
            models.CheckConstraint(name="threshold_has_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.currency} {self.version}"
