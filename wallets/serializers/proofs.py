"""Answers about proofs that an anchor contains a movement."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import LINKS, location
from wallets.anchors.merkle import LEFT, RIGHT
from wallets.serializers.shared import hrefs

DIGEST = "8d3c2f0a" * 8
CANONICAL = (
    "1|01980000-0000-7000-8000-000000000001|01980000-0000-7000-8000-000000000002|"
    "01980000-0000-7000-8000-000000000003|01980000-0000-7000-8000-000000000004|TRANSFER|-1250|EUR|"
    "01980000-0000-7000-8000-000000000005|||2|8750|10000|1769860800000000|1769860800000000"
)


class Side(fields.Choice):
    """On which side of the way up the sibling is: its digest is hashed first if it is LEFT."""

    words = (LEFT, RIGHT)
    is_open = False


class StepAnswer(fields.Serializer):
    """A step from a line to the root of a Merkle tree, bottom up: the sibling."""

    side = Side(read_only=True)
    digest = fields.Text(
        64, read_only=True, example=DIGEST, help_text="The sibling's digest, in hexadecimal."
    )


class AnchorAnswer(fields.Serializer):
    """The anchor that contains the movement: a file outside the database."""

    name = fields.Text(
        100,
        read_only=True,
        example="iocash-anchor-2026-01-31T040000.000Z.txt",
        help_text="The name of the file; its time is in it.",
    )
    created_at = fields.Moment(read_only=True, help_text="When the anchor was written.")
    previous_root = fields.Text(
        64,
        read_only=True,
        allow_null=True,
        example=DIGEST,
        help_text="The root of the anchor before it, in hexadecimal. Null: it was the first.",
    )
    root = fields.Text(  # type: ignore[assignment]  # a serializer has a property with this name
        64,
        read_only=True,
        example=DIGEST,
        help_text="The Merkle root of its lines, in hexadecimal. Compare it with the root that the "
        "institution has published: the proof is worth nothing otherwise.",
    )
    path = StepAnswer(
        many=True,
        read_only=True,
        help_text="The path from the first line, which has the time, to the root.",
    )


class ProofAnswer(fields.Serializer):
    """A proof that an anchor contains a movement. It can be verified offline, by `docs/verify.py`.

    It has no personal data.
    """

    wallet_id = fields.Id(read_only=True, help_text="The wallet.")
    movement_id = fields.Id(read_only=True, help_text="The movement.")
    canonical = fields.Text(
        1000,
        read_only=True,
        example=CANONICAL,
        help_text="The facts of the movement, separated by `|`: version, id, client, wallet, "
        "operation, type, amount in minor units, currency, counterparty, hold, reversed movement, "
        "number in the wallet, balance and total received after it, and the times of creation and "
        "settlement in microseconds since 1970.",
    )
    previous_digest = fields.Text(
        64,
        read_only=True,
        allow_null=True,
        example=DIGEST,
        help_text="The digest of the wallet's movement before, in hexadecimal. Null: there is "
        "none.",
    )
    details_digest = fields.Text(
        64,
        read_only=True,
        allow_null=True,
        example=DIGEST,
        help_text="The salted digest of the texts, in hexadecimal. Null: it has none.",
    )
    digest = fields.Text(
        64,
        read_only=True,
        example=DIGEST,
        help_text="The SHA-256, in hexadecimal, of `previousDigest`, `canonical` and "
        "`detailsDigest`.",
    )
    path = StepAnswer(
        many=True, read_only=True, help_text="The path from the line of the movement to the root."
    )
    anchor = AnchorAnswer(read_only=True)
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, proof: dict[str, Any]) -> dict[str, Any]:
        request = self.context["request"]
        ids = {"wallet_id": proof["wallet_id"]}
        movement = location(request, "movement", movement_id=proof["movement_id"], **ids)
        wallet = location(request, "wallet", **ids)
        return hrefs({"self": f"{movement}/proof", "movement": movement, "wallet": wallet})
