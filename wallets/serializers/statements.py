"""Queries and answers about past balances and statements."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import LINKS, location
from iocash.times import moment
from wallets.serializers.movements import Movements
from wallets.serializers.shared import hrefs, require_period

DIGEST = "8d3c2f0a" * 8
PAGE_LINKS = {"$ref": "#/components/schemas/PageLinks"}


class BalanceAnswer(fields.Serializer):
    """The settled balance just before an instant, with which a statement from then on begins.

    `digest` is the hash-chain head at that instant.
    """

    wallet_id = fields.Id(read_only=True, help_text="The wallet.")
    at = fields.Moment(read_only=True, help_text="The instant, in milliseconds.")
    balance = fields.Money(
        example="87.50",
        help_text="The sum of all movements that were settled before `at`, in units of `currency`.",
    )
    currency = fields.Currency(read_only=True)
    movement_count = fields.Whole(
        0,
        10**18,
        source="count",
        read_only=True,
        example=12,
        help_text="How many movements were settled before `at`.",
    )
    digest = fields.Text(
        64,
        read_only=True,
        allow_null=True,
        example=DIGEST,
        help_text="The head of the wallet's hash chain: SHA-256 over the last of these movements "
        "and the digest before it, in hexadecimal. Null: no movement.",
    )
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, balance: Any) -> dict[str, Any]:
        request = self.context["request"]
        ids = {"wallet_id": balance["wallet_id"]}
        address = location(request, "balance", **ids)
        query = urlencode({"at": moment(balance["at"])})
        return hrefs({"self": f"{address}?{query}", "wallet": location(request, "wallet", **ids)})


class BalanceQuery(fields.Serializer):
    """The instant of the balance; now by default."""

    at = fields.Instant(
        required=False,
        help_text="The instant, not in the future: movements before it count. A date alone means "
        "midnight UTC. Left out: now.",
    )


class StatementAnswer(fields.Serializer):
    """A page of a statement: opening + totalIn - totalOut = closing, and the movements.

    A movement at `startDate` is in the period, one at `endDate` is in the next. The digests are the
    hash-chain heads of the wallet before and after the period.
    """

    wallet_id = fields.Id(source="wallet.id", read_only=True, help_text="The wallet.")
    currency = fields.Currency(source="wallet.currency", read_only=True)
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
        "wallet.currency",
        source="opening.balance",
        example="0.00",
        help_text="The settled balance when the period begins, in units of `currency`.",
    )
    total_in = fields.Money(
        "wallet.currency",
        example="100.00",
        help_text="What came in during the period, in units of `currency`.",
    )
    total_out = fields.Money(
        "wallet.currency",
        example="12.50",
        help_text="What went out during the period, in units of `currency`; not negative.",
    )
    closing_balance = fields.Money(
        "wallet.currency",
        source="closing.balance",
        example="87.50",
        help_text="The settled balance when the period ends, in units of `currency`.",
    )
    movement_count = fields.Whole(
        0,
        10**18,
        source="count",
        read_only=True,
        example=2,
        help_text="How many movements were settled in the period, on all pages.",
    )
    opening_digest = fields.Text(
        64,
        source="opening.hex",
        read_only=True,
        allow_null=True,
        example=DIGEST,
        help_text="The head of the hash chain when the period begins, in hexadecimal. Null: no "
        "movement was settled before.",
    )
    closing_digest = fields.Text(
        64,
        source="closing.hex",
        read_only=True,
        allow_null=True,
        example=DIGEST,
        help_text="The head of the hash chain when the period ends, in hexadecimal. Null: no "
        "movement was settled by then.",
    )
    _links = SerializerMethodField(method_name="links")
    _embedded = SerializerMethodField(method_name="embedded")

    @extend_schema_field(PAGE_LINKS)
    def links(self, statement: Any) -> Any:
        return self.context["page"]["_links"]

    @extend_schema_field(Movements)
    def embedded(self, statement: Any) -> Any:
        return self.context["page"]["_embedded"]


OLDEST_FIRST, NEWEST_FIRST = "settledAt,asc", "settledAt,desc"


class StatementSort(pages.Sort):
    """Oldest or newest first, by the time of settlement."""

    words = (OLDEST_FIRST, NEWEST_FIRST)


class StatementQuery(pages.PageQuery):
    """The period; from the opening of the wallet until now by default."""

    start_date = fields.Instant(
        required=False,
        help_text="When the period begins; included. A date alone means midnight UTC. Left out: "
        "when the wallet was opened.",
    )
    end_date = fields.Instant(
        required=False,
        help_text="When the period ends; not included, after `startDate`, not in the future. A "
        "date alone means midnight UTC. Left out: now.",
    )
    sort = StatementSort(default=OLDEST_FIRST, help_text="The order of the movements.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_period(attrs)
        return super().validate(attrs)
