"""Shared serializers and helpers."""

from __future__ import annotations

from typing import Any, Final

from rest_framework.exceptions import ValidationError

from iocash.errors import Message
from iocash.http import fields, pages
from iocash.http.naming import camel
from iocash.http.serializers import error_detail, reader
from users.serializers.users import METADATA, PAIRS, Optional


def hrefs(links: dict[str, str]) -> dict[str, Any]:
    return {rel: {"href": address} for rel, address in links.items()}


START: Final = (
    "The start of the period: only what was created at this time or later. A date alone means "
    "midnight UTC."
)
END: Final = (
    "The end of the period, after its start: only what was created before this time. A date alone "
    "means midnight UTC."
)


def require_period(attrs: dict[str, Any]) -> None:
    """Refuse a period that does not end after its start."""
    start, end = attrs.get("start_date"), attrs.get("end_date")
    if start and end and end <= start:
        raise out_of_range("end_date", Message("Must be after startDate."))


def require_amounts(attrs: dict[str, Any]) -> None:
    """Refuse a largest amount below the smallest."""
    least, most = attrs.get("min_amount"), attrs.get("max_amount")
    if least is not None and most is not None and most < least:
        raise out_of_range("max_amount", Message("Must not be below minAmount."))


def out_of_range(name: str, words: Message) -> ValidationError:
    return ValidationError({camel(name): [error_detail("invalid_range", words)]})


class IbanObject(fields.Serializer):
    """A bank account, by its IBAN: the form of ioCash's published calls."""

    default_error_messages = {"invalid": 'Expected an object: {{"accountNumber": "ES…"}}.'}

    account_number = fields.Iban()


PAYEE_IBAN: Final = "The IBAN, with or without spaces."


class PayeeIban(fields.Iban):
    """The IBAN of a bank account; `{"accountNumber": …}` is accepted too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"help_text": PAYEE_IBAN} | kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, dict):
            return super().to_internal_value(data)
        account: dict[str, str] = reader(IbanObject).run_validation(data)
        return account["account_number"]


HOLDER: Final = "Alice Example"
HOLDER_NAME: Final = "Who holds the bank account. The bank gets the name with the cash-out."


class HolderName(Optional):
    """The name of the holder of a bank account."""

    def __init__(self) -> None:
        super().__init__(70, example=HOLDER, help_text=f"{HOLDER_NAME} Null: none.")


LONGEST_REFERENCE: Final = 64
REFERENCE: Final = "INV-1234"
"""The example of a reference."""


class ReferenceAnswer(fields.Text):
    """The client's own id for a movement or hold, as answers show it."""

    def __init__(self) -> None:
        super().__init__(
            LONGEST_REFERENCE,
            read_only=True,
            allow_null=True,
            example=REFERENCE,
            help_text="Your own id for it. Null: none, or erased.",
        )


class AmountQuery(pages.PageQuery):
    """The filters of lists of movements and holds that concern times and amounts."""

    start_date = fields.Instant(required=False, help_text=START)
    end_date = fields.Instant(required=False, help_text=END)
    min_amount = fields.Amount(
        required=False,
        example="5.00",
        help_text="Only what has this amount or more, in units of the currency.",
    )
    max_amount = fields.Amount(
        required=False,
        example="100.00",
        help_text="Only what has this amount or less, in units of the currency.",
    )
    reference = fields.Text(
        LONGEST_REFERENCE,
        required=False,
        example=REFERENCE,
        help_text="Only what has exactly this `reference`.",
    )
    idempotency_key = fields.Text(
        255,
        required=False,
        example="order-1234",
        help_text="Only what was created with this `Idempotency-Key`.",
    )
    metadata = fields.Pairs(required=False, help_text=PAIRS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_period(attrs)
        require_amounts(attrs)
        return super().validate(attrs)


OF_USERS: Final = "Only of the wallets of these users."
OF_WALLETS: Final = "Only of these wallets."
NEEDS_CURRENCY: Final = Message("Required with minAmount and maxAmount.")


class AcrossWallets(fields.Serializer):
    """The filters of lists across all wallets of the client."""

    user_id = fields.Several(fields.Id(), required=False, help_text=OF_USERS)
    wallet_id = fields.Several(fields.Id(), required=False, help_text=OF_WALLETS)
    currency = fields.Currency(
        required=False,
        component="",
        help_text="Only of wallets in this currency. Required with `minAmount` and `maxAmount`, "
        "which are in units of it.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.keys() & {"min_amount", "max_amount"} and "currency" not in attrs:
            raise ValidationError({"currency": [error_detail("required", NEEDS_CURRENCY)]})
        validated: dict[str, Any] = super().validate(attrs)
        return validated


class Words(fields.Serializer):
    """What a client says of a movement or hold: concept, reference, metadata; also its currency."""

    concept = Optional(
        140, example="Lunch", help_text="What it is for, as the statement shows it. Null: none."
    )
    reference = Optional(
        LONGEST_REFERENCE,
        example=REFERENCE,
        help_text="Your own id for this, like an invoice number; it need not be unique. Executions "
        "and reversals inherit it. Null: none.",
    )
    currency = fields.Currency(
        required=False,
        component="",
        source="expected_currency",
        help_text="If given, it must be the wallet's currency (409 `currency_mismatch`).",
    )
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)
