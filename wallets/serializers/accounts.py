"""Bodies, queries and answers about external accounts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import location
from users.serializers.users import LINKS, Optional, without_nulls
from wallets.models import ExternalAccount
from wallets.serializers.shared import BankAccount, hrefs


class ExternalAccountAnswer(fields.Serializer):
    """A bank account for cash-outs of the wallet."""

    id = fields.Id(read_only=True)
    wallet_id = fields.Id(read_only=True)
    alias = fields.Text(100, read_only=True, allow_null=True)
    external_iban = SerializerMethodField(method_name="bank_account")
    status = fields.Choice(ExternalAccount.Status, read_only=True)
    metadata = fields.StringMap(read_only=True, allow_null=True)
    created_at = fields.Moment(read_only=True)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(BankAccount(allow_null=True))
    def bank_account(self, account: ExternalAccount) -> dict[str, str] | None:
        """Null after the user's personal data are erased."""
        return {"accountNumber": account.iban} if account.iban else None

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
    external_iban = BankAccount()
    metadata = fields.StringMap(required=False, allow_null=True)

    def validate_metadata(self, pairs: dict[str, str] | None) -> dict[str, str]:
        return pairs or {}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class ExternalAccountChange(fields.Serializer):
    """REMOVED removes the external account permanently; nothing else can be changed."""

    status = fields.Choice(("REMOVED",))


class ExternalAccountQuery(pages.PageQuery):
    """The filters of the list of external accounts."""

    status = fields.Several(fields.Choice(ExternalAccount.Status), required=False)
    iban = fields.Several(fields.Iban(), required=False)


class ExternalAccountsQuery(ExternalAccountQuery):
    """The filters of the list of external accounts across wallets."""

    user_id = fields.Several(fields.Id(), required=False, help_text="The owners of the wallets.")
    wallet_id = fields.Several(fields.Id(), required=False)
