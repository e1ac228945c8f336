"""The query and the answer about a client's totals."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from users.serializers.users import LINKS
from wallets.serializers.shared import require_range

GROUPS: Final = ("type", "day", "user")


class TotalAnswer(fields.Serializer):
    """The sums of one group: of a type, of a day or of a user; the other two are null.

    The balances are those of a user's wallets; they are null for types and days.
    """

    type = fields.Text(
        10, read_only=True, allow_null=True, help_text="The type of the movements, like TRANSFER."
    )
    day = fields.Day(read_only=True, allow_null=True)
    user_id = fields.Id(read_only=True, allow_null=True)
    opening_balance = fields.Money(source="opening", allow_null=True)
    total_in = fields.Money()
    total_out = fields.Money()
    closing_balance = fields.Money(source="closing", allow_null=True)
    movement_count = fields.Whole(0, 10**18, source="number", read_only=True)


class Totals(fields.Serializer):
    """The groups."""

    totals = TotalAnswer(many=True)


class TotalsAnswer(fields.Serializer):
    """The balances of all wallets of the client in one currency, and the sums of its movements.

    A payment between two of its wallets counts in both, as money in and money out.
    """

    currency = fields.Currency(read_only=True)
    start_date = fields.Moment(source="start", read_only=True)
    end_date = fields.Moment(source="end", read_only=True)
    opening_balance = fields.Money(
        source="opening", help_text="The sum of the wallets just before `startDate`."
    )
    closing_balance = fields.Money(
        source="closing", help_text="The sum of the wallets just before `endDate`."
    )
    _links = SerializerMethodField(method_name="links")
    _embedded = SerializerMethodField(method_name="embedded")

    @extend_schema_field(LINKS)
    def links(self, totals: Any) -> Any:
        return self.context["page"]["_links"]

    @extend_schema_field(Totals)
    def embedded(self, totals: Any) -> Any:
        return self.context["page"]["_embedded"]


class TotalsQuery(pages.PageQuery):
    """The period, half-open: `[startDate, endDate)`; or `at`, an instant; now by default."""

    default_error_messages = {
        "one_only": "Must not be sent together with at.",
    }

    currency = fields.Currency(default="EUR")
    group_by = fields.Choice(GROUPS, required=False, help_text="`user` has pages.")
    start_date = fields.Moment(required=False)
    end_date = fields.Moment(required=False, help_text="Not in the period; now by default.")
    at = fields.Moment(required=False, help_text="The sums of the wallets just before this.")

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if "at" in given:
            return dict.fromkeys(given & {"start_date", "end_date"}, "one_only")
        needs_start = "end_date" in given or values.get("group_by") in {"type", "day"}
        return {"start_date": "required"} if needs_start and "start_date" not in given else {}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_range(attrs, "start_date", "end_date", "Must not be before startDate.")
        return super().validate(attrs)
