"""Shared serializers and helpers."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from iocash.http import fields
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
