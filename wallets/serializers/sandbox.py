"""Bodies and answers of the operations that exist in sandboxes only."""

from __future__ import annotations

from iocash.http import fields
from users.serializers.identity import Decision
from users.serializers.kyc import Pattern
from users.serializers.users import Optional

REASON = "[A-Z0-9]{1,4}"


class ClockBody(fields.Serializer):
    """How far to advance the clock."""

    advance = fields.DurationText(
        help_text="How far, as a duration of ISO 8601: `P1M`, `P2W`, `P1DT12H`. More than zero, "
        "and at most a year. Months are months of the calendar.",
    )


class ClockAnswer(fields.Serializer):
    """The clock of the sandbox."""

    now = fields.Moment(
        read_only=True,
        help_text="The time of the clock. After it was advanced, all that was due until then is "
        "done.",
    )
    offset = fields.Text(
        40,
        read_only=True,
        example="P31D",
        help_text="How far the clock is ahead of the real time, in days and seconds (ISO 8601).",
    )
    remaining = fields.Text(
        40,
        read_only=True,
        allow_null=True,
        example="P2D",
        help_text="What is left of `advance`, because there was too much to do in 20 seconds: send "
        "it again. Null: nothing, or the clock was only read.",
    )


class SimulatedIdentityBody(fields.Serializer):
    """How the identity verification ends."""

    status = Decision()
    reason = Pattern(
        "[A-Z0-9_]{1,40}",
        "DOCUMENT_UNREADABLE",
        required=False,
        help_text="A code for a rejection: capital letters, digits and underscores.",
    )


class LastOtpAnswer(fields.Serializer):
    """The last one-time password of a user."""

    otp = fields.Text(6, read_only=True, example="123456", help_text="The code.")
    mobile_phone = fields.Phone(read_only=True, help_text="The number that it was sent to (E.164).")
    terms_id = fields.Id(
        read_only=True,
        allow_null=True,
        help_text="The terms that it signs. Null: it verifies the number.",
    )
    sent_at = fields.Moment(read_only=True, help_text="When it was sent.")
    expires_at = fields.Moment(read_only=True, help_text="When it expires.")


class RejectBody(fields.Serializer):
    """Why the bank rejects the cash-out."""

    reason_code = Pattern(
        REASON,
        "AC04",
        required=False,
        help_text="The bank's reason, a code of ISO 20022: `AC04` is a closed account. Without it, "
        "the bank gives none.",
    )


class BankTransferBody(fields.Serializer):
    """A transfer that somebody sends to the wallet from a bank."""

    amount = fields.Amount(help_text="In units of the wallet's currency.")
    concept = Optional(140, example="Salary", help_text="The payer's words. Null: none.")


class BankTransferStatus(fields.Choice):
    """BOOKED: the wallet has the money. SUSPENSE: the bank has it, and staff must explain it."""

    words = ("BOOKED", "SUSPENSE")


class BankTransferAnswer(fields.Serializer):
    """What became of a transfer from a bank."""

    status = BankTransferStatus(read_only=True)
    wallet_id = fields.Id(read_only=True, help_text="The wallet.")
    movement_id = fields.Id(
        read_only=True, allow_null=True, help_text="The cash-in. Null: it is in suspense."
    )
    reason = fields.Text(
        40,
        read_only=True,
        allow_null=True,
        example="no_wallet",
        help_text="Why it is in suspense: `no_wallet` if the wallet has no IBAN, or the code of a "
        "refusal. Null: it is booked.",
    )
