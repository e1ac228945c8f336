"""Bodies, queries and answers about holds."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import LINKS, location
from users.serializers.users import METADATA, UPDATED_AT
from wallets.models import Hold
from wallets.serializers.shared import AcrossWallets, AmountQuery, ReferenceAnswer, Words, hrefs


class HoldAnswer(fields.Serializer):
    """Funds reserved for another wallet; `remainingAmount` of `amount` is still reserved."""

    id = fields.Id(read_only=True, help_text="The id of the hold.")
    wallet_id = fields.Id(read_only=True, help_text="The wallet whose funds are reserved.")
    target_wallet_id = fields.Id(
        source="target_id", read_only=True, help_text="The wallet that an execution pays."
    )
    status = fields.Choice(Hold.Status, source="standing", read_only=True)
    amount = fields.Money(
        example="30.00", help_text="What was reserved at first, in units of `currency`."
    )
    remaining_amount = fields.Money(
        source="left",
        example="20.00",
        help_text="What is still reserved, in units of `currency`; zero once the hold has ended.",
    )
    executed_amount = fields.Money(
        source="executed",
        example="10.00",
        help_text="The sum of the hold's executions, in units of `currency`.",
    )
    released_amount = fields.Money(
        source="released",
        example="0.00",
        help_text="What was released, has expired or was left by an execution, in units of "
        "`currency`.",
    )
    currency = fields.Currency(read_only=True)
    reference = ReferenceAnswer()
    concept = fields.Text(
        140,
        read_only=True,
        allow_null=True,
        example="Deposit",
        help_text="What it is for. Null: none, or erased.",
    )
    metadata = fields.StringMap(read_only=True, allow_null=True, help_text=METADATA)
    expiration = fields.Moment(
        source="expires_at",
        read_only=True,
        allow_null=True,
        help_text="When the hold expires, exactly. Null: never.",
    )
    created_at = fields.Moment(read_only=True, help_text="When the hold was placed.")
    updated_at = fields.Moment(source="changed_at", read_only=True, help_text=UPDATED_AT)
    ended_at = fields.Moment(
        source="over_at",
        read_only=True,
        allow_null=True,
        help_text="When the hold was executed in full or released, or expired. Null: it is open.",
    )
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, hold: Hold) -> dict[str, Any]:
        request = self.context["request"]
        movements = location(request, "movements", wallet_id=hold.wallet_id)
        return hrefs(
            {
                "self": location(request, "hold", wallet_id=hold.wallet_id, hold_id=hold.id),
                "wallet": location(request, "wallet", wallet_id=hold.wallet_id),
                "targetWallet": location(request, "wallet", wallet_id=hold.payee_id),
                "movements": f"{movements}?holdId={hold.id}",
            }
        )


class HoldDryRun(HoldAnswer):
    """The hold that the request would place. It has no id."""

    id = None  # type: ignore[assignment]  # how a serializer leaves out an inherited field

    @extend_schema_field(LINKS)
    def links(self, hold: Any) -> dict[str, Any]:
        links = HoldAnswer.links(self, hold)
        return {rel: links[rel] for rel in ("wallet", "targetWallet")}


class HoldBody(Words):
    """Funds to reserve for another wallet. Without `expiration` the hold never expires."""

    target_wallet_id = fields.Id(
        help_text="The wallet that an execution will pay. It has the same currency."
    )
    amount = fields.Amount(
        example="30.00", help_text="What to reserve, in units of the wallet's currency."
    )
    expiration = fields.Moment(
        required=False,
        allow_null=True,
        example="2099-12-31T12:00:00.000Z",
        help_text="When the hold expires: a time in the future. Null or left out: never.",
    )


class ExecutionBody(Words):
    """The `amount` to pay; all by default. `keepOpen` keeps the rest of the hold open."""

    amount = fields.Amount(
        required=False,
        help_text="What to pay, in units of the wallet's currency; at most the remaining amount. "
        "Left out: all of it.",
    )
    keep_open = fields.Flag(
        default=False,
        example=True,
        help_text="Whether the rest stays reserved. Otherwise it becomes available again, and the "
        "hold ends.",
    )


class HoldChange(fields.Serializer):
    """Release the hold, or change its expiration (null: never)."""

    together = {"minProperties": 1, "maxProperties": 1}
    default_error_messages = {"one_only": "Must not be sent together with status."}

    status = fields.Choice(
        ("RELEASED",), required=False, help_text="Release the remaining amount; the hold ends."
    )
    expiration = fields.Moment(
        required=False,
        allow_null=True,
        example="2099-12-31T12:00:00.000Z",
        help_text="The new expiration: a time in the future. Null: never.",
    )

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if not given:
            return {"status": "required"}
        return {"expiration": "one_only"} if len(given) > 1 else {}

    def get_initial(self) -> dict[str, Any]:
        return {"status": "RELEASED"}


class HoldQuery(AmountQuery):
    """The filters of the list of holds."""

    status = fields.Several(
        fields.Choice(Hold.Status),
        required=False,
        help_text="Only holds with one of these statuses.",
    )
    target_wallet_id = fields.Several(
        fields.Id(),
        required=False,
        help_text="Only holds whose executions pay one of these wallets.",
    )


class HoldsQuery(AcrossWallets, HoldQuery):
    """The filters of the list of holds across wallets."""
