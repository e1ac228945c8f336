"""Daily reports of safeguarding, and who signed them off."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models import Client
from wallets.models.bank_decisions import STAFF
from wallets.models.movements import Movement


class SafeguardingReport(models.Model):
    """The equation of all safeguarding accounts at an instant: written once, never changed.

    `content` is the report as JSON text; `sha256` is its hash. All movements that were settled
    before `swept_until`, and that no bank line explains, are `UnexplainedMovement`s.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    day = models.DateField(_("day"), unique=True)
    is_right = models.BooleanField(_("right"))
    content = models.TextField()
    sha256 = models.BinaryField(max_length=32)
    swept_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("made"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("safeguarding report")
        verbose_name_plural = _("safeguarding reports")
        constraints = [
            models.CheckConstraint(
                name="safeguarding_sweeps_the_past",
                condition=Q(swept_until=None) | Q(swept_until__lte=F("created_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.day.isoformat()

    @property
    def digest(self) -> str:
        """The SHA-256 of its content, in hexadecimal digits."""
        return bytes(self.sha256).hex()


class SafeguardingSignature(models.Model):
    """One of the two people who signed off a report."""

    report = models.ForeignKey(
        SafeguardingReport, models.PROTECT, related_name="signatures", db_index=False
    )
    place = models.PositiveSmallIntegerField()
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("signature of a safeguarding report")
        verbose_name_plural = _("signatures of safeguarding reports")
        constraints = [
            models.UniqueConstraint(
                fields=["report", "actor"], name="safeguarding_is_signed_by_different_people"
            ),
            models.UniqueConstraint(
                fields=["report", "place"], name="safeguarding_has_each_signature_once"
            ),
            models.CheckConstraint(
                name="safeguarding_has_two_signatures", condition=Q(place__in=[1, 2])
            ),
            models.CheckConstraint(
                name="safeguarding_is_signed_by_staff", condition=Q(actor__regex=STAFF)
            ),
        ]

    def __str__(self) -> str:
        return self.actor


class UnexplainedMovement(models.Model):
    """A settled movement from or to the outside that no bank line explained at the last report.

    So a report reads what is open, and not all movements of all time. The other columns are those
    of the movement. A trigger refuses to delete one that no bank line explains; the audit verifies
    that none is missing.
    """

    movement = models.OneToOneField(
        Movement, models.PROTECT, related_name="+", primary_key=True, db_constraint=False
    )
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    currency = models.CharField(max_length=3)
    type = models.CharField(max_length=10)
    amount = models.BigIntegerField()
    settled_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["client", "currency", "settled_at"], name="unexplained_of_client")
        ]

    def __str__(self) -> str:
        return str(self.movement_id)
