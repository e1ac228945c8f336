"""Wallets and their movements: the facts, and what must never be false about them.

Amounts are integers of the currency's minor units. Only the ledger changes what is here; the
constraints, a trigger and the grants of the database refuse what the ledger would never do.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from users.models import Client, Key, User

MILLISECOND = timedelta(milliseconds=1)
LATEST = datetime.max.replace(tzinfo=UTC) - MILLISECOND
"""Nothing is created later: an end that is has no effect."""


class WalletQuerySet(models.QuerySet["Wallet"]):
    def owned_by(self, client_id: uuid.UUID | None) -> Self:
        """Those of one client; with None, of all clients (a member of staff looks)."""
        return self.all() if client_id is None else self.filter(client_id=client_id)

    def named(self, words: str) -> Self:
        """Those that people may mean: an id, a user's id or name, or an IBAN."""
        if found := as_id(words):
            return self.filter(Q(id=found) | Q(user=found))
        return self.filter(Q(iban=compact(words)) | Q(user__user_name=words.strip()))


class Wallet(models.Model):
    """A user's money in one currency."""

    class Status(models.TextChoices):
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
    held = models.BigIntegerField(default=0, editable=False, help_text="Set aside, minor units.")
    seq = models.BigIntegerField(default=0, editable=False, help_text="Settled movements.")
    head = models.BinaryField(max_length=32, default=bytes, editable=False)
    settled_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = WalletQuerySet.as_manager()

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
                name="wallet_closed_is_empty",
                condition=~Q(status="UNSUBSCRIBED") | Q(balance=0, held=0),
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
        ]
        permissions = [("block_wallet", "Can block and unblock wallets")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def available(self) -> int:
        return self.balance - self.held


class Audit(models.Model):
    """One run of the audit, and the first thing that it found wrong, if anything."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_default=Now())
    movements = models.BigIntegerField(help_text="How many there were.")
    finding = models.TextField(blank=True)

    class Meta:
        verbose_name = "audit"

    def __str__(self) -> str:
        return self.finding or "The books were right."


class MovementQuerySet(models.QuerySet["Movement"]):
    def owned_by(self, client_id: uuid.UUID | None) -> Self:
        """Those of one client; with None, of all clients (a member of staff looks)."""
        return self.all() if client_id is None else self.filter(client_id=client_id)

    def within(self, start: datetime | None, end: datetime | None) -> Self:
        """Those created from `start` to the millisecond of `end`, both included."""
        found = self
        if start is not None:
            found = found.filter(created_at__gte=start)
        if end is not None and end < LATEST:
            found = found.filter(created_at__lt=end + MILLISECOND)
        return found

    def directed(self, direction: str) -> Self:
        return self.filter(amount__lt=0) if direction == "OUT" else self.filter(amount__gt=0)

    def at_least(self, minor: int) -> Self:
        return self.filter(Q(amount__gte=minor) | Q(amount__lte=-minor))

    def at_most(self, minor: int) -> Self:
        return self.filter(amount__gte=-minor, amount__lte=minor)

    def made_with(self, client_id: uuid.UUID, key: str) -> Self:
        """Those of the operation that an Idempotency-Key made, in whichever wallet."""
        made = Key.objects.filter(client=client_id, key=key, made="movement").values("made_id")
        return self.filter(
            operation_id__in=Movement.objects.filter(id__in=made).values("operation_id")
        )

    def named(self, words: str) -> Self:
        """Those that people may mean: an id, an operation, a wallet, an IBAN, a key."""
        if found := as_id(words):
            return self.filter(Q(id=found) | Q(operation_id=found) | Q(wallet=found))
        keys = Key.objects.filter(key=words.strip(), made="movement").values("made_id")
        return self.filter(Q(iban=compact(words)) | Q(id__in=keys))


def as_id(words: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(words.strip())
    except ValueError:
        return None


def compact(iban: str) -> str:
    return "".join(iban.split()).upper()


class Movement(models.Model):
    """One change of one wallet's money: written once, settled at most once, never removed.

    `seq`, `balance_after`, `digest` and `settled_at` are given when it settles. `digest` chains
    it to the wallet's previous movement; `details_digest` stands in for the texts, which may be
    erased, together with their `salt`, without breaking the chain. The foreign keys to wallets
    carry client and currency (see the migration): no leg strays to another client or currency.
    """

    class Type(models.TextChoices):
        CASH_IN = "CASH_IN"
        CASH_OUT = "CASH_OUT"
        TRANSFER = "TRANSFER"
        ADJUSTMENT = "ADJUSTMENT"

    class Status(models.TextChoices):
        PENDING = "PENDING"
        SUCCESS = "SUCCESS"
        ERROR = "ERROR"
        CANCELLED = "CANCELLED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    operation_id = models.UUIDField()
    type = models.CharField(max_length=10, choices=Type)
    status = models.CharField(max_length=9, choices=Status)
    amount = models.BigIntegerField(help_text="Minor units; negative when it leaves the wallet.")
    currency = models.CharField(max_length=3)
    counterparty = models.ForeignKey(
        Wallet,
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    seq = models.BigIntegerField(null=True)
    balance_after = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, help_text="When a cash-out went to the bank.")
    settled_at = models.DateTimeField(null=True)
    reason = models.CharField(
        max_length=140, blank=True, help_text="Why a cash-out was rejected; its client reads it."
    )
    concept = models.CharField(max_length=140, null=True)  # noqa: DJ001 (erased is null)
    iban = models.CharField(max_length=34, null=True)  # noqa: DJ001
    metadata = models.JSONField(null=True)
    salt = models.BinaryField(max_length=16, null=True)
    details_digest = models.BinaryField(max_length=32, null=True)
    digest = models.BinaryField(max_length=32, null=True)

    objects = MovementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="movement_amount_is_not_zero", condition=~Q(amount=0)),
            models.CheckConstraint(
                name="movement_type_is_known",
                condition=Q(type__in=["CASH_IN", "CASH_OUT", "TRANSFER", "ADJUSTMENT"]),
            ),
            models.CheckConstraint(
                name="movement_status_is_known",
                condition=Q(status__in=["PENDING", "SUCCESS", "ERROR", "CANCELLED"]),
            ),
            models.CheckConstraint(
                name="movement_counterparty_is_another_wallet",
                condition=~Q(counterparty=F("wallet")),
            ),
            models.CheckConstraint(
                name="movement_transfer_has_a_counterparty",
                condition=~Q(type="TRANSFER") | Q(counterparty__isnull=False),
            ),
            models.CheckConstraint(
                name="movement_cash_in_comes_from_outside",
                condition=~Q(type="CASH_IN") | Q(counterparty=None, amount__gt=0),
            ),
            models.CheckConstraint(
                name="movement_cash_out_goes_outside",
                condition=~Q(type="CASH_OUT") | Q(counterparty=None, amount__lt=0),
            ),
            models.CheckConstraint(
                name="movement_cash_out_has_an_iban_unless_erased",
                condition=~Q(type="CASH_OUT")
                | Q(iban__isnull=False)
                | Q(salt=None, details_digest__isnull=False),
            ),
            models.CheckConstraint(
                name="movement_adjustment_has_no_counterparty",
                condition=~Q(type="ADJUSTMENT") | Q(counterparty=None),
            ),
            models.CheckConstraint(
                name="movement_only_a_cash_out_waits",
                condition=Q(type="CASH_OUT") | Q(status="SUCCESS", sent_at=None),
            ),
            models.CheckConstraint(
                name="movement_cash_out_settles_after_it_was_sent",
                condition=~Q(type="CASH_OUT", status="SUCCESS") | Q(sent_at__isnull=False),
            ),
            models.CheckConstraint(
                name="movement_reason_is_of_an_error",
                condition=(Q(status="ERROR") & ~Q(reason="")) | (~Q(status="ERROR") & Q(reason="")),
            ),
            models.CheckConstraint(
                name="movement_success_is_settled",
                condition=Q(
                    status="SUCCESS",
                    seq__isnull=False,
                    seq__gte=1,
                    balance_after__isnull=False,
                    balance_after__gte=0,
                    settled_at__isnull=False,
                    digest__isnull=False,
                )
                | (
                    ~Q(status="SUCCESS")
                    & Q(seq=None, balance_after=None, settled_at=None, digest=None)
                ),
            ),
            models.CheckConstraint(
                name="movement_details_have_a_salt",
                condition=Q(salt__isnull=False, details_digest__isnull=False)
                | Q(salt=None, concept=None, iban=None, metadata__isnull=True),
            ),
            models.UniqueConstraint(
                fields=["client", "wallet", "seq"], name="movement_seq_is_given_once_per_wallet"
            ),
        ]
        indexes = [
            models.Index(fields=["wallet", "created_at", "id"], name="movement_page"),
            models.Index(fields=["operation_id"], name="movement_of_operation"),
            models.Index(
                fields=["settled_at"],
                condition=Q(counterparty__isnull=True, status="SUCCESS"),
                name="movement_crossing",
            ),
            models.Index(fields=["iban"], condition=Q(iban__isnull=False), name="movement_of_iban"),
            models.Index(
                fields=["created_at", "id"],
                condition=Q(status="PENDING"),
                name="movement_waiting",
            ),
        ]
        permissions = [
            ("send_cash_out", "Can mark cash-outs as sent to the bank"),
            ("settle_cash_out", "Can settle and reject cash-outs"),
            ("adjust_balance", "Can adjust balances"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def direction(self) -> str:
        return "OUT" if self.amount < 0 else "IN"

    @property
    def magnitude(self) -> int:
        """The amount without its sign, which `direction` tells."""
        return abs(self.amount)
