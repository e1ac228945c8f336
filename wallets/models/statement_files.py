"""Files of statements, for the customers of a client: PDF, CSV and camt.053."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Self

from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models import Client
from wallets.models.wallets import Wallet

KEPT: Final = timedelta(days=7)
"""How long the content of a file is kept after it was requested."""
MOST_ATTEMPTS: Final = 5
"""How often a file is tried before it has failed."""

LEASE: Final = 120
"""Seconds after which another process may write a file: more than the longest PDF takes."""


class LeaseEnd(Func):
    """The end of a lease that begins now, by the real clock of the database."""

    template = f"clock_timestamp() + interval '{LEASE} s'"
    output_field = models.DateTimeField()


class StatementFileQuerySet(models.QuerySet["StatementFile"]):
    def of_wallet(self, wallet: Wallet) -> Self:
        return self.filter(client=wallet.client_id, wallet=wallet.id)

    def out_of_date(self, now: datetime) -> Self:
        """Those whose content must not be kept any longer."""
        kept = self.exclude(status=StatementFile.Status.EXPIRED)
        return kept.filter(created_at__lt=now - KEPT)


class StatementFile(models.Model):
    """A statement of a wallet as a file. What is in it is personal data, and kept for days only.

    A process that writes the content holds a lease: `lease` is its number. Whoever takes the lease
    or the content away sets another, and the write of the first process changes nothing.
    """

    class Format(models.TextChoices):
        """PDF: tagged, PDF/UA-1 and PDF/A-2a. CSV: UTF-8, for spreadsheets. CAMT_053: XML of
        ISO 20022, camt.053.001.08.
        """

        PDF = "PDF", "PDF"
        CSV = "CSV", "CSV"
        CAMT_053 = "CAMT_053", "camt.053"

    class Status(models.TextChoices):
        """PENDING: it is being made. READY: it has its content. FAILED: it could not be made.
        EXPIRED: the content is not kept any longer.
        """

        PENDING = "PENDING", _("Pending")
        READY = "READY", _("Ready")
        FAILED = "FAILED", _("Failed")
        EXPIRED = "EXPIRED", _("Expired")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+", db_index=False)
    format = models.CharField(max_length=8, choices=Format)
    language = models.CharField(max_length=10)
    starts_at = models.DateTimeField(help_text="Included.")
    ends_at = models.DateTimeField(help_text="Not included.")
    movements = models.PositiveIntegerField(help_text="How many are in the period.")
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    content = models.BinaryField(null=True)
    sha256 = models.BinaryField(max_length=32, null=True)
    closing_head = models.BinaryField(
        max_length=32, null=True, help_text="The head of the chain when the period ends."
    )
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    objects = StatementFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("statement file")
        verbose_name_plural = _("statement files")
        constraints = [
            models.CheckConstraint(
                name="statement_file_format_is_known",
                condition=Q(format__in=["PDF", "CSV", "CAMT_053"]),
            ),
            models.CheckConstraint(
                name="statement_file_status_is_known",
                condition=Q(status__in=["PENDING", "READY", "FAILED", "EXPIRED"]),
            ),
            models.CheckConstraint(
                name="statement_file_period_is_not_empty", condition=Q(starts_at__lt=F("ends_at"))
            ),
            models.CheckConstraint(
                name="statement_file_has_a_content_while_it_is_ready",
                condition=Q(status="READY", content__isnull=False, sha256__isnull=False)
                | (~Q(status="READY") & Q(content=None, sha256=None)),
            ),
            models.CheckConstraint(
                name="statement_file_is_leased_only_while_it_is_pending",
                condition=Q(lease=None, leased_until=None)
                | Q(status="PENDING", lease__isnull=False, leased_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["wallet", "id"], name="statement_file_of_wallet"),
            models.Index(
                fields=["created_at"],
                condition=Q(status="PENDING"),
                name="statement_file_pending",
            ),
            models.Index(
                fields=["created_at"],
                condition=~Q(status="EXPIRED"),
                name="statement_file_kept",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def kept_until(self) -> datetime:
        return self.created_at + KEPT

    @property
    def hash(self) -> str | None:
        """The SHA-256 of the content, in hexadecimal."""
        return None if self.sha256 is None else bytes(self.sha256).hex()

    @property
    def head(self) -> str | None:
        """The head of the wallet's chain when the period ends, in hexadecimal."""
        return bytes(self.closing_head).hex() if self.closing_head else None
