"""Bodies, queries and answers about external accounts."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import LINKS, location
from iocash.http.serializers import reader
from users.serializers.users import METADATA, PAIRS, UPDATED_AT, Optional, without_nulls
from wallets.models import ExternalAccount
from wallets.serializers.shared import (
    HOLDER,
    HOLDER_NAME,
    OF_USERS,
    OF_WALLETS,
    PAYEE_IBAN,
    HolderName,
    PayeeIban,
    hrefs,
)


class Alias(Optional):
    """The client's name for an external account."""

    def __init__(self) -> None:
        super().__init__(100, example="My bank", help_text="Your name for the account. Null: none.")


class ExternalAccountAnswer(fields.Serializer):
    """A bank account for cash-outs of the wallet."""

    id = fields.Id(read_only=True, help_text="The id of the external account.")
    wallet_id = fields.Id(read_only=True, help_text="The wallet whose cash-outs can use it.")
    alias = fields.Text(
        100,
        read_only=True,
        allow_null=True,
        example="My bank",
        help_text="Your name for the account. Null: none, or erased.",
    )
    iban = fields.Text(
        34,
        read_only=True,
        allow_null=True,
        example=fields.Iban.example,
        help_text="The IBAN, without spaces. Null after erasure.",
    )
    holder_name = fields.Text(
        70,
        read_only=True,
        allow_null=True,
        example=HOLDER,
        help_text=f"{HOLDER_NAME} Null: none, or erased.",
    )
    status = fields.Choice(ExternalAccount.Status, read_only=True)
    metadata = fields.StringMap(read_only=True, allow_null=True, help_text=METADATA)
    created_at = fields.Moment(read_only=True, help_text="When the account was stored.")
    updated_at = fields.Moment(read_only=True, help_text=UPDATED_AT)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, account: ExternalAccount) -> dict[str, Any]:
        request = self.context["request"]
        ids = {"wallet_id": account.wallet_id, "account_id": account.id}
        return hrefs(
            {
                "self": location(request, "external-account", **ids),
                "wallet": location(request, "wallet", wallet_id=account.wallet_id),
            }
        )


class ExternalAccountBody(fields.Serializer):
    """A bank account to store for later cash-outs."""

    alias = Alias()
    iban = PayeeIban()
    holder_name = HolderName()
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Accept the published name of the IBAN too."""
        if isinstance(data, dict) and "externalIban" in data and "iban" not in data:
            return reader(PublishedAccountBody).to_internal_value(data)
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class PublishedIban(PayeeIban):
    """An IBAN as ioCash's published calls have it: in an object. A string is accepted too."""

    component = "BankAccount"

    def schema(self) -> dict[str, Any]:
        number = {**super().schema(), "description": PAYEE_IBAN, "examples": [self.example]}
        return {
            "type": "object",
            "description": "A bank account, by its IBAN.",
            "properties": {"accountNumber": number},
            "required": ["accountNumber"],
            "additionalProperties": False,
        }

    def get_initial(self) -> dict[str, str]:
        return {"accountNumber": self.example}


class PublishedAccountBody(fields.Serializer):
    """A bank account to store for later cash-outs, with the published name of its IBAN."""

    alias = Alias()
    external_iban = PublishedIban(source="iban", help_text="")
    holder_name = HolderName()
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class PublishedAccountAnswer(ExternalAccountAnswer):
    """A bank account for cash-outs of the wallet, also with the published name of its IBAN."""

    external_iban = SerializerMethodField(
        method_name="bank_account", help_text="The bank account. Null after erasure."
    )

    @extend_schema_field(PublishedIban(allow_null=True, help_text=""))
    def bank_account(self, account: ExternalAccount) -> dict[str, str] | None:
        """Null after the user's personal data are erased."""
        return {"accountNumber": account.iban} if account.iban else None


class ExternalAccountChange(fields.Serializer):
    """Remove the external account, or replace its metadata; nothing else can be changed."""

    together = {"minProperties": 1, "maxProperties": 1}
    default_error_messages = {"one_only": "Must not be sent together with status."}

    status = fields.Choice(
        ("REMOVED",), required=False, help_text="Remove the account permanently."
    )
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if not given:
            return {"status": "required"}
        return {"metadata": "one_only"} if len(given) > 1 else {}

    def get_initial(self) -> dict[str, Any]:
        """An example that does not remove the account by accident."""
        return {"metadata": fields.StringMap.example}


class ExternalAccountQuery(pages.PageQuery):
    """The filters of the list of external accounts."""

    status = fields.Several(
        fields.Choice(ExternalAccount.Status),
        required=False,
        help_text="Only accounts with one of these statuses.",
    )
    iban = fields.Several(
        fields.Iban(), required=False, help_text="Only accounts with one of these IBANs."
    )
    metadata = fields.Pairs(required=False, help_text=PAIRS)


class ExternalAccountsQuery(ExternalAccountQuery):
    """The filters of the list of external accounts across wallets."""

    user_id = fields.Several(fields.Id(), required=False, help_text=OF_USERS)
    wallet_id = fields.Several(fields.Id(), required=False, help_text=OF_WALLETS)
