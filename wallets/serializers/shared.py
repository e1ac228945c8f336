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


METADATA = (
    "Your own pairs of strings: at most 20, keys of up to 40 and values of up to 500 characters. "
    "The server stores them and does not use them. Null: none."
)


class BankAccount(fields.Serializer):
    """A bank account, by its IBAN."""

    together = {"additionalProperties": False}
    default_error_messages = {"invalid": 'Expected an object: {{"accountNumber": "ES…"}}.'}

    account_number = fields.Iban(help_text="The IBAN, with or without spaces.")


class Words(fields.Serializer):
    """The concept of the payer, and the caller's own key-value pairs."""

    concept = Optional(
        140, example="Lunch", help_text="What it is for, as the statement shows it. Null: none."
    )
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)

    def validate_metadata(self, pairs: dict[str, str] | None) -> dict[str, str] | None:
        """Store an empty object as null."""
        return pairs or None
