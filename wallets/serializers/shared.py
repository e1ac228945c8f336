"""Shared serializers and helpers."""

from __future__ import annotations

from typing import Any, Final

from rest_framework.exceptions import ValidationError

from iocash.errors import Message
from iocash.http import fields
from iocash.http.rendering import camel
from iocash.http.serializers import error_detail, reader
from users.serializers.users import Optional


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


METADATA = (
    "Your own pairs of strings: at most 20, keys of up to 40 and values of up to 500 characters. "
    "The server stores them and does not use them. Null: none."
)


class BankAccount(fields.Serializer):
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
        account: dict[str, str] = reader(BankAccount).run_validation(data)
        return account["account_number"]


HOLDER: Final = "Alice Example"
HOLDER_NAME: Final = "Who holds the bank account. The bank gets the name with the cash-out."


class HolderName(Optional):
    """The name of the holder of a bank account."""

    def __init__(self) -> None:
        super().__init__(70, example=HOLDER, help_text=f"{HOLDER_NAME} Null: none.")


class Words(fields.Serializer):
    """The concept of the payer, the caller's own key-value pairs, and the currency, if checked."""

    concept = Optional(
        140, example="Lunch", help_text="What it is for, as the statement shows it. Null: none."
    )
    currency = fields.Currency(
        required=False,
        component="",
        source="expected_currency",
        help_text="If given, it must be the wallet's currency (409 `currency_mismatch`).",
    )
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)

    def validate_metadata(self, pairs: dict[str, str] | None) -> dict[str, str] | None:
        """Store an empty object as null."""
        return pairs or None
