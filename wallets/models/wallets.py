"""A user's money in one currency."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, Self
from uuid import UUID

from django.apps import apps
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce, Lower
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from iocash.db.prepared import Question
from users.models import Client, User
from users.models.clients import OwnedQuerySet, pairs_index
from users.models.ids import as_id, id_range
from users.models.searches import FOUND, MOST_FOUND, HasIdOf, compact, found_by
from users.models.versions import Versioned

LABELLED: Final = """
    (
        SELECT id FROM wallets_wallet WHERE alias <> '' AND lower(alias) LIKE lower(%s) LIMIT %s
    )
    UNION ALL
    SELECT wallet.id FROM users_client AS client
    JOIN wallets_wallet AS wallet ON wallet.client_id = client.id AND wallet.iban = %s
    UNION ALL
    SELECT wallet_id FROM wallets_externalaccount WHERE iban = %s
    UNION ALL
    (SELECT id FROM wallets_wallet WHERE id BETWEEN %s AND %s LIMIT %s)
"""
NAMED: Final = (
    f"{LABELLED} UNION ALL SELECT id FROM wallets_wallet WHERE user_id = ANY(ARRAY({FOUND}))"  # noqa: S608
)

CALLED: Final = """
    SELECT id FROM wallets_wallet WHERE alias <> '' AND lower(alias) = lower(%s)
    UNION ALL
    SELECT wallet.id FROM users_client AS client
    JOIN wallets_wallet AS wallet ON wallet.client_id = client.id AND wallet.iban = %s
"""

NO_ALERT: Final = Decimal(0)
"""Removes the alert of a wallet: no balance is below zero."""


class WalletQuerySet(OwnedQuerySet["Wallet"]):
    """Wallets. Use `seen` before rendering, because overdue holds reserve nothing."""

    def seen(self) -> Self:
        """Annotate `overdue`: the sum of overdue holds that `held` still includes.

        `next_expiry` of the row avoids the subquery while no hold is overdue.
        """
        holds = apps.get_model("wallets", "Hold").objects
        own = holds.filter(client=OuterRef("client"), wallet=OuterRef("pk"))
        overdue = own.filter(status="OPEN", expires_at__lte=Now())
        total = overdue.order_by().values("wallet").values_list(Sum("remaining"))
        return self.annotate(
            overdue=Case(
                When(next_expiry__lte=Now(), then=Coalesce(Subquery(total), 0)),
                default=0,
                output_field=models.BigIntegerField(),
            )
        )

    def named(self, words: str) -> Self:
        """What staff search: as `labelled`, a user id, or what is searched of the owner."""
        if found := as_id(words):
            return self.filter(Q(id=found) | Q(user=found))
        asked = [*labelled_by(words), *found_by(words)]
        return self.filter(HasIdOf.found(NAMED, asked))

    def labelled(self, words: str, most: int = MOST_FOUND) -> Self:
        """Search by id or its beginning, by the beginning of an alias, or by an IBAN: that of the
        wallet or of one of its external accounts. Of more than `most` wallets, any are found.
        """
        if found := as_id(words):
            return self.filter(id=found)
        return self.filter(HasIdOf.found(LABELLED, labelled_by(words, most)))

    def called(self, words: str) -> Self:
        """The wallets with exactly this id, alias or own IBAN. Capitals of an alias don't count."""
        if found := as_id(words):
            return self.filter(id=found)
        return self.filter(HasIdOf.found(CALLED, [words.strip(), compact(words) or None]))


def labelled_by(words: str, most: int = MOST_FOUND) -> list[Any]:
    """The values of `LABELLED`."""
    beginning = re.sub(r"([\\%_])", r"\\\1", words.strip()) + "%"
    numbers = compact(words), compact(words)
    return [beginning, most, *numbers, *id_range(words), most]


class Labelled(Versioned):
    """A wallet with its labels. The version covers what can be changed, but not the money."""

    __slots__ = ()
    VERSION = (
        "wallet",
        "status",
        "alias",
        "iban",
        "dlt_address",
        "dlt_network",
        "metadata",
        "alert_below",
    )
    ADDED = frozenset({"alert_below"})


class Wallet(Labelled, models.Model):
    """A user's money in one currency."""

    class Status(models.TextChoices):
        """READY: can pay and receive. BLOCKED: staff have stopped it. UNSUBSCRIBED: closed
        permanently.
        """

        READY = "READY"
        BLOCKED = "BLOCKED"
        UNSUBSCRIBED = "UNSUBSCRIBED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_constraint=False)
    currency = models.CharField(max_length=3, default="EUR", help_text="ISO 4217")
    status = models.CharField(max_length=12, choices=Status, default=Status.READY)
    alias = models.CharField(max_length=100, blank=True)
    iban = models.CharField(max_length=34, null=True, editable=False)  # noqa: DJ001 (unique)
    dlt_address = models.CharField(max_length=100, blank=True)
    dlt_network = models.CharField(max_length=50, blank=True)
    balance = models.BigIntegerField(default=0, editable=False, help_text="Settled, minor units.")
    held = models.BigIntegerField(default=0, editable=False, help_text="Held, in minor units.")
    received = models.BigIntegerField(
        default=0, editable=False, help_text="Total ever received, in minor units."
    )
    next_expiry = models.DateTimeField(
        null=True, editable=False, help_text="No open hold expires before this time."
    )
    metadata = models.JSONField(null=True, blank=True)
    alert_below = models.BigIntegerField(
        null=True,
        blank=True,
        editable=False,
        help_text="An event tells when the balance falls below it; minor units.",
    )
    seq = models.BigIntegerField(default=0, editable=False, help_text="Settled movements.")
    head = models.BinaryField(max_length=32, default=bytes, editable=False)
    settled_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="Last change of what the ETag covers."
    )

    objects = WalletQuerySet.as_manager()

    overdue: int

    class Meta:
        constraints = [
            models.CheckConstraint(name="wallet_held_is_not_negative", condition=Q(held__gte=0)),
            models.CheckConstraint(
                name="wallet_balance_covers_held", condition=Q(balance__gte=F("held"))
            ),
            models.CheckConstraint(
                name="wallet_balance_has_a_ceiling", condition=Q(balance__lte=10**17)
            ),
            models.CheckConstraint(
                name="wallet_received_covers_balance", condition=Q(received__gte=F("balance"))
            ),
            models.CheckConstraint(
                name="wallet_closed_is_empty",
                condition=~Q(status="UNSUBSCRIBED") | Q(balance=0, held=0),
            ),
            models.CheckConstraint(
                name="wallet_alert_is_above_zero",
                condition=Q(alert_below=None) | Q(alert_below__gt=0),
            ),
            models.CheckConstraint(
                name="wallet_status_is_known",
                condition=Q(status__in=["READY", "BLOCKED", "UNSUBSCRIBED"]),
            ),
            models.CheckConstraint(
                name="wallet_seq_has_a_head",
                condition=Q(seq=0, head=b"", settled_at=None)
                | (Q(seq__gt=0, settled_at__isnull=False) & ~Q(head=b"")),
            ),
            models.UniqueConstraint(fields=["client", "iban"], name="wallet_iban_is_given_once"),
            models.UniqueConstraint(
                fields=["client", "id", "currency"], name="wallet_is_of_one_client_and_currency"
            ),
        ]
        indexes = [
            models.Index(fields=["client", "created_at", "id"], name="wallet_page"),
            models.Index(fields=["id"], condition=~Q(status="READY"), name="wallet_not_ready"),
            models.Index(
                OpClass(Lower("alias"), name="text_pattern_ops"),
                condition=~Q(alias=""),
                name="wallet_of_beginning_of_alias",
            ),
            pairs_index("wallet_of_pairs"),
        ]
        permissions = [("block_wallet", "Can block and unblock wallets")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def held_now(self) -> int:
        """The held balance without overdue holds; needs `seen`."""
        return self.held - self.overdue

    @property
    def available(self) -> int:
        return self.balance - self.held_now


def seen_by(client_id: UUID, wallet_id: UUID) -> models.QuerySet[Wallet]:
    return Wallet.objects.owned_by(client_id).seen().filter(id=wallet_id)


SEEN: Question[Wallet] = Question(seen_by, 2)
"""A client's wallet, with the annotations that rendering needs."""

OWNED: Final = "SELECT id FROM wallets_wallet WHERE client_id = %s AND id = %s"
"""Whether a client has a wallet, for lists below it."""
