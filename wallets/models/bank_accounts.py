"""Bank accounts of the institution: where the money of the wallets is, and its own."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models import Client


class BankAccountQuerySet(models.QuerySet["BankAccount"]):
    def open(self) -> Self:
        return self.filter(closed_at=None)

    def safeguarding(self) -> Self:
        """The accounts with the money of the wallets."""
        return self.filter(purpose=BankAccount.Purpose.SAFEGUARDING)

    def holding(self, client: Client) -> Self:
        """The open accounts that hold the money of a client."""
        return self.open().filter(clients=client)


class BankAccount(models.Model):
    """An account of the institution at a bank, in one currency. It is never deleted.

    It belongs to no client. `clients` are those whose money it holds; an account with own funds
    holds no client's. An account with several currencies is a row for each.

    `opening` is what it had before its first booked statement, in signed minor units. It is written
    once, and changed only by an older statement that leads to it.

    Two people agree to what it is: `approval_id` is the approval of its last change, and the row
    and its clients are what that approval says. What a command has made (`system:…`) has none until
    its first change.
    """

    class Purpose(models.TextChoices):
        SAFEGUARDING = "SAFEGUARDING", _("Safeguarding: the money of the wallets")
        OWN_FUNDS = "OWN_FUNDS", _("Own funds")

    class BookedBy(models.TextChoices):
        """STATEMENT: camt.053 books, and nothing else is read. NOTIFICATION: camt.054 books, and
        camt.053 confirms.
        """

        STATEMENT = "STATEMENT", _("Statements (camt.053)")
        NOTIFICATION = "NOTIFICATION", _("Notifications (camt.054), confirmed by statements")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    iban = models.CharField("IBAN", max_length=34)
    bic = models.CharField("BIC", max_length=11, blank=True)
    holder_name = models.CharField(_("account holder"), max_length=70)
    currency = models.CharField(_("currency"), max_length=3)
    purpose = models.CharField(_("purpose"), max_length=12, choices=Purpose)
    clients = models.ManyToManyField(
        Client, verbose_name=_("clients"), related_name="bank_accounts", blank=True
    )
    booked_by = models.CharField(
        _("lines are booked by"), max_length=12, choices=BookedBy, default=BookedBy.STATEMENT
    )
    opening = models.BigIntegerField(_("opening balance"), null=True)
    opening_date = models.DateField(_("first day of statements"), null=True)
    approval_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(_("added"), db_default=Now(), editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True)

    objects = BankAccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("bank account")
        verbose_name_plural = _("bank accounts")
        constraints = [
            models.UniqueConstraint(fields=["iban", "currency"], name="bank_account_is_added_once"),
            models.CheckConstraint(
                name="bank_account_purpose_is_known",
                condition=Q(purpose__in=["SAFEGUARDING", "OWN_FUNDS"]),
            ),
            models.CheckConstraint(
                name="bank_account_booked_by_is_known",
                condition=Q(booked_by__in=["STATEMENT", "NOTIFICATION"]),
            ),
            models.CheckConstraint(
                name="bank_account_opening_has_its_day",
                condition=Q(opening=None, opening_date=None)
                | Q(opening__isnull=False, opening_date__isnull=False),
            ),
            models.CheckConstraint(
                name="bank_account_is_added_by_two_people",
                condition=Q(purpose="OWN_FUNDS")
                | Q(approval_id__isnull=False)
                | Q(actor__startswith="system:"),
            ),
            models.CheckConstraint(name="bank_account_has_a_holder", condition=~Q(holder_name="")),
            models.CheckConstraint(
                name="bank_account_iban_is_compact", condition=Q(iban__regex="^[A-Z0-9]{15,34}$")
            ),
            models.CheckConstraint(
                name="bank_account_bic_has_8_or_11_characters",
                condition=Q(bic="") | Q(bic__regex="^[A-Z0-9]{8}([A-Z0-9]{3})?$"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.iban} {self.currency}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None
