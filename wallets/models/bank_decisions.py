"""Decisions about lines in suspense: one member of staff asks, another one answers."""

from __future__ import annotations

from typing import Final, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models import Client
from wallets.models.bank_lines import BankLine
from wallets.models.movements import Movement
from wallets.models.wallets import Wallet

STAFF: Final = "^staff:[0-9]+$"
"""An actor that is a member of staff."""


class BankDecisionQuerySet(models.QuerySet["BankDecision"]):
    def open(self) -> Self:
        """Those that wait for a second person."""
        return self.filter(answered_at=None)

    def locked(self) -> Self:
        return self.select_for_update(no_key=True)


class BankDecision(models.Model):
    """What is asked about a line, by whom and why; and the answer of somebody else.

    An ASSIGN names the movement that the line explains, or a wallet for a new cash-in. `amounts`
    are those of the parts of a SPLIT, in minor units. A RETURN of a debit names the credit that it
    has returned: its `pair`. A SAME names the line that states its payment too. No setting and no
    role disables the second person. The reason is required, and erased with the texts of the line.
    """

    class Kind(models.TextChoices):
        ASSIGN = "ASSIGN", _("Assign to a wallet")
        SPLIT = "SPLIT", _("Split")
        RETURN = "RETURN", _("Return to the payer")
        IGNORE = "IGNORE", _("Set apart")
        SAME = "SAME", _("The same as another line")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    line = models.ForeignKey(
        BankLine, models.PROTECT, related_name="decisions", verbose_name=_("bank line")
    )
    kind = models.CharField(_("decision"), max_length=6, choices=Kind)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", null=True, db_index=False)
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", null=True, db_index=False, db_constraint=False
    )
    movement = models.ForeignKey(
        Movement, models.PROTECT, related_name="+", null=True, db_index=False
    )
    amounts = models.JSONField(default=list)
    pair = models.ForeignKey(BankLine, models.PROTECT, related_name="+", null=True, db_index=False)
    reason = models.CharField(_("reason"), max_length=140)
    asked_by = models.CharField(max_length=60)
    asked_at = models.DateTimeField(_("asked"), db_default=Now(), editable=False)
    answered_by = models.CharField(max_length=60, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    is_approved = models.BooleanField(_("approved"), null=True)

    objects = BankDecisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision about a bank line")
        verbose_name_plural = _("decisions about bank lines")
        constraints = [
            models.UniqueConstraint(
                fields=["line"],
                condition=Q(answered_at=None),
                name="bank_decision_is_asked_once_at_a_time",
            ),
            models.CheckConstraint(
                name="bank_decision_is_answered_by_another",
                condition=Q(asked_by__regex=STAFF)
                & (
                    Q(answered_by="", answered_at=None, is_approved=None)
                    | (
                        Q(
                            answered_by__regex=STAFF,
                            answered_at__isnull=False,
                            is_approved__isnull=False,
                        )
                        & ~Q(answered_by=F("asked_by"))
                    )
                ),
            ),
            models.CheckConstraint(
                name="bank_decision_has_what_its_kind_needs",
                condition=Q(kind="ASSIGN", client__isnull=False, wallet__isnull=False, pair=None)
                | Q(kind="RETURN", wallet=None, movement=None)
                | Q(kind="SAME", wallet=None, movement=None, pair__isnull=False)
                | Q(kind__in=["SPLIT", "IGNORE"], wallet=None, movement=None, pair=None),
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_at", "id"], condition=Q(answered_at=None), name="bank_decision_open"
            ),
        ]
        permissions = [("answer_bankdecision", "Can approve decisions about bank lines")]

    def __str__(self) -> str:
        return str(self.get_kind_display())
