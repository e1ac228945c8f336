"""Notes that staff write about users, their wallets and their movements."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models.clients import Client, Owned, OwnedQuerySet
from users.models.users import User


class NoteQuerySet(OwnedQuerySet["Note"]):
    def of(self, user: User) -> Self:
        """The notes on a user, its wallets and its movements."""
        return self.filter(client=user.client_id, user=user.id)

    def on(self, subject_id: UUID) -> Self:
        """The notes on one user, wallet or movement, newest first."""
        return self.filter(subject_id=subject_id).order_by("-created_at", "-id")


class Note(Owned):
    """A note: written once, never edited, and erased with the personal data of its user.

    `subject_id` is the user, one of its wallets, or a movement of one of them.
    """

    MOST_CHARACTERS = 2_000

    class Subject(models.TextChoices):
        USER = "user", _("User")
        WALLET = "wallet", _("Wallet")
        MOVEMENT = "movement", _("Movement")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(max_length=10, choices=Subject)
    subject_id = models.UUIDField()
    text = models.CharField(max_length=MOST_CHARACTERS)
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = NoteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="note_subject_is_known",
                condition=Q(subject__in=["user", "wallet", "movement"]),
            ),
            models.CheckConstraint(name="note_has_a_text", condition=~Q(text="")),
        ]
        indexes = [
            models.Index(fields=["user", "created_at", "id"], name="note_of_user"),
            models.Index(fields=["subject_id", "created_at", "id"], name="note_of_subject"),
        ]

    def __str__(self) -> str:
        return str(self.id)
