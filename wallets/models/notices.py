"""Notices that staff sent to the owners of dormant wallets."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from iocash.db.clock import Now
from users.models import User
from wallets.models.wallets import Wallet


class DormancyNoticeQuerySet(models.QuerySet["DormancyNotice"]):
    def of(self, user: User) -> Self:
        """The notices about the wallets of a user."""
        return self.filter(wallet__client=user.client_id, wallet__user=user.pk)

    def about(self, wallet: Wallet) -> Self:
        """The notices about a wallet, newest first."""
        return self.filter(wallet=wallet).order_by("-created_at", "-id")

    def since_last_movement(self, wallet: Wallet) -> Self:
        """The notices recorded since the last movement of the wallet: the others don't count."""
        return self.about(wallet).filter(created_at__gte=wallet.settled_at or wallet.created_at)


class DormancyNotice(models.Model):
    """A letter, an e-mail or a call about a dormant wallet. Only its note is ever erased.

    Its id is made of the key of the form and the id of the wallet.
    """

    MOST_CHARACTERS = 500

    class Channel(models.TextChoices):
        LETTER = "LETTER", _("Letter")
        EMAIL = "EMAIL", _("E-mail")
        PHONE = "PHONE", _("Phone call")

    id = models.UUIDField(primary_key=True, editable=False)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+", db_index=False)
    sent_on = models.DateField(_("sent on"))
    channel = models.CharField(_("channel"), max_length=6, choices=Channel)
    note = models.CharField(_("note"), max_length=MOST_CHARACTERS, blank=True)
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = DormancyNoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice of dormancy")
        verbose_name_plural = _("notices of dormancy")
        constraints = [
            models.CheckConstraint(
                name="dormancy_notice_channel_is_known",
                condition=Q(channel__in=["LETTER", "EMAIL", "PHONE"]),
            )
        ]
        indexes = [
            models.Index(fields=["wallet", "created_at", "id"], name="dormancy_notice_of_wallet"),
            models.Index(fields=["actor", "created_at"], name="dormancy_notice_by_actor"),
        ]

    def __str__(self) -> str:
        return str(self.id)
