"""Shared serializers and helpers."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from iocash.http import fields, pages
from iocash.http.rendering import camel
from users.serializers.users import Optional


def hrefs(links: dict[str, str]) -> dict[str, Any]:
    return {rel: {"href": address} for rel, address in links.items()}


def require_range(attrs: dict[str, Any], low: str, high: str, words: str) -> None:
    """Refuse a range that ends before it begins."""
    if low in attrs and high in attrs and attrs[high] < attrs[low]:
        raise ValidationError({camel(high): [ErrorDetail(words, code="invalid_range")]})


class BankAccount(fields.Serializer):
    """A bank account, by its IBAN."""

    default_error_messages = {"invalid": 'Expected an object: {{"accountNumber": "ES…"}}.'}

    account_number = fields.Iban()


LONGEST_REFERENCE = 64


class AmountQuery(pages.PageQuery):
    """The filters of lists of movements and holds that concern times and amounts."""

    start_date = fields.Moment(required=False)
    end_date = fields.Moment(required=False)
    min_amount = fields.Amount(required=False)
    max_amount = fields.Amount(required=False)
    reference = fields.Text(LONGEST_REFERENCE, required=False, help_text="Your own id.")
    idempotency_key = fields.Text(255, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_range(attrs, "start_date", "end_date", "Must not be before startDate.")
        require_range(attrs, "min_amount", "max_amount", "Must not be below minAmount.")
        return super().validate(attrs)


class AcrossWallets(fields.Serializer):
    """The filters of lists across all wallets of the client."""

    user_id = fields.Several(fields.Id(), required=False, help_text="The owners of the wallets.")
    wallet_id = fields.Several(fields.Id(), required=False)
    currency = fields.Currency(
        required=False, help_text="Required with minAmount and maxAmount, which are in it."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.keys() & {"min_amount", "max_amount"} and "currency" not in attrs:
            raise ValidationError({"currency": [ErrorDetail(NEEDS_CURRENCY, code="required")]})
        validated: dict[str, Any] = super().validate(attrs)
        return validated


NEEDS_CURRENCY = "Required with minAmount and maxAmount."


class Words(fields.Serializer):
    """The concept of the payer, and the caller's own reference and key-value pairs."""

    concept = Optional(140)
    reference = Optional(
        LONGEST_REFERENCE,
        help_text="Your own id for this, like an invoice number; you can search by it. It need not "
        "be unique. The executions of a hold and the reversals of a movement inherit it.",
    )
    metadata = fields.StringMap(required=False, allow_null=True)

    def validate_metadata(self, pairs: dict[str, str] | None) -> dict[str, str] | None:
        """Store an empty object as null."""
        return pairs or None
