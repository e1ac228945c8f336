"""Lines of bank statements: what a bank has booked, and what explains each of them.

A line never changes what it says. It is explained at most once, by an outcome: a row of its own,
which is written in the transaction of the movement that it names. A line without an outcome is in
suspense.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self
from uuid import UUID

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from users.models import Client
from wallets.models.bank_accounts import BankAccount
from wallets.models.bank_statements import BankStatement
from wallets.models.movements import Movement
from wallets.models.wallets import Wallet

IMPERSONAL: Final = "^[0-9A-Fa-f-]*$"
"""A reference that names nobody: blank, or made of an id. Others are erased as names are."""


class Suspense(models.TextChoices):
    """Why a line is in suspense."""

    NEW = "", _("Not looked at yet")
    NO_WALLET = "no_wallet", _("It names no wallet of this account")
    SEVERAL_WALLETS = "several_wallets", _("It names several wallets")
    NO_CASH_OUT = "no_cash_out", _("It names no payment out of this account")
    OTHER_AMOUNT = "other_amount", _("The payment out has another amount")
    NOT_SENT = "cash_out_not_sent", _("The payment out was not sent to the bank")
    OTHER_ACCOUNT = "other_account", _("The payment out was to be paid from another account")
    OTHER_PAYEE = "other_payee", _("The bank names another account than that of the payee")
    ENDED = "movement_not_pending", _("The payment out was rejected or cancelled")
    RETURNED = "returned", _("A returned payment that names no payment out")
    NO_CASH_IN = "no_cash_in", _("No cash-in of the client has its reference and amount")
    BOOKED_BEFORE = "booked_before", _("A cash-in of the client without a line can be this credit")
    REVERSED = "reversed", _("The bank has reversed an earlier entry")
    REPEATED = "repeated", _("The same entry is in a statement more than once")
    NOT_NOTIFIED = "not_notified", _("The statement has it, but no notification had it")
    UNDATED = "undated", _("The bank gives no date of its own for it")
    RESTATED = "restated", _("It is new in a statement that the bank has sent before")
    TAKEN = "taken", _("The movement belongs to another line")
    PART = "part", _("A part of a line that was split")
    WALLET_NOT_READY = "wallet_not_ready", _("The wallet is blocked or closed")
    USER_NOT_ACTIVE = "user_not_active", _("The owner of the wallet is blocked or closed")
    LIMIT = "limit_exceeded", _("A limit of the owner would be exceeded")
    INSUFFICIENT_FUNDS = "insufficient_funds", _("The wallet has too little money")
    REVERSAL_EXCEEDED = "reversal_exceeded", _("The payment out was returned before")
    REFUSED = "refused", _("The ledger has refused it")


class BankLineQuerySet(models.QuerySet["BankLine"]):
    def with_outcome(self) -> Self:
        """Annotate `is_explained`: whether a line has an outcome."""
        return self.annotate(is_explained=Exists(BankOutcome.objects.filter(line=OuterRef("pk"))))

    def unexplained(self) -> Self:
        """The lines in suspense; an index has those that can be."""
        return self.with_outcome().filter(is_open=True, is_explained=False)

    def locked_in_order(self, ids: Iterable[UUID]) -> None:
        """Lock these lines by their ids: who writes several locks them first, so nobody deadlocks.

        It must be in a transaction.
        """
        list(
            self.filter(id__in=[*ids])
            .order_by("id")
            .select_for_update(no_key=True)
            .values_list("id", flat=True)
        )

    def suspended(self) -> Self:
        """The lines in suspense that were looked at."""
        return self.unexplained().exclude(reason="")


class BankLine(models.Model):
    """An entry of a statement, or one payment of it. `amount` is in minor units, above 0.

    What identifies an entry is its account, reference, booking date, amount, sign and index. Its
    payments are its parts 1, 2, …; an entry without details that add up is part 1 itself. A part
    that staff have split off has a `parent`. `confirmed_by` is the camt.053 that has the line.

    `is_open` is for an index only: a line that is not open has an outcome.

    What people wrote, their names and IBANs are erased with the user of its wallet, or by its age,
    and nothing else ever changes.
    """

    class Sign(models.IntegerChoices):
        CREDIT = 1, _("Credit")
        DEBIT = -1, _("Debit")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(
        BankAccount,
        models.PROTECT,
        related_name="lines",
        db_index=False,
        verbose_name=_("bank account"),
    )
    statement = models.ForeignKey(
        BankStatement, models.PROTECT, related_name="lines", verbose_name=_("bank statement")
    )
    confirmed_by = models.ForeignKey(
        BankStatement, models.PROTECT, related_name="+", null=True, db_index=False
    )
    parent = models.ForeignKey(
        "self", models.PROTECT, related_name="parts", null=True, db_index=False
    )
    reference = models.CharField(_("bank's reference"), max_length=70, blank=True)
    booking_date = models.DateField(_("booked"))
    value_date = models.DateField(null=True)
    entry_amount = models.BigIntegerField()
    sign = models.SmallIntegerField(_("sign"), choices=Sign)
    index = models.PositiveIntegerField()
    part = models.PositiveIntegerField(default=1)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    is_reversal = models.BooleanField(default=False)
    is_return = models.BooleanField(default=False)
    end_to_end = models.CharField(_("end-to-end reference"), max_length=70, blank=True)
    payment = models.CharField(max_length=70, blank=True)
    message = models.CharField(max_length=70, blank=True)
    name = models.CharField(_("other party"), max_length=140, blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    target = models.CharField(max_length=34, blank=True)
    remittance = models.CharField(_("remittance"), max_length=1_000, blank=True)
    text = models.CharField(_("text of the bank"), max_length=1_000, blank=True)
    reason = models.CharField(_("reason"), max_length=40, choices=Suspense, blank=True)
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField(_("imported"), db_default=Now(), editable=False)

    objects = BankLineQuerySet.as_manager()

    is_explained: bool

    class Meta:
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "account",
                    "reference",
                    "booking_date",
                    "entry_amount",
                    "sign",
                    "index",
                    "part",
                ],
                condition=Q(parent=None),
                name="bank_line_is_stored_once",
            ),
            models.UniqueConstraint(
                fields=["parent", "part"],
                condition=Q(parent__isnull=False),
                name="bank_line_has_each_part_once",
            ),
            models.CheckConstraint(
                name="bank_line_amount_is_positive_and_of_its_entry",
                condition=Q(amount__gt=0, entry_amount__gte=F("amount")),
            ),
            models.CheckConstraint(
                name="bank_line_is_a_credit_or_a_debit", condition=Q(sign__in=[1, -1])
            ),
            models.CheckConstraint(
                name="bank_line_parts_are_counted_from_1", condition=Q(part__gt=0)
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "booking_date", "id"],
                condition=Q(is_open=True),
                name="bank_line_open",
            ),
            models.Index(
                fields=["account", "id"],
                condition=Q(is_open=True, reason=""),
                name="bank_line_new",
            ),
            models.Index(fields=["account", "booking_date", "id"], name="bank_line_of_account"),
            models.Index(
                fields=["created_at", "id"],
                condition=~Q(
                    name="",
                    iban="",
                    target="",
                    remittance="",
                    text="",
                    end_to_end__regex=IMPERSONAL,
                    payment__regex=IMPERSONAL,
                    message__regex=IMPERSONAL,
                ),
                name="bank_line_to_erase",
            ),
            models.Index(
                fields=["account"],
                include=["sign", "amount"],
                condition=Q(parent__isnull=True, confirmed_by__isnull=False),
                name="bank_line_sums",
            ),
            models.Index(
                fields=["account", "booking_date"],
                condition=Q(parent__isnull=True, confirmed_by__isnull=True),
                name="bank_line_unconfirmed",
            ),
        ]

    def __str__(self) -> str:
        return self.reference or str(self.id)

    @property
    def signed_amount(self) -> int:
        return self.sign * self.amount


class BankOutcomeQuerySet(models.QuerySet["BankOutcome"]):
    def of_movements(self) -> Self:
        """Those that name a movement."""
        return self.filter(status__in=[BankOutcome.Status.MATCHED, BankOutcome.Status.ASSIGNED])


class BankOutcome(models.Model):
    """What explains a line: written once, with the movement that it names, and never changed.

    Or why a movement needs no line, by an approval. So a constraint keeps it from having both.
    """

    class Status(models.TextChoices):
        """MATCHED: with a movement, by what the line says. ASSIGNED: to a wallet, by staff.
        RETURNED: to the payer. IGNORED: set apart, with a reason. SPLIT: into parts. SAME: the bank
        has stated the payment of another line again; it counts once. APART: a movement for which
        no line is expected, as two people have approved; it has no line.
        """

        MATCHED = "MATCHED", _("Matched")
        ASSIGNED = "ASSIGNED", _("Assigned")
        RETURNED = "RETURNED", _("Returned")
        IGNORED = "IGNORED", _("Set apart")
        SPLIT = "SPLIT", _("Split")
        SAME = "SAME", _("The same as another line")
        APART = "APART", _("Movement set apart")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    line = models.ForeignKey(
        BankLine, models.PROTECT, related_name="outcomes", null=True, db_index=False
    )
    status = models.CharField(_("state"), max_length=8, choices=Status)
    movement = models.ForeignKey(
        Movement, models.PROTECT, related_name="+", null=True, db_index=False
    )
    pair = models.ForeignKey(
        BankLine,
        models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        help_text="The line that this one returns, or is the same as.",
    )
    decision_id = models.UUIDField(null=True)
    approval_id = models.UUIDField(null=True)
    reason = models.CharField(_("reason"), max_length=140, blank=True)
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(_("explained"), db_default=Now(), editable=False)

    objects = BankOutcomeQuerySet.as_manager()

    class Meta:
        verbose_name = _("outcome of a bank line")
        verbose_name_plural = _("outcomes of bank lines")
        constraints = [
            models.UniqueConstraint(fields=["line"], name="bank_line_is_explained_once"),
            models.UniqueConstraint(
                fields=["movement"],
                condition=Q(movement__isnull=False),
                name="bank_outcome_names_a_movement_once",
            ),
            models.UniqueConstraint(
                fields=["pair", "status"],
                condition=Q(pair__isnull=False),
                name="bank_outcome_returns_a_line_once",
            ),
            models.UniqueConstraint(
                fields=["decision_id"],
                condition=Q(decision_id__isnull=False),
                name="bank_outcome_uses_a_decision_once",
            ),
            models.CheckConstraint(
                name="bank_outcome_has_what_its_state_needs",
                condition=Q(
                    status="MATCHED",
                    client__isnull=False,
                    wallet__isnull=False,
                    movement__isnull=False,
                    line__isnull=False,
                    decision_id=None,
                    approval_id=None,
                    pair=None,
                )
                | Q(
                    status="ASSIGNED",
                    client__isnull=False,
                    wallet__isnull=False,
                    movement__isnull=False,
                    line__isnull=False,
                    decision_id__isnull=False,
                    approval_id=None,
                    pair=None,
                )
                | (
                    Q(
                        status="APART",
                        client__isnull=False,
                        wallet__isnull=False,
                        movement__isnull=False,
                        line=None,
                        decision_id=None,
                        approval_id__isnull=False,
                        pair=None,
                    )
                    & ~Q(reason="")
                )
                | (
                    Q(
                        status__in=["RETURNED", "IGNORED", "SPLIT", "SAME"],
                        client=None,
                        wallet=None,
                        movement=None,
                        line__isnull=False,
                        decision_id__isnull=False,
                        approval_id=None,
                    )
                ),
            ),
            models.CheckConstraint(
                name="bank_outcome_only_a_return_has_a_pair",
                condition=Q(pair=None) & ~Q(status="SAME")
                | (Q(status__in=["RETURNED", "SAME"], pair__isnull=False) & ~Q(pair=F("line"))),
            ),
        ]
        indexes = [
            models.Index(
                fields=["wallet", "id"],
                condition=Q(wallet__isnull=False),
                name="bank_outcome_of_wallet",
            ),
            models.Index(fields=["client"], condition=Q(status="APART"), name="bank_outcome_apart"),
        ]

    def __str__(self) -> str:
        return str(self.status)
