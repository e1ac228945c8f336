"""The answer about the caller: its client, its key, and the limits that apply to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash import money
from iocash.http import fields, pages
from iocash.http.links import LINKS, location
from users.models import Client
from users.models.clients import Credential
from wallets.books.limits import NAMES, TOP, limits_of
from wallets.serializers.movements import LARGEST_BATCH
from wallets.serializers.operations import LARGEST_OPERATION
from wallets.serializers.shared import hrefs


@dataclass(frozen=True, slots=True)
class Me:
    """The caller as it is shown. Staff have neither a client nor a key."""

    client: Client | None
    key: Credential | None
    scopes: list[str]
    mode: str


class ClientAnswer(fields.Serializer):
    """The company that the key belongs to."""

    id = fields.Id(read_only=True, help_text="The id of the client.")
    name = fields.Text(
        100, read_only=True, example="Example Ltd", help_text="The name of the company."
    )


class KeyAnswer(fields.Serializer):
    """The API key, or the registered public key that verified the token."""

    id = fields.Id(read_only=True, help_text="The id of the key.")
    label = fields.Text(  # type: ignore[assignment]
        100, read_only=True, example="Shop", help_text="The name that staff gave the key."
    )
    expires_at = fields.Moment(
        read_only=True, allow_null=True, help_text="When the key expires. Null: never."
    )


class PageLimits(fields.Serializer):
    """The sizes of pages, in rows."""

    default = fields.Whole(
        1,
        pages.LARGEST_SIZE,
        read_only=True,
        example=pages.DEFAULT_SIZE,
        help_text="The rows of a page without `size`.",
    )
    most = fields.Whole(
        1,
        pages.LARGEST_SIZE,
        read_only=True,
        example=pages.LARGEST_SIZE,
        help_text="The highest `size`, in rows.",
    )


class KycLimits(fields.Serializer):
    """What the users of one KYC level may have and move in one currency.

    The limits apply to the sum of a user's wallets in the currency. Level 2 has no limits. In a
    currency that is not listed, the limits of the levels below it are zero.
    """

    currency = fields.Currency(read_only=True)
    level = fields.Whole(
        0, TOP - 1, read_only=True, example=1, help_text="The KYC level of the user."
    )
    balance = fields.Money(
        allow_null=True,
        example="1000.00",
        help_text="The highest sum of the user's wallets, in units of `currency`. Null: no limit.",
    )
    cash_in = fields.Money(
        allow_null=True,
        example="1000.00",
        help_text="The highest sum of cash-ins in 30 days, in units of `currency`. Null: no limit.",
    )
    cash_out = fields.Money(
        allow_null=True,
        example="1000.00",
        help_text="The highest sum of cash-outs in 30 days, in units of `currency`. Null: no "
        "limit.",
    )


class LimitsOfClient(fields.Serializer):
    """The limits that apply to the client's requests and to its users."""

    requests_per_second = fields.Whole(
        1,
        10**9,
        read_only=True,
        allow_null=True,
        example=100,
        help_text="The requests in a second, over all keys of the client, for each server process. "
        "Null: no limit.",
    )
    page_size = PageLimits(read_only=True)
    batch_size = fields.Whole(
        1,
        LARGEST_BATCH,
        read_only=True,
        example=LARGEST_BATCH,
        help_text="The most movements of a batch.",
    )
    operation_size = fields.Whole(
        1,
        LARGEST_OPERATION,
        read_only=True,
        example=LARGEST_OPERATION,
        help_text="The most transfers of an operation.",
    )
    body_bytes = fields.Whole(
        1,
        10**9,
        read_only=True,
        example=100_000,
        help_text="The most bytes of a body, except of files and batches.",
    )
    wallets_per_user = fields.Whole(
        1, 10**6, read_only=True, example=5, help_text="The most open wallets of a user."
    )
    kyc = KycLimits(
        many=True, read_only=True, help_text="The limits of users, by currency and KYC level."
    )


def limits_of_client() -> dict[str, Any]:
    """The limits of the settings, as `LimitsOfClient` shows them."""
    return {
        "requests_per_second": settings.RATE_LIMIT or None,
        "page_size": {"default": pages.DEFAULT_SIZE, "most": pages.LARGEST_SIZE},
        "batch_size": LARGEST_BATCH,
        "operation_size": LARGEST_OPERATION,
        "body_bytes": settings.MAX_BODY_BYTES,
        "wallets_per_user": settings.MAX_WALLETS_PER_USER,
        "kyc": list(limits_of_levels()),
    }


def limits_of_levels() -> Iterator[dict[str, Any]]:
    for currency in sorted(settings.KYC_LIMITS):
        for level in range(TOP):
            of_level = limits_of(level, currency)
            amounts = {name: getattr(of_level, name) for name in NAMES}
            yield {"currency": currency, "level": level} | amounts


class Mode(fields.Choice):
    """LIVE: the money is real. SANDBOX: the server is for tests, and its money is not real."""

    words = ("LIVE", "SANDBOX")


class MeAnswer(fields.Serializer):
    """The caller: its client, its key, its scopes, and the limits that apply to it.

    Members of staff have no client and no key; both are null.
    """

    mode = Mode(read_only=True)
    client = ClientAnswer(
        read_only=True, allow_null=True, help_text="The client. Null: a member of staff."
    )
    key = KeyAnswer(read_only=True, allow_null=True, help_text="The key. Null: a member of staff.")
    scopes = SerializerMethodField(method_name="scopes_of")
    currencies = SerializerMethodField(method_name="currencies_of")
    limits = SerializerMethodField(method_name="limits_of")
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(
        {
            "type": "array",
            "items": {"type": "string"},
            "examples": [["users:read", "wallets:read"]],
            "description": "The scopes of this request: those of the key, or fewer of a token.",
        }
    )
    def scopes_of(self, me: Me) -> list[str]:
        return me.scopes

    @extend_schema_field(
        {
            "type": "array",
            "items": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "examples": [["EUR", "USD"]],
            "description": "The currencies in which a wallet can be opened now (ISO 4217).",
        }
    )
    def currencies_of(self, me: Me) -> list[str]:
        return list(money.currencies())

    @extend_schema_field(LimitsOfClient)
    def limits_of(self, me: Me) -> Any:
        return LimitsOfClient(limits_of_client()).data

    @extend_schema_field(LINKS)
    def links(self, me: Me) -> dict[str, Any]:
        request = self.context["request"]
        return hrefs({"self": location(request, "me"), "root": location(request, "root")})
