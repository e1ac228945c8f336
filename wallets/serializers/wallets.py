"""Bodies, queries and answers about wallets; the body that closes a user."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import below, location
from users.serializers.users import LINKS, Optional, UserChange, without_nulls
from wallets.models import Wallet
from wallets.serializers.shared import hrefs

UNSUBSCRIBED: Final = ("UNSUBSCRIBED",)


class UserChangeOrEnd(UserChange):
    """The fields of a user that a client may change. UNSUBSCRIBED closes the account."""

    status = fields.Choice(UNSUBSCRIBED, required=False)


class WalletAnswer(fields.Serializer):
    """A user's money in one currency: availableBalance = balance - heldBalance."""

    id = fields.Id(read_only=True)
    client_id = fields.Id(read_only=True)
    user_id = fields.Id(read_only=True)
    currency = fields.Currency(read_only=True)
    status = fields.Choice(Wallet.Status, read_only=True)
    balance = fields.Money()
    held_balance = fields.Money(source="held_now")
    available_balance = fields.Money(source="available")
    alias = fields.Text(100, read_only=True, allow_null=True)
    iban = fields.Text(34, read_only=True, allow_null=True)
    dlt_address = fields.Text(100, read_only=True, allow_null=True)
    dlt_network = fields.Text(50, read_only=True, allow_null=True)
    metadata = fields.StringMap(read_only=True, allow_null=True)
    created_at = fields.Moment(read_only=True)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, wallet: Wallet) -> dict[str, Any]:
        request = self.context["request"]
        wallet_id = str(wallet.id)  # converted once
        links = {
            "self": location(request, "wallet", wallet_id=wallet_id),
            "user": location(request, "user", user_id=wallet.user_id),
        }
        for rel, name in below("wallet").items():
            links[rel] = location(request, name, wallet_id=wallet_id)
        return hrefs(links)


class Labels(fields.Serializer):
    """The client's own data about a wallet. Null removes a value."""

    alias = Optional(100)
    metadata = fields.StringMap(required=False, allow_null=True)

    def validate_metadata(self, pairs: dict[str, str] | None) -> dict[str, str]:
        return pairs or {}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class WalletBody(Labels):
    """The data of a wallet. `userId` and `currency` can't be changed afterwards."""

    user_id = fields.Id()
    currency = fields.Currency(default="EUR")
    dlt_address = Optional(100)
    dlt_network = Optional(50)
    metadata = fields.StringMap(default=dict, allow_null=True)


class WalletChange(Labels):
    """The changes of a wallet. UNSUBSCRIBED closes it permanently."""

    status = fields.Choice(UNSUBSCRIBED, required=False)

    def get_initial(self) -> dict[str, Any]:
        """An example that does not close the wallet by accident."""
        return {"alias": "Savings"}


class UserWalletQuery(pages.PageQuery):
    """The filters of the list of a user's wallets."""

    status = fields.Several(fields.Choice(Wallet.Status), required=False)
    currency = fields.Several(fields.Currency(), required=False)
    iban = fields.Several(fields.Iban(), required=False)


class WalletQuery(UserWalletQuery):
    """The filters of the list of wallets."""

    user_id = fields.Several(fields.Id(), required=False)
