"""External accounts: bank accounts for repeated cash-outs of a wallet."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models import Client
from users.models.clients import OwnedQuerySet, pairs_index
from users.models.ids import as_id
from users.models.searches import compact
from users.models.versions import Versioned
from wallets.models.wallets import Wallet


class ExternalAccountQuerySet(OwnedQuerySet["ExternalAccount"]):
    def named(self, words: str) -> Self:
        """Search by id, wallet or IBAN."""
        if found := as_id(words):
            return self.filter(Q(id=found) | Q(wallet=found))
        return self.filter(iban=compact(words))


class VersionedAccount(Versioned):
    """What an external account and its locked row have in common."""

    __slots__ = ()
    VERSION = ("account", "status", "alias", "iban", "metadata")


class ExternalAccount(VersionedAccount, models.Model):
    """A bank account with an IBAN, and an alias that the client chose."""

    class Status(models.TextChoices):
        """ACTIVE: cash-outs can use it. REMOVED: they no longer can."""

        ACTIVE = "ACTIVE"
        REMOVED = "REMOVED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+", db_index=False)
    alias = models.CharField(max_length=100, blank=True)
    iban = models.CharField(max_length=34)
    holder_name = models.CharField(max_length=70, blank=True, db_default="")
    status = models.CharField(max_length=7, choices=Status, default=Status.ACTIVE)
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ExternalAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="external_account_status_is_known",
                condition=Q(status__in=["ACTIVE", "REMOVED"]),
            ),
            models.UniqueConstraint(
                fields=["client", "wallet", "iban"],
                condition=Q(status="ACTIVE"),
                name="external_account_is_there_once",
            ),
            models.UniqueConstraint(
                fields=["client", "wallet", "id"], name="external_account_is_of_one_wallet"
            ),
        ]
        indexes = [
            models.Index(fields=["wallet", "created_at", "id"], name="external_account_page"),
            models.Index(fields=["client", "created_at", "id"], name="external_account_of_client"),
            models.Index(fields=["iban"], name="external_account_of_iban"),
            pairs_index("external_account_of_pairs"),
        ]

    def __str__(self) -> str:
        return str(self.id)
