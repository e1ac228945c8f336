"""Daily reports of safeguarding, and who signed them off."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from wallets.models.bank_decisions import STAFF


class SafeguardingReport(models.Model):
    """The equation of all safeguarding accounts at an instant: written once, never changed.

    `content` is the report as JSON text; `sha256` is its hash.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    day = models.DateField(_("day"), unique=True)
    is_right = models.BooleanField(_("right"))
    content = models.TextField()
    sha256 = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("made"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("safeguarding report")
        verbose_name_plural = _("safeguarding reports")

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
