"""Bodies and answers about files of statements."""

from __future__ import annotations

import base64
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import LINKS, location
from wallets.models import StatementFile
from wallets.serializers.shared import hrefs, require_period
from wallets.statements import content
from wallets.statements.files import MOST

SHA256 = "5f70bf18" * 8
DIGEST = "8d3c2f0a" * 8


class FileContent(fields.Field):
    """A file as base64 (RFC 4648, section 4)."""

    example = "U3RhdGVtZW50"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64"}

    def to_representation(self, value: bytes | memoryview) -> str:
        return base64.b64encode(value).decode()


class StatementFileBody(fields.Serializer):
    """The format and the period of a file; the period has at most 13 months."""

    format = fields.Choice(StatementFile.Format)
    start_date = fields.Instant(
        example="2026-01-01T00:00:00.000Z",
        help_text="When the period begins; included. A date alone means midnight UTC.",
    )
    end_date = fields.Instant(
        example="2026-02-01T00:00:00.000Z",
        help_text="When the period ends; not included, after `startDate`, not in the future. A "
        "date alone means midnight UTC.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_period(attrs)
        return attrs


class StatementFileAnswer(fields.Serializer):
    """A statement of a wallet as a file; the content is base64 in JSON, and is kept for 7 days."""

    id = fields.Id(read_only=True, help_text="The id of the file.")
    wallet_id = fields.Id(read_only=True, help_text="The wallet.")
    format = fields.Choice(StatementFile.Format, read_only=True)
    status = fields.Choice(StatementFile.Status, read_only=True)
    start_date = fields.Moment(
        source="starts_at", read_only=True, help_text="When the period begins; included."
    )
    end_date = fields.Moment(
        source="ends_at", read_only=True, help_text="When the period ends; not included."
    )
    movement_count = fields.Whole(
        0,
        max(MOST.values()),
        source="movements",
        read_only=True,
        example=2,
        help_text="How many movements were settled in the period.",
    )
    content_type = SerializerMethodField(method_name="media_type")
    file_name = SerializerMethodField(method_name="name_of_file")
    content = FileContent(
        read_only=True,
        allow_null=True,
        help_text="The file as base64. Null: it is not READY.",
    )
    sha256 = fields.Text(
        64,
        source="hash",
        read_only=True,
        allow_null=True,
        example=SHA256,
        help_text="The SHA-256 of the file, in hexadecimal. Null: it is not READY.",
    )
    digest = fields.Text(
        64,
        source="head",
        read_only=True,
        allow_null=True,
        example=DIGEST,
        help_text="The head of the wallet's hash chain when the period ends, in hexadecimal: the "
        "`closingDigest` of the statement. Null: the file is PENDING, or no movement was settled "
        "by then.",
    )
    created_at = fields.Moment(read_only=True, help_text="When the file was requested.")
    kept_until = fields.Moment(read_only=True, help_text="When its content is dropped.")
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(
        {
            "type": "string",
            "description": "The media type of the file.",
            "examples": ["application/pdf"],
        }
    )
    def media_type(self, file: StatementFile) -> str:
        return content.CONTENT_TYPES[file.format]

    @extend_schema_field(
        {
            "type": "string",
            "description": "A name for the file. It contains no personal data.",
            "examples": ["statement-01980000-0000-7000-8000-000000000001-20260101-20260201.pdf"],
        }
    )
    def name_of_file(self, file: StatementFile) -> str:
        return content.name_of_statement(file)

    @extend_schema_field(LINKS)
    def links(self, file: StatementFile) -> dict[str, Any]:
        request, wallet = self.context["request"], {"wallet_id": file.wallet_id}
        return hrefs(
            {
                "self": location(request, "statement-file", **wallet, file_id=file.id),
                "wallet": location(request, "wallet", **wallet),
                "statement": location(request, "statement", **wallet),
            }
        )
