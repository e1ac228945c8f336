"""How staff share the reviews of KYC documents: who is assigned, and reasons to choose from."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from iocash.db.clock import Now
from users.models.clients import Client
from users.models.users import User


class ReviewAssignment(models.Model):
    """A review was assigned to a member of staff, or to nobody; the last one of a user is valid.

    It is an agreement among staff: it locks nothing.
    """

    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    member = models.CharField(max_length=60, blank=True, help_text=_("staff:<id>; empty: nobody"))
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["user", "id"], name="review_assignment_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.member}"


def assigned_member(user: str = "pk") -> Any:
    """A subquery: the member of staff who is assigned to the review of a user, by its column."""
    of_user = ReviewAssignment.objects.filter(user=OuterRef(user)).order_by("-id")
    return Subquery(of_user.values("member")[:1])


class RejectionReason(models.Model):
    """A text that reviewers can choose as the reason for a rejection, and change for the case."""

    text = models.CharField(
        _("text"), max_length=200, unique=True, help_text=_("The client reads it.")
    )
    is_offered = models.BooleanField(
        _("offered"), default=True, help_text=_("Reviewers can choose it.")
    )

    class Meta:
        verbose_name = _("reason for rejection")
        verbose_name_plural = _("reasons for rejection")
        constraints = [
            models.CheckConstraint(name="rejection_reason_has_a_text", condition=~Q(text=""))
        ]

    def __str__(self) -> str:
        return self.text
