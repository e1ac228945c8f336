"""Statements of banks: the files as received, and what each says about one account."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from iocash.errors import Message
from wallets.models.bank_accounts import BankAccount
from wallets.models.bank_uploads import BankUpload


class BankStatementFile(models.Model):
    """A file of a bank as it was received. It is stored once, and never changed.

    `upload` is that of a file which staff have uploaded and released. `statement_count` is how many
    statements were read from it. Its content quotes people: it is erased with the first of them
    that is erased, or by its age. Its hash stays.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("file"), max_length=200)
    content = models.BinaryField(null=True)
    sha256 = models.BinaryField(max_length=32)
    statement_count = models.PositiveIntegerField(default=0)
    upload = models.ForeignKey(
        BankUpload, models.PROTECT, related_name="+", null=True, db_index=False
    )
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(_("received"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("file of a bank")
        verbose_name_plural = _("files of banks")
        constraints = [
            models.UniqueConstraint(fields=["sha256"], name="bank_statement_file_is_stored_once"),
            models.CheckConstraint(
                name="bank_statement_file_has_its_hash",
                condition=Q(content=None)
                | Q(
                    sha256=Func(F("content"), function="sha256", output_field=models.BinaryField())
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(content__isnull=False),
                name="bank_statement_file_to_erase",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BankStatementQuerySet(models.QuerySet["BankStatement"]):
    def of_account(self, account: BankAccount | models.OuterRef) -> Self:
        """The booked statements of an account, the latest first."""
        return self.filter(account=account, kind="camt.053").order_by(
            "-day", "-page", "-created_at", "-id"
        )


class BankStatement(models.Model):
    """What a file says about one account in one period. Balances are signed minor units.

    `total` is the sum of its entries. `day` is the last day of the period. `warnings` say what is
    wrong and changes no money, as packed messages.

    `new_lines` and `new_total` are the number and the sum of the lines that it brought,
    `known_total` is the sum of the entries that were stored before. They are written with the lines
    and never again, so the audit finds a line that was added or removed later.
    """

    class Kind(models.TextChoices):
        REPORT = "camt.052", _("Report of the day (camt.052)")
        STATEMENT = "camt.053", _("Statement (camt.053)")
        NOTIFICATION = "camt.054", _("Notification (camt.054)")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    file = models.ForeignKey(BankStatementFile, models.PROTECT, related_name="statements")
    place = models.PositiveIntegerField()
    account = models.ForeignKey(
        BankAccount, models.PROTECT, related_name="statements", verbose_name=_("bank account")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    version = models.CharField(max_length=30, blank=True)
    name = models.CharField(_("identification"), max_length=70, blank=True)
    number = models.CharField(_("number"), max_length=18, blank=True)
    page = models.PositiveIntegerField(default=1)
    is_last_page = models.BooleanField(default=True)
    day = models.DateField(_("day"))
    start = models.DateField(null=True)
    opening = models.BigIntegerField(null=True)
    closing = models.BigIntegerField(null=True)
    total = models.BigIntegerField()
    entries = models.PositiveIntegerField(_("entries"))
    new_entries = models.PositiveIntegerField(default=0)
    new_lines = models.PositiveIntegerField(default=0)
    new_total = models.BigIntegerField(default=0)
    known_entries = models.PositiveIntegerField(default=0)
    known_total = models.BigIntegerField(default=0)
    not_booked = models.PositiveIntegerField(default=0)
    warnings = models.JSONField(default=list)
    created_at = models.DateTimeField(_("imported"), db_default=Now(), editable=False)

    objects = BankStatementQuerySet.as_manager()

    class Meta:
        verbose_name = _("bank statement")
        verbose_name_plural = _("bank statements")
        constraints = [
            models.UniqueConstraint(
                fields=["file", "place"], name="bank_statement_is_read_once_from_its_file"
            ),
            models.CheckConstraint(
                name="bank_statement_kind_is_known",
                condition=Q(kind__in=["camt.052", "camt.053", "camt.054"]),
            ),
            models.CheckConstraint(
                name="bank_statement_adds_up",
                condition=Q(new_entries=0, new_lines=0, new_total=0, known_entries=0, known_total=0)
                | Q(
                    entries=F("new_entries") + F("known_entries"),
                    total=F("new_total") + F("known_total"),
                    new_lines__gte=F("new_entries"),
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "-day", "-page", "-created_at"],
                condition=Q(kind="camt.053"),
                name="bank_statement_of_account",
            ),
            models.Index(fields=["-created_at", "-id"], name="bank_statement_page"),
        ]
        permissions = [("import_statement", "Can upload statements of banks")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number or self.name}"

    @property
    def is_booked(self) -> bool:
        """Whether it is a camt.053: what it has is booked for good, and in its balances."""
        return self.kind == self.Kind.STATEMENT

    @property
    def messages(self) -> list[Message]:
        """The warnings, as texts that can be translated."""
        return [Message.unpack(each) for each in self.warnings]

    @property
    def currency(self) -> Any:
        return self.account.currency
