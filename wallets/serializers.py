"""The shapes of wallets and movements, in requests and answers. Shape only."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.serializers import SerializerMethodField

from iocash import fields, pages
from iocash.views import location
from users.serializers import LINKS, Optional, UserChange, without_nulls
from wallets.models import Movement, Wallet

UNSUBSCRIBED: Final = ("UNSUBSCRIBED",)


class UserChangeOrEnd(UserChange):
    """The fields of a user that a client may change, and the status that ends the user."""

    status = fields.Choice(UNSUBSCRIBED, required=False)


class WalletAnswer(fields.Serializer):
    """A user's money in one currency: availableBalance = balance - heldBalance."""

    id = fields.Id(read_only=True)
    client_id = fields.Id(read_only=True)
    user_id = fields.Id(read_only=True)
    currency = fields.Currency(read_only=True)
    status = fields.Choice(Wallet.Status, read_only=True)
    balance = fields.Money()
    held_balance = fields.Money(source="held")
    available_balance = fields.Money(source="available")
    alias = fields.Text(100, read_only=True, allow_null=True)
    iban = fields.Text(34, read_only=True, allow_null=True)
    dlt_address = fields.Text(100, read_only=True, allow_null=True)
    dlt_network = fields.Text(50, read_only=True, allow_null=True)
    created_at = fields.Moment(read_only=True)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, wallet: Wallet) -> dict[str, Any]:
        request = self.context["request"]
        return {
            "self": {"href": location(request, "wallet", wallet_id=wallet.id)},
            "user": {"href": location(request, "user", user_id=wallet.user_id)},
            "movements": {"href": location(request, "movements", wallet_id=wallet.id)},
        }


class WalletOrder(fields.Serializer):
    """What a wallet is opened with. `userId` and `currency` never change afterwards."""

    user_id = fields.Id()
    currency = fields.Currency(default="EUR")
    alias = Optional(100)
    dlt_address = Optional(100)
    dlt_network = Optional(50)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class WalletChange(fields.Serializer):
    """What may be changed of a wallet; UNSUBSCRIBED closes it for ever."""

    alias = Optional(100)
    status = fields.Choice(UNSUBSCRIBED, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs)


class WalletQuery(pages.PageQuery):
    """Which wallets to list."""

    user_id = fields.Id(required=False)
    status = fields.Choice(Wallet.Status, required=False)
    currency = fields.Currency(required=False)
    iban = fields.Text(34, required=False)


class MovementAnswer(fields.Serializer):
    """One change of one wallet's money. A transfer makes one in each of its wallets."""

    id = fields.Id(read_only=True)
    wallet_id = fields.Id(read_only=True)
    operation_id = fields.Id(read_only=True)
    type = fields.Choice(Movement.Type, read_only=True)
    direction = fields.Choice(("IN", "OUT"), read_only=True)
    status = fields.Choice(Movement.Status, read_only=True)
    amount = fields.Money(source="magnitude")
    currency = fields.Currency(read_only=True)
    concept = fields.Text(140, read_only=True, allow_null=True)
    counterparty_wallet_id = fields.Id(source="counterparty_id", read_only=True, allow_null=True)
    balance_after = fields.Money(allow_null=True)
    iban = fields.Iban(read_only=True, allow_null=True)
    reason = fields.Text(140, read_only=True, allow_null=True)
    metadata = fields.StringMap(read_only=True, allow_null=True)
    created_at = fields.Moment(read_only=True)
    sent_at = fields.Moment(read_only=True, allow_null=True)
    settled_at = fields.Moment(read_only=True, allow_null=True)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, movement: Movement) -> dict[str, Any]:
        request = self.context["request"]
        wallet_id = movement.wallet_id
        links = {
            "self": location(request, "movement", wallet_id=wallet_id, movement_id=movement.id),
            "wallet": location(request, "wallet", wallet_id=wallet_id),
        }
        if movement.counterparty_id:
            links["counterpartyWallet"] = location(
                request, "wallet", wallet_id=movement.counterparty_id
            )
        return {rel: {"href": address} for rel, address in links.items()}


class BankAccount(fields.Serializer):
    """A bank account in the Single Euro Payments Area, or anywhere that has IBANs."""

    account_number = fields.Iban()


OWN_FIELDS: Final = {
    Movement.Type.CASH_IN: None,
    Movement.Type.CASH_OUT: "iban",
    Movement.Type.TRANSFER: "target_wallet_id",
}
"""The types of movement that a client may order, and the field that only this type has."""


class MovementOrder(fields.Serializer):
    """Money to move: from the outside, to a bank account, or to another wallet."""

    type = fields.Choice(list(OWN_FIELDS))
    target_wallet_id = fields.Id(required=False)
    iban = BankAccount(required=False)
    amount = fields.Amount()
    concept = Optional(140)
    metadata = fields.StringMap(required=False, allow_null=True)

    def across(self, values: dict[str, Any]) -> dict[str, str]:
        if "type" not in values:
            return {}
        own = OWN_FIELDS[values["type"]]
        others = {name for name in OWN_FIELDS.values() if name and name != own}
        wrong = {name: "unknown_field" for name in others if name in values}
        return wrong | ({own: "required"} if own and own not in values else {})

    def validate_metadata(self, pairs: dict[str, str] | None) -> dict[str, str] | None:
        """No pairs are no metadata."""
        return pairs or None


class MovementChange(fields.Serializer):
    """The one thing that a client may change of a movement: it cancels a cash-out."""

    status = fields.Choice(("CANCELLED",))


class MovementQuery(pages.PageQuery):
    """Which movements of a wallet to list."""

    start_date = fields.Moment(required=False)
    end_date = fields.Moment(required=False)
    status = fields.Choice(Movement.Status, required=False)
    type = fields.Choice(Movement.Type, required=False)
    direction = fields.Choice(("IN", "OUT"), required=False)
    min_amount = fields.Amount(required=False)
    max_amount = fields.Amount(required=False)
    operation_id = fields.Id(required=False)
    idempotency_key = fields.Text(255, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for low, high, name, words in (
            ("start_date", "end_date", "endDate", "The end is before the start."),
            ("min_amount", "max_amount", "maxAmount", "The maximum is below the minimum."),
        ):
            if low in attrs and high in attrs and attrs[high] < attrs[low]:
                raise ValidationError({name: [ErrorDetail(words, code="invalid_range")]})
        return super().validate(attrs)
