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
from iocash.http.links import location
from users.models import Client
from users.models.clients import SCOPES, Credential
from users.serializers.users import LINKS
from wallets.books.limits import NAMES, TOP, limits_of
from wallets.serializers.movements import LARGEST_BATCH
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

    id = fields.Id(read_only=True)
    name = fields.Text(100, read_only=True)


class KeyAnswer(fields.Serializer):
    """The API key, or the registered public key that verified the token."""

    id = fields.Id(read_only=True)
    label = fields.Text(100, read_only=True)  # type: ignore[assignment]
    expires_at = fields.Moment(
        read_only=True, allow_null=True, help_text="When the key expires; null: never."
    )


class PageLimits(fields.Serializer):
    """The sizes of pages, in rows."""

    default = fields.Whole(1, pages.LARGEST_SIZE, read_only=True)
    most = fields.Whole(1, pages.LARGEST_SIZE, read_only=True)


class KycLimits(fields.Serializer):
    """What the users of one KYC level may have and move in one currency; null: no limit.

    The limits apply to the sum of a user's wallets in the currency. Those of cash-ins and cash-outs
    cover 30 days. Level 2 has no limits. In a currency that is not listed, the limits of the levels
    below it are zero.
    """

    currency = fields.Currency(read_only=True)
    level = fields.Whole(0, TOP - 1, read_only=True)
    balance = fields.Money(allow_null=True)
    cash_in = fields.Money(allow_null=True)
    cash_out = fields.Money(allow_null=True)


class LimitsOfClient(fields.Serializer):
    """The limits that apply to the client's requests and to its users."""

    requests_per_second = fields.Whole(
        1,
        10**9,
        read_only=True,
        allow_null=True,
        help_text="For each server process, over all keys of the client; null: no limit.",
    )
    page_size = PageLimits(read_only=True)
    batch_size = fields.Whole(
        1, LARGEST_BATCH, read_only=True, help_text="The most movements of a batch."
    )
    body_bytes = fields.Whole(
        1, 10**9, read_only=True, help_text="The most bytes of a body, except of files and batches."
    )
    wallets_per_user = fields.Whole(1, 10**6, read_only=True)
    kyc = KycLimits(many=True, read_only=True)


def limits_of_client() -> dict[str, Any]:
    """The limits of the settings, as `LimitsOfClient` shows them."""
    return {
        "requests_per_second": settings.RATE_LIMIT or None,
        "page_size": {"default": pages.DEFAULT_SIZE, "most": pages.LARGEST_SIZE},
        "batch_size": LARGEST_BATCH,
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


class MeAnswer(fields.Serializer):
    """The caller: its client, its key, its scopes, and the limits that apply to it.

    Members of staff have no client and no key; both are null.
    """

    mode = fields.Choice(
        ("LIVE", "SANDBOX"),
        read_only=True,
        help_text="SANDBOX: the server is for tests; its money is not real.",
    )
    client = ClientAnswer(read_only=True, allow_null=True)
    key = KeyAnswer(read_only=True, allow_null=True)
    scopes = SerializerMethodField(method_name="scopes_of")
    currencies = SerializerMethodField(method_name="currencies_of")
    limits = SerializerMethodField(method_name="limits_of")
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(
        {
            "type": "array",
            "items": {"type": "string", "enum": list(SCOPES)},
            "description": "The scopes of this request: those of the key, or fewer of a token.",
        }
    )
    def scopes_of(self, me: Me) -> list[str]:
        return me.scopes

    @extend_schema_field(
        {
            "type": "array",
            "items": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]},
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
