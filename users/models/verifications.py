"""Verifications of a person's identity by a provider."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models.clients import Client, Owned, OwnedQuerySet
from users.models.users import User


class IdentityVerificationQuerySet(OwnedQuerySet["IdentityVerification"]):
    def of(self, user: User) -> Self:
        return self.filter(client=user.client_id, user=user.id)

    def pending(self) -> Self:
        return self.filter(status=IdentityVerification.Status.PENDING)


class IdentityVerification(Owned):
    """A verification of a user's identity; the provider decides it at most once.

    The texts are erased with the user; the rest is kept.
    """

    LIFETIME_HOURS = 24

    class Status(models.TextChoices):
        """PENDING: the user has to visit the provider. APPROVED and REJECTED: the provider has
        decided. EXPIRED: it ended without a decision, or a later one has taken its place.
        """

        PENDING = "PENDING"
        APPROVED = "APPROVED"
        REJECTED = "REJECTED"
        EXPIRED = "EXPIRED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    provider = models.CharField(max_length=20)
    reference = models.CharField(max_length=100, blank=True, help_text="The provider's own id.")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    reason = models.CharField(
        max_length=40, blank=True, help_text="The provider's code for a rejection."
    )
    url = models.CharField(max_length=2000, blank=True, help_text="Where the user is verified.")
    success_url = models.CharField(max_length=2000, blank=True)
    failure_url = models.CharField(max_length=2000, blank=True)
    names = models.BinaryField(
        max_length=32, null=True, help_text="A keyed digest of the names that the provider got."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    objects = IdentityVerificationQuerySet.as_manager()

    class Meta:
        verbose_name = "identity verification"
        constraints = [
            models.CheckConstraint(
                name="identity_verification_status_is_known",
                condition=Q(status__in=["PENDING", "APPROVED", "REJECTED", "EXPIRED"]),
            ),
            models.CheckConstraint(
                name="identity_verification_decision_has_a_time",
                condition=Q(status="PENDING", decided_at=None)
                | (~Q(status="PENDING") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="identity_verification_ends_after_its_beginning",
                condition=Q(expires_at__gt=F("created_at")),
            ),
            models.UniqueConstraint(
                fields=["client", "user"],
                condition=Q(status="PENDING"),
                name="identity_verification_is_pending_once",
            ),
            models.UniqueConstraint(
                fields=["provider", "reference"],
                condition=~Q(reference=""),
                name="identity_verification_reference_is_used_once",
            ),
        ]
        indexes = [models.Index(fields=["user", "id"], name="identity_verification_of_user")]

    def __str__(self) -> str:
        return str(self.id)

    def status_at(self, now: datetime) -> str:
        """The status at an instant: a pending one that is over has expired."""
        is_over = self.status == self.Status.PENDING and self.expires_at <= now
        return self.Status.EXPIRED if is_over else self.status
