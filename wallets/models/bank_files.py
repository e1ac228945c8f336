"""Files for the bank: cash-outs that are sent together, and what the bank answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self
from uuid import UUID

from django.db import connection, models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from iocash.db.clock import Now
from iocash.db.transactions import as_array, as_rows
from users.models import Client
from wallets.models.bank_accounts import BankAccount
from wallets.models.bank_uploads import BankUpload
from wallets.models.movements import Movement
from wallets.models.wallets import Wallet

AS_STAFF: Final = "^staff:[0-9]+$"
"""An actor that is a member of staff."""


class BankFileQuerySet(models.QuerySet["BankFile"]):
    def locked(self) -> Self:
        return self.select_for_update(no_key=True)

    def lock_of_wallet(self, wallet_id: UUID) -> None:
        """Lock those that have cash-outs of a wallet, by their ids, in a transaction."""
        named = BankPayment.objects.filter(wallet=wallet_id).values("file")
        list(self.filter(id__in=named).order_by("id").locked().values_list("id", flat=True))

    def built(self) -> Self:
        """Those that wait for their approval."""
        return self.filter(state=BankFile.State.BUILT)

    def unsent(self) -> Self:
        """Those that are approved, and that nobody took to the bank."""
        return self.filter(state=BankFile.State.APPROVED)


class BankFile(models.Model):
    """A message pain.001 with cash-outs: built once, approved by a second person or discarded.

    `content` is what the bank gets; it is erased, and nothing else, with the personal data of a
    user whose cash-out is in it. `control_sum` is in minor units. `message_id` is the id without
    dashes. `dropped_at` is when the worker has moved it into the folder of the bank, and `lost_at`
    when it did not find what it was about to move. `approval_id` has taken it back.
    """

    class State(models.TextChoices):
        """BUILT: waits for a second person. APPROVED: its cash-outs are sent. SENT: the bank has
        it. ACCEPTED, PARTIALLY_ACCEPTED and REJECTED: the answer of the bank. DISCARDED: it was
        never approved. TAKEN_BACK: it was approved, and never handed over.
        """

        BUILT = "BUILT", _("Waits for approval")
        APPROVED = "APPROVED", _("Approved")
        SENT = "SENT", _("Sent")
        ACCEPTED = "ACCEPTED", _("Accepted")
        PARTIALLY_ACCEPTED = "PARTIALLY_ACCEPTED", _("Partially accepted")
        REJECTED = "REJECTED", _("Rejected")
        DISCARDED = "DISCARDED", _("Discarded")
        TAKEN_BACK = "TAKEN_BACK", _("Taken back")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message_id = models.CharField(_("message id"), max_length=35)
    account = models.ForeignKey(
        BankAccount, models.PROTECT, related_name="files", verbose_name=_("pays from")
    )
    currency = models.CharField(_("currency"), max_length=3)
    execution_date = models.DateField(_("execution date"))
    count = models.PositiveIntegerField(_("payments"))
    control_sum = models.BigIntegerField(_("control sum"))
    sha256 = models.BinaryField(max_length=32)
    content = models.BinaryField(null=True)
    state = models.CharField(_("state"), max_length=18, choices=State, default=State.BUILT)
    reason = models.CharField(_("reason"), max_length=140, blank=True)
    created_by = models.CharField(max_length=60)
    created_at = models.DateTimeField(_("built"), db_default=Now(), editable=False)
    approved_by = models.CharField(max_length=60, blank=True)
    approved_at = models.DateTimeField(_("approved"), null=True)
    placed_at = models.DateTimeField(
        null=True, help_text="When it was put beside the folder of the bank, to be moved into it."
    )
    sent_by = models.CharField(max_length=60, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    dropped_at = models.DateTimeField(null=True)
    lost_at = models.DateTimeField(null=True)
    discarded_by = models.CharField(max_length=60, blank=True)
    approval_id = models.UUIDField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="Time of the last answer, or of the end.")

    objects = BankFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("bank file")
        verbose_name_plural = _("bank files")
        constraints = [
            models.UniqueConstraint(fields=["message_id"], name="bank_file_has_its_own_message_id"),
            models.CheckConstraint(
                name="bank_file_is_built_by_staff", condition=Q(created_by__regex=AS_STAFF)
            ),
            models.CheckConstraint(
                name="bank_file_is_approved_by_another",
                condition=Q(approved_by="")
                | (Q(approved_by__regex=AS_STAFF) & ~Q(approved_by=F("created_by"))),
            ),
            models.CheckConstraint(
                name="bank_file_is_approved_before_it_is_sent",
                condition=Q(state__in=["BUILT", "DISCARDED"], approved_by="", approved_at=None)
                | (
                    ~Q(state__in=["BUILT", "DISCARDED"])
                    & ~Q(approved_by="")
                    & Q(approved_at__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="bank_file_is_sent_before_it_is_answered",
                condition=Q(
                    state__in=["BUILT", "DISCARDED", "APPROVED", "TAKEN_BACK"],
                    sent_by="",
                    sent_at=None,
                )
                | (
                    Q(state__in=["SENT", "ACCEPTED", "PARTIALLY_ACCEPTED", "REJECTED"])
                    & ~Q(sent_by="")
                    & Q(sent_at__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="bank_file_is_discarded_with_a_reason",
                condition=(
                    Q(state__in=["DISCARDED", "TAKEN_BACK"]) & ~Q(reason="") & ~Q(discarded_by="")
                )
                | (~Q(state__in=["DISCARDED", "TAKEN_BACK"]) & Q(discarded_by="")),
            ),
            models.CheckConstraint(
                name="bank_file_is_taken_back_by_an_approval",
                condition=Q(state="TAKEN_BACK", approval_id__isnull=False)
                | (~Q(state="TAKEN_BACK") & Q(approval_id=None)),
            ),
            models.CheckConstraint(
                name="bank_file_is_dropped_after_it_was_sent",
                condition=Q(dropped_at=None, lost_at=None)
                | (~Q(sent_by="") & (Q(dropped_at=None) | Q(lost_at=None))),
            ),
            models.CheckConstraint(
                name="bank_file_has_payments", condition=Q(count__gt=0, control_sum__gt=0)
            ),
            models.CheckConstraint(
                name="bank_file_has_its_hash",
                condition=Q(content=None)
                | Q(
                    sha256=Func(F("content"), function="sha256", output_field=models.BinaryField())
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(state__in=["BUILT", "APPROVED"]),
                name="bank_file_unsent",
            )
        ]
        permissions = [
            ("approve_bankfile", "Can approve bank files that somebody else has built"),
            ("send_bankfile", "Can take approved bank files to the bank"),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def is_built(self) -> bool:
        return self.state == self.State.BUILT

    @property
    def hash(self) -> str:
        """The SHA-256 of its content, in hexadecimal digits."""
        return bytes(self.sha256).hex()

    @property
    def name(self) -> str:
        """The name of the file for the bank."""
        return f"pain.001-{self.message_id}.xml"


NOTED: Final = {
    "id": "uuid",
    "status": "text",
    "reason_code": "text",
    "information": "text",
    "verification": "text",
    "conflict": "text",
    "answered_at": "timestamptz",
}
"""What an answer can change of a payment, and its id."""
COLUMNS: Final = ", ".join(f"{name} {kind}" for name, kind in NOTED.items())
WRITE_NOTES: Final = f"""
    UPDATE wallets_bankpayment AS payment
    SET {", ".join(f"{name} = new.{name}" for name in NOTED if name != "id")}
    FROM json_to_recordset(%s) AS new ({COLUMNS})
    WHERE payment.id = new.id AND payment.id = ANY(%s)
"""  # noqa: S608


class BankPaymentQuerySet(models.QuerySet["BankPayment"]):
    def of(self, file: BankFile) -> Self:
        """The payments of a file, in its order, with their cash-outs."""
        return self.filter(file=file).order_by("number").select_related("movement")

    def write_notes(self, payments: Iterable[BankPayment]) -> None:
        """Write what answers can change of these payments, in one statement."""
        values = [{name: getattr(each, name) for name in NOTED} for each in payments]
        with connection.cursor() as cursor:
            cursor.execute(WRITE_NOTES, [as_rows(values), as_array(each["id"] for each in values)])


class BankPayment(models.Model):
    """A cash-out in a file, and what the bank said of it. The amount is positive, in minor units.

    A cash-out of a discarded file can be in another one. `status` and `reason_code` are codes of
    ISO 20022; `verification` is the result of the verification of the payee's name.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    file = models.ForeignKey(BankFile, models.PROTECT, related_name="payments", db_index=False)
    number = models.PositiveIntegerField()
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    movement = models.ForeignKey(Movement, models.PROTECT, related_name="+", db_index=False)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    status = models.CharField(_("status"), max_length=4, blank=True)
    reason_code = models.CharField(_("reason code"), max_length=35, blank=True)
    information = models.CharField(_("information"), max_length=210, blank=True)
    verification = models.CharField(_("verification of payee"), max_length=4, blank=True)
    conflict = models.CharField(max_length=40, blank=True)
    answered_at = models.DateTimeField(null=True)

    objects = BankPaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment of a bank file")
        verbose_name_plural = _("payments of bank files")
        constraints = [
            models.UniqueConstraint(
                fields=["file", "movement"], name="bank_payment_is_once_in_its_file"
            ),
            models.UniqueConstraint(
                fields=["file", "number"], name="bank_payment_has_its_own_number"
            ),
            models.CheckConstraint(name="bank_payment_is_positive", condition=Q(amount__gt=0)),
        ]
        indexes = [
            models.Index(fields=["movement"], name="bank_payment_of_movement"),
            models.Index(fields=["wallet"], name="bank_payment_of_wallet"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} {self.number}"

    @property
    def has_ended(self) -> bool:
        """Whether the bank has rejected it, or has paid it."""
        return self.status in {"RJCT", "ACSC", "ACCC"}

    @property
    def end_to_end_id(self) -> str:
        """What the bank repeats in all that it says about the payment: the cash-out's id."""
        return self.movement_id.hex


class BankReport(models.Model):
    """A message pain.002 that was imported: what the bank said of a file.

    `content` is the message as received; it is erased as that of the file is. `upload` is that of a
    message which staff have released.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    file = models.ForeignKey(BankFile, models.PROTECT, related_name="reports", db_index=False)
    upload = models.ForeignKey(
        BankUpload, models.PROTECT, related_name="+", null=True, db_index=False
    )
    message_id = models.CharField(_("message id"), max_length=35)
    content = models.BinaryField(null=True)
    sha256 = models.BinaryField(max_length=32)
    status = models.CharField(_("status"), max_length=4, blank=True)
    reason_code = models.CharField(_("reason code"), max_length=35, blank=True)
    settled = models.PositiveIntegerField(_("settled"))
    rejected = models.PositiveIntegerField(_("rejected"))
    noted = models.PositiveIntegerField(_("noted"))
    conflicts = models.PositiveIntegerField(_("contradictions"))
    actor = models.CharField(max_length=60)
    created_at = models.DateTimeField(_("imported"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("answer of the bank")
        verbose_name_plural = _("answers of the bank")
        constraints = [
            models.UniqueConstraint(fields=["file", "sha256"], name="bank_report_is_imported_once"),
            models.CheckConstraint(
                name="bank_report_has_its_hash",
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
                name="bank_report_to_erase",
            ),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def counts(self) -> dict[str, Any]:
        return {
            "settled": self.settled,
            "rejected": self.rejected,
            "noted": self.noted,
            "conflicts": self.conflicts,
        }
