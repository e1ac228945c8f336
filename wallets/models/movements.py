"""Movements: the changes of wallets' balances."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from users.models import Client
from users.models.idempotency import OWN_KEY
from wallets.models.accounts import ExternalAccount
from wallets.models.holds import Hold
from wallets.models.movement_querysets import MovementQuerySet
from wallets.models.querysets import Signed
from wallets.models.wallets import Wallet


class Counterparty(NamedTuple):
    """The other wallet of a payment, and its owner."""

    wallet_id: uuid.UUID
    user_id: uuid.UUID
    name: str


class Movement(Signed, models.Model):
    """One change of a wallet's balance: inserted once, settled at most once, never deleted.

    `seq`, `balance_after`, `received_after` and `settled_at` are set when it settles. From then on
    `digest` links it to the wallet's previous movement; before, it covers the facts of the order.
    `details_digest` covers the texts, which can be erased with their `salt` without breaking the
    chain. The foreign keys to wallets include client and currency (see the migration), so both
    legs have the same client and currency.
    """

    class Type(models.TextChoices):
        """CASH_IN: money from outside. CASH_OUT: money to a bank account. TRANSFER: money between
        two wallets, also the execution of a hold. REVERSAL: of a cash-in or a transfer, or a
        cash-out that the bank returned. ADJUSTMENT: a correction by staff.
        """

        CASH_IN = "CASH_IN"
        CASH_OUT = "CASH_OUT"
        TRANSFER = "TRANSFER"
        REVERSAL = "REVERSAL"
        ADJUSTMENT = "ADJUSTMENT"

    class Status(models.TextChoices):
        """PENDING: a cash-out whose amount is held. SUCCESS: settled, the balance has changed.
        ERROR: a cash-out that staff rejected. CANCELLED: one that you cancelled. Only PENDING
        can change.
        """

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
    amount = models.BigIntegerField(help_text="In minor units; negative for outgoing money.")
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
    received_after = models.BigIntegerField(
        null=True, help_text="Total ever received by the wallet, including this movement."
    )
    hold = models.ForeignKey(
        Hold,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="The hold that this transfer executed.",
    )
    reversal_of = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="The movement of this wallet that this one reverses.",
    )
    external_account = models.ForeignKey(
        ExternalAccount,
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="The external account to which a cash-out goes.",
    )
    bank_file = models.ForeignKey(
        "BankFile",
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="The file for the bank that has this cash-out.",
    )
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, help_text="Time of sending to the bank.")
    settled_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(
        null=True, help_text="Time at which a cash-out was rejected or cancelled."
    )
    updated_at = models.DateTimeField(
        null=True, help_text="Last change; null for what was settled at once."
    )
    reason = models.CharField(
        max_length=140, blank=True, help_text="Reason for rejection. The client can read it."
    )
    concept = models.CharField(max_length=140, null=True)  # noqa: DJ001 (erased is null)
    iban = models.CharField(max_length=34, null=True)  # noqa: DJ001
    holder_name = models.CharField(  # noqa: DJ001 (erased is null)
        max_length=70, null=True, help_text="Who holds the bank account of a cash-out."
    )
    metadata = models.JSONField(null=True)
    reference = models.CharField(max_length=64, null=True)  # noqa: DJ001
    salt = models.BinaryField(max_length=16, null=True)
    details_digest = models.BinaryField(max_length=32, null=True)
    digest = models.BinaryField(max_length=32)

    objects = MovementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="movement_amount_is_not_zero", condition=~Q(amount=0)),
            models.CheckConstraint(
                name="movement_type_is_known",
                condition=Q(type__in=["CASH_IN", "CASH_OUT", "TRANSFER", "REVERSAL", "ADJUSTMENT"]),
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
                name="movement_only_a_transfer_executes_a_hold",
                condition=Q(hold=None) | Q(type="TRANSFER"),
            ),
            models.CheckConstraint(
                name="movement_only_a_cash_out_has_an_account",
                condition=Q(external_account=None) | Q(type="CASH_OUT"),
            ),
            models.CheckConstraint(
                name="movement_reversal_names_what_it_reverses",
                condition=Q(type="REVERSAL", reversal_of__isnull=False)
                | (~Q(type="REVERSAL") & Q(reversal_of=None)),
            ),
            models.CheckConstraint(
                name="movement_reversal_from_outside_has_an_iban_unless_erased",
                condition=~Q(type="REVERSAL", counterparty=None)
                | Q(amount__lt=0, iban=None)
                | Q(amount__gt=0, iban__isnull=False)
                | Q(salt=None, details_digest__isnull=False),
            ),
            models.CheckConstraint(
                name="movement_only_a_cash_out_is_in_a_file",
                condition=Q(bank_file=None)
                | Q(type="CASH_OUT", status="PENDING")
                | Q(type="CASH_OUT", sent_at__isnull=False),
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
                condition=(Q(status="ERROR") & (~Q(reason="") | Q(salt=None)))
                | (~Q(status="ERROR") & Q(reason="")),
            ),
            models.CheckConstraint(
                name="movement_success_is_settled",
                condition=Q(
                    status="SUCCESS",
                    seq__isnull=False,
                    seq__gte=1,
                    balance_after__isnull=False,
                    balance_after__gte=0,
                    received_after__isnull=False,
                    received_after__gte=F("balance_after"),
                    settled_at__isnull=False,
                )
                | (
                    ~Q(status="SUCCESS")
                    & Q(
                        seq=None,
                        balance_after=None,
                        received_after=None,
                        settled_at=None,
                    )
                ),
            ),
            models.CheckConstraint(
                name="movement_details_have_a_salt",
                condition=Q(salt__isnull=False, details_digest__isnull=False)
                | Q(salt=None, concept=None, iban=None, metadata__isnull=True, reference=None),
            ),
            models.CheckConstraint(
                name="movement_holder_has_an_iban",
                condition=Q(holder_name=None) | Q(iban__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["client", "wallet", "seq"], name="movement_seq_is_given_once_per_wallet"
            ),
        ]
        indexes = [
            models.Index(fields=["wallet", "created_at", "id"], name="movement_page"),
            models.Index(fields=["client", "created_at", "id"], name="movement_of_client"),
            models.Index(
                fields=["client", "reference", "created_at", "id"],
                condition=Q(reference__isnull=False),
                name="movement_of_reference",
            ),
            models.Index(
                fields=["client", "iban", "created_at", "id"],
                condition=Q(iban__isnull=False),
                name="movement_of_clients_iban",
            ),
            models.Index(
                fields=["client", "type", "created_at", "id"],
                condition=~Q(type="TRANSFER"),
                name="movement_of_clients_type",
            ),
            models.Index(
                fields=["client", "status", "created_at", "id"],
                condition=~Q(status="SUCCESS"),
                name="movement_of_clients_status",
            ),
            models.Index(fields=["operation_id"], name="movement_of_operation"),
            models.Index(
                fields=["settled_at"],
                include=["currency", "amount"],
                condition=Q(counterparty__isnull=True, status="SUCCESS"),
                name="movement_crossing_sums",
            ),
            models.Index(
                fields=["wallet", "created_at"],
                condition=Q(type__in=["CASH_IN", "CASH_OUT"]),
                name="movement_crossing_of_wallet",
            ),
            models.Index(fields=["hold"], condition=Q(hold__isnull=False), name="movement_of_hold"),
            models.Index(
                fields=["reversal_of"],
                condition=Q(reversal_of__isnull=False),
                name="movement_reversing",
            ),
            models.Index(fields=["iban"], condition=Q(iban__isnull=False), name="movement_of_iban"),
            models.Index(
                fields=["created_at", "id"],
                condition=Q(status="PENDING"),
                name="movement_waiting",
            ),
            models.Index(
                fields=["wallet", "created_at", "id"],
                condition=Q(status="PENDING"),
                name="movement_waiting_of_wallet",
            ),
            models.Index(
                fields=["wallet", "created_at", "id"],
                condition=Q(status__in=["ERROR", "CANCELLED"]),
                name="movement_failed_of_wallet",
            ),
            models.Index(fields=["id"], condition=~Q(status="SUCCESS"), name="movement_unsettled"),
            models.Index(
                fields=["id"], condition=Q(bank_file__isnull=False), name="movement_in_a_file"
            ),
            models.Index(
                fields=["wallet", "type", "created_at", "id"],
                condition=~Q(type="TRANSFER"),
                name="movement_of_type_in_wallet",
            ),
            models.Index(
                fields=["type", "id"], condition=~Q(type="TRANSFER"), name="movement_of_type"
            ),
        ]
        permissions = [
            ("add_cash_in", "Can bring cash-ins"),
            ("send_cash_out", "Can mark cash-outs as sent to the bank"),
            ("settle_cash_out", "Can settle and reject cash-outs"),
            ("adjust_balance", "Can adjust balances"),
            ("reverse_movement", "Can reverse movements"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    reversed_amount: int
    """The sum of its reversals, of a movement that was read with `seen`. Minor units."""
    used_key: str | None
    counterparty_shown: Counterparty | None = None
    """The counterparty, if it is to be shown."""

    @property
    def idempotency_key(self) -> str | None:
        """The key of the client's request that created its operation; needs `seen`."""
        return None if (self.used_key or "").startswith(OWN_KEY) else self.used_key

    @property
    def mirror(self) -> Movement | None:
        """The other leg, in the counterparty's wallet; None if there is none."""
        if self.counterparty_id is None:
            return None
        return Movement.objects.filter(
            client=self.client_id,
            operation_id=self.operation_id,
            wallet=self.counterparty_id,
            counterparty=self.wallet_id,
            created_at=self.created_at,
        ).first()

    @property
    def reversible(self) -> dict[str, Any]:
        """The ids that an order to reverse it needs: its own, and those of its mirror."""
        mirror = self.mirror
        return {
            "wallet_id": self.wallet_id,
            "movement_id": self.id,
            "counterparty_id": self.counterparty_id,
            "mirror_id": mirror.id if mirror else None,
        }
