"""Bodies, queries and answers about external accounts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import location
from iocash.http.serializers import reader
from users.serializers.users import LINKS, UPDATED_AT, Optional, without_nulls
from wallets.models import ExternalAccount
from wallets.serializers.shared import HOLDER_NAME, BankAccount, HolderName, PayeeIban, hrefs


class ExternalAccountAnswer(fields.Serializer):
    """A bank account for cash-outs of the wallet."""

    id = fields.Id(read_only=True)
    wallet_id = fields.Id(read_only=True)
    alias = fields.Text(100, read_only=True, allow_null=True)
    iban = fields.Text(34, read_only=True, allow_null=True, help_text="Null once erased.")
    holder_name = fields.Text(70, read_only=True, allow_null=True, help_text=HOLDER_NAME)
    status = fields.Choice(ExternalAccount.Status, read_only=True)
    created_at = fields.Moment(read_only=True)
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

    alias = Optional(100)
    iban = PayeeIban()
    holder_name = HolderName()

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Accept the published name of the IBAN too."""
        if isinstance(data, dict) and "externalIban" in data and "iban" not in data:
            return reader(PublishedAccountBody).to_internal_value(data)
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class PublishedIban(PayeeIban):
    """An IBAN as ioCash's published calls have it: in an object. A string is accepted too."""

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"accountNumber": super().schema()},
            "required": ["accountNumber"],
            "additionalProperties": False,
        }

    def get_initial(self) -> dict[str, str]:
        return {"accountNumber": self.example}


class PublishedAccountBody(fields.Serializer):
    """A bank account to store for later cash-outs, with the published name of its IBAN."""

    alias = Optional(100)
    external_iban = PublishedIban(source="iban")
    holder_name = HolderName()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class PublishedAccountAnswer(ExternalAccountAnswer):
    """A bank account for cash-outs of the wallet, also with the published name of its IBAN."""

    external_iban = SerializerMethodField(method_name="bank_account")

    @extend_schema_field(BankAccount(allow_null=True))
    def bank_account(self, account: ExternalAccount) -> dict[str, str] | None:
        """Null after the user's personal data are erased."""
        return {"accountNumber": account.iban} if account.iban else None


class ExternalAccountChange(fields.Serializer):
    """REMOVED removes the external account permanently; nothing else can be changed."""

    status = fields.Choice(("REMOVED",))


class ExternalAccountQuery(pages.PageQuery):
    """The filters of the list of external accounts."""

    status = fields.Choice(ExternalAccount.Status, required=False)
    iban = fields.Iban(required=False)
