"""Closings: a user with money is paid out, and then closed."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models import Client, User
from users.models.clients import has_moved
from users.models.idempotency import staff_key
from wallets.models.wallets import Wallet


class ClosingQuerySet(models.QuerySet["Closing"]):
    def under_way(self) -> Self:
        return self.filter(state=Closing.State.UNDER_WAY).exclude(has_moved())

    def of_users(self, user_ids: Any) -> Self:
        return self.under_way().filter(user__in=user_ids)


class Closing(models.Model):
    """A member of staff has ordered to pay a user out and to close it.

    `iban` and `holder_name` are erased with the personal data of the user.
    """

    class State(models.TextChoices):
        UNDER_WAY = "UNDER_WAY", _("Under way")
        DONE = "DONE", _("Done")
        STOPPED = "STOPPED", _("Stopped")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    holder_name = models.CharField(_("account holder"), max_length=70, blank=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.UNDER_WAY)
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(_("ordered"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.CharField(max_length=60, blank=True)

    objects = ClosingQuerySet.as_manager()

    class Meta:
        verbose_name = _("closing")
        verbose_name_plural = _("closings")
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(state="UNDER_WAY"), name="closing_is_under_way_once"
            ),
            models.CheckConstraint(
                name="closing_has_ended_at_a_time",
                condition=Q(state="UNDER_WAY", ended_at__isnull=True)
                | Q(state__in=["DONE", "STOPPED"], ended_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["user", "id"], name="closing_of_user")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_under_way(self) -> bool:
        return self.state == self.State.UNDER_WAY


class ClosingPayment(models.Model):
    """A cash-out that a closing orders from a wallet, in minor units. It is never edited.

    The used key of the order says which movement it made. An order of the same amount with the
    same key is posted once, so an interrupted closing can be repeated.
    """

    closing = models.ForeignKey(Closing, models.PROTECT, related_name="payments", db_index=False)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+", db_index=False)
    attempt = models.PositiveSmallIntegerField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["closing", "wallet", "attempt"], name="closing_pays_each_attempt_once"
            ),
            models.CheckConstraint(name="closing_payment_is_positive", condition=Q(amount__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.closing_id} {self.wallet_id} {self.attempt}"

    @property
    def key(self) -> str:
        """The idempotency key of its order."""
        return staff_key(f"closing-{self.closing_id}-{self.wallet_id}-{self.attempt}")
