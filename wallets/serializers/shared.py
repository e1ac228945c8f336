"""Shared serializers and helpers."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from iocash.http import fields
from iocash.http.rendering import camel
from iocash.http.serializers import reader
from users.serializers.users import Optional


def hrefs(links: dict[str, str]) -> dict[str, Any]:
    return {rel: {"href": address} for rel, address in links.items()}


def require_range(attrs: dict[str, Any], low: str, high: str, words: str) -> None:
    """Refuse a range that ends before it begins."""
    if low in attrs and high in attrs and attrs[high] < attrs[low]:
        raise ValidationError({camel(high): [ErrorDetail(words, code="invalid_range")]})


class BankAccount(fields.Serializer):
    """A bank account, by its IBAN: the form of ioCash's published calls."""

    default_error_messages = {"invalid": 'Expected an object: {{"accountNumber": "ES…"}}.'}

    account_number = fields.Iban()


class PayeeIban(fields.Iban):
    """The IBAN of a bank account; `{"accountNumber": …}` is accepted too."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, dict):
            return super().to_internal_value(data)
        account: dict[str, str] = reader(BankAccount).run_validation(data)
        return account["account_number"]


HOLDER_NAME = "Who holds the bank account. It is sent to the bank with the cash-out."


class HolderName(Optional):
    """The name of the holder of a bank account."""

    def __init__(self) -> None:
        super().__init__(70, help_text=HOLDER_NAME)


class Words(fields.Serializer):
    """The concept of the payer, the caller's own key-value pairs, and the currency, if checked."""

    concept = Optional(140)
    currency = fields.Currency(
        required=False,
        source="expected_currency",
        help_text="ISO 4217. If given, it must be the wallet's currency (409 `currency_mismatch`).",
    )
    metadata = fields.StringMap(required=False, allow_null=True)

    def validate_metadata(self, pairs: dict[str, str] | None) -> dict[str, str] | None:
        """Store an empty object as null."""
        return pairs or None
