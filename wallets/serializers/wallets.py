"""Bodies, queries and answers about wallets; the body that closes a user."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import LINKS, below, location
from users.serializers.users import (
    DLT_ADDRESS,
    METADATA,
    PAIRS,
    UPDATED_AT,
    Optional,
    UserChange,
    without_nulls,
)
from wallets.models import Wallet
from wallets.models.wallets import NO_ALERT
from wallets.serializers.shared import hrefs

ALERT: Final = (
    "When a movement brings `balance` (not `availableBalance`) from this amount or more to less, "
    "an event `wallet.balance_below` is recorded, once for each time; in units of `currency`. "
    "Setting it while the balance is lower already records none. Null: no alert."
)
UNSUBSCRIBED: Final = ("UNSUBSCRIBED",)


class UserChangeOrEnd(UserChange):
    """The fields of a user that a client may change. UNSUBSCRIBED closes the account."""

    status = fields.Choice(
        UNSUBSCRIBED,
        required=False,
        help_text="Close the user and all wallets permanently. The wallets must be empty.",
    )


class WalletAnswer(fields.Serializer):
    """A user's money in one currency: availableBalance = balance - heldBalance."""

    id = fields.Id(read_only=True, help_text="The id of the wallet.")
    client_id = fields.Id(read_only=True, help_text="The client that the wallet belongs to.")
    user_id = fields.Id(read_only=True, help_text="The user who owns the wallet.")
    currency = fields.Currency(read_only=True)
    status = fields.Choice(Wallet.Status, read_only=True)
    balance = fields.Money(
        example="100.00",
        help_text="The settled balance, in units of `currency`, with what is held.",
    )
    held_balance = fields.Money(
        source="held_now",
        example="30.00",
        help_text="What pending cash-outs and open holds reserve, and what the institution has "
        "frozen, in units of `currency`.",
    )
    available_balance = fields.Money(
        source="available",
        example="70.00",
        help_text="What the wallet can spend now, in units of `currency`: `balance` less "
        "`heldBalance`.",
    )
    alias = fields.Text(
        100,
        read_only=True,
        allow_null=True,
        example="Savings",
        help_text="Your name for the wallet. Null: none.",
    )
    iban = fields.Text(
        34,
        read_only=True,
        allow_null=True,
        example="ES9199990001018000000001",
        help_text="The wallet's own IBAN, without spaces. Null until `create-iban`.",
    )
    dlt_address = fields.Text(
        100,
        read_only=True,
        allow_null=True,
        example=DLT_ADDRESS,
        help_text="The wallet's address on a distributed ledger, as you sent it. Null: none.",
    )
    dlt_network = fields.Text(
        50,
        read_only=True,
        allow_null=True,
        example="ethereum",
        help_text="The network of `dltAddress`. Null: none.",
    )
    metadata = fields.StringMap(read_only=True, allow_null=True, help_text=METADATA)
    alert_below = fields.Money(example="20.00", allow_null=True, help_text=ALERT)
    created_at = fields.Moment(read_only=True, help_text="When the wallet was opened.")
    updated_at = fields.Moment(read_only=True, help_text=f"{UPDATED_AT} No payment changes it.")
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, wallet: Wallet) -> dict[str, Any]:
        request = self.context["request"]
        here = location(request, "wallet", wallet_id=wallet.id)
        links = {"self": here, "user": location(request, "user", user_id=wallet.user_id)}
        for rel, last in below("wallet").items():
            links[rel] = f"{here}/{last}"
        return hrefs(links)


class Labels(fields.Serializer):
    """The client's own data about a wallet. Null removes a value."""

    alias = Optional(100, example="Savings", help_text="Your name for the wallet. Null: none.")
    metadata = fields.StringMap(required=False, allow_null=True, help_text=METADATA)
    alert_below = fields.Amount(required=False, allow_null=True, example="20.00", help_text=ALERT)

    def validate_metadata(self, pairs: dict[str, str] | None) -> dict[str, str]:
        return pairs or {}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return without_nulls(attrs, "alert_below")


class WalletBody(Labels):
    """The data of a wallet. `userId` and `currency` can't be changed afterwards."""

    user_id = fields.Id(help_text="The user who will own the wallet. It can't change.")
    currency = fields.Currency(
        default="EUR",
        component="",
        help_text="The currency (ISO 4217). It can't change. Withdrawn ones are refused.",
    )
    dlt_address = Optional(
        100,
        example=DLT_ADDRESS,
        help_text="An address on a distributed ledger. It is stored and shown; the server does "
        "not use it.",
    )
    dlt_network = Optional(50, example="ethereum", help_text="The network of `dltAddress`.")
    metadata = fields.StringMap(default=dict, allow_null=True, help_text=METADATA)


class WalletChange(Labels):
    """The changes of a wallet. UNSUBSCRIBED closes it permanently."""

    status = fields.Choice(
        UNSUBSCRIBED,
        required=False,
        help_text="Close the wallet permanently. Its balance must be zero.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Null removes the alert."""
        values = super().validate(attrs)
        if "alert_below" in values and values["alert_below"] is None:
            values["alert_below"] = NO_ALERT
        return values

    def get_initial(self) -> dict[str, Any]:
        """An example that does not close the wallet by accident."""
        return {"alias": "Savings"}


class UserWalletQuery(pages.PageQuery):
    """The filters of the list of a user's wallets."""

    status = fields.Several(
        fields.Choice(Wallet.Status),
        required=False,
        help_text="Only wallets with one of these statuses.",
    )
    currency = fields.Several(
        fields.Currency(), required=False, help_text="Only wallets in one of these currencies."
    )
    iban = fields.Several(
        fields.Iban(),
        required=False,
        help_text="Only wallets with one of these own IBANs.",
    )
    metadata = fields.Pairs(required=False, help_text=PAIRS)


class WalletQuery(UserWalletQuery):
    """The filters of the list of wallets."""

    user_id = fields.Several(fields.Id(), required=False, help_text="Only wallets of these users.")
