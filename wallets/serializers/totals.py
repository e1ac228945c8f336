"""The query and the answer about a client's totals."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import LINKS
from wallets.serializers.shared import require_period


class Group(fields.Choice):
    """What sums are grouped by: the type of movements, the day of settlement in UTC, or the user.

    Only `user` has pages.
    """

    words = ("type", "day", "user")


class TotalAnswer(fields.Serializer):
    """The sums of one group: of a type, of a day or of a user; the other two are null.

    Only users have balances.
    """

    type = fields.Text(
        10,
        read_only=True,
        allow_null=True,
        example="TRANSFER",
        help_text="The type of the movements. Null: a day or a user.",
    )
    day = fields.Day(
        read_only=True, allow_null=True, help_text="The day, in UTC. Null: a type or a user."
    )
    user_id = fields.Id(
        read_only=True, allow_null=True, help_text="The user. Null: a type or a day."
    )
    opening_balance = fields.Money(
        source="opening",
        allow_null=True,
        example="0.00",
        help_text="The sum of the user's wallets when the period begins, in units of the currency. "
        "Null: a type or a day.",
    )
    total_in = fields.Money(
        example="100.00",
        help_text="What came in during the period, in units of the currency.",
    )
    total_out = fields.Money(
        example="12.50",
        help_text="What went out during the period, in units of the currency; not negative.",
    )
    closing_balance = fields.Money(
        source="closing",
        allow_null=True,
        example="87.50",
        help_text="The sum of the user's wallets when the period ends, in units of the currency. "
        "Null: a type or a day.",
    )
    movement_count = fields.Whole(
        0,
        10**18,
        source="number",
        read_only=True,
        example=2,
        help_text="How many movements were settled in the period.",
    )


class Totals(fields.Serializer):
    """The groups."""

    totals = TotalAnswer(
        many=True, help_text="A sum for each group that has movements; none without `groupBy`."
    )


class TotalsAnswer(fields.Serializer):
    """The balances of all wallets of the client in one currency, and the sums of its movements.

    A payment between two of its wallets counts in both, as money in and money out.
    """

    currency = fields.Currency(read_only=True)
    start_date = fields.Moment(
        source="start",
        read_only=True,
        help_text="When the period begins, in milliseconds; included.",
    )
    end_date = fields.Moment(
        source="end",
        read_only=True,
        help_text="When the period ends, in milliseconds; not included.",
    )
    opening_balance = fields.Money(
        source="opening",
        example="0.00",
        help_text="The sum of all wallets when the period begins, in units of `currency`.",
    )
    closing_balance = fields.Money(
        source="closing",
        example="87.50",
        help_text="The sum of all wallets when the period ends, in units of `currency`.",
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

    currency = fields.Currency(
        default="EUR", component="", help_text="The currency of the wallets (ISO 4217)."
    )
    group_by = Group(
        required=False,
        help_text="What the sums are grouped by; `type` and `day` need `startDate`. Left out: only "
        "the sums of all wallets.",
    )
    start_date = fields.Instant(
        required=False,
        help_text="When the period begins; included, at most 13 months before its end. A date "
        "alone means midnight UTC.",
    )
    end_date = fields.Instant(
        required=False,
        help_text="When the period ends; not included, after `startDate`, not in the future. A "
        "date alone means midnight UTC. Left out: now.",
    )
    at = fields.Instant(
        required=False,
        help_text="An instant instead of a period, not in the future: movements before it count. A "
        "date alone means midnight UTC. Left out, without a period: now.",
    )

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if "at" in given:
            return dict.fromkeys(given & {"start_date", "end_date"}, "one_only")
        needs_start = "end_date" in given or values.get("group_by") in {"type", "day"}
        return {"start_date": "required"} if needs_start and "start_date" not in given else {}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_period(attrs)
        return super().validate(attrs)
