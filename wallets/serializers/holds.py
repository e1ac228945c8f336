"""Bodies, queries and answers about holds."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import location
from users.serializers.users import LINKS
from wallets.models import Hold
from wallets.serializers.shared import (
    LONGEST_REFERENCE,
    AcrossWallets,
    AmountQuery,
    Words,
    hrefs,
)


class HoldAnswer(fields.Serializer):
    """Funds reserved for another wallet; `remainingAmount` of `amount` is still reserved."""

    id = fields.Id(read_only=True)
    wallet_id = fields.Id(read_only=True)
    target_wallet_id = fields.Id(source="target_id", read_only=True)
    status = fields.Choice(Hold.Status, source="standing", read_only=True)
    amount = fields.Money()
    remaining_amount = fields.Money(source="left")
    executed_amount = fields.Money(source="executed", help_text="The sum of its executions.")
    released_amount = fields.Money(
        source="released", help_text="What was released, or expired, and is available again."
    )
    currency = fields.Currency(read_only=True)
    reference = fields.Text(
        LONGEST_REFERENCE, read_only=True, allow_null=True, help_text="Your own id for this."
    )
    concept = fields.Text(140, read_only=True, allow_null=True)
    metadata = fields.StringMap(read_only=True, allow_null=True)
    expiration = fields.Moment(source="expires_at", read_only=True, allow_null=True)
    created_at = fields.Moment(read_only=True)
    ended_at = fields.Moment(source="over_at", read_only=True, allow_null=True)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, hold: Hold) -> dict[str, Any]:
        request = self.context["request"]
        movements = location(request, "movements", wallet_id=hold.wallet_id)
        return hrefs(
            {
                "self": location(request, "hold", wallet_id=hold.wallet_id, hold_id=hold.id),
                "wallet": location(request, "wallet", wallet_id=hold.wallet_id),
                "targetWallet": location(request, "wallet", wallet_id=hold.target_id),
                "movements": f"{movements}?holdId={hold.id}",
            }
        )


class HoldBody(Words):
    """Funds to reserve for another wallet. Without `expiration` the hold never expires."""

    target_wallet_id = fields.Id()
    amount = fields.Amount()
    expiration = fields.Moment(required=False, allow_null=True)


class ExecutionBody(Words):
    """The `amount` to pay; all by default. `keepOpen` keeps the rest of the hold open."""

    amount = fields.Amount(required=False)
    keep_open = fields.Flag(default=False)


class HoldChange(fields.Serializer):
    """Release the hold, or change its expiration (null: never)."""

    together = {"minProperties": 1, "maxProperties": 1}
    default_error_messages = {"one_only": "Must not be sent together with status."}

    status = fields.Choice(("RELEASED",), required=False)
    expiration = fields.Moment(required=False, allow_null=True)

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if not given:
            return {"status": "required"}
        return {"expiration": "one_only"} if len(given) > 1 else {}

    def get_initial(self) -> dict[str, Any]:
        return {"status": "RELEASED"}


class HoldQuery(AmountQuery):
    """The filters of the list of holds."""

    status = fields.Several(fields.Choice(Hold.Status), required=False)
    target_wallet_id = fields.Several(
        fields.Id(), required=False, help_text="The wallets for which the money is held."
    )


class HoldsQuery(AcrossWallets, HoldQuery):
    """The filters of the list of holds across wallets."""
