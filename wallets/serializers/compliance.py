"""Answers about the KYC status of a user."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import location
from users.serializers.users import LINKS
from wallets.books.limits import NAMES, Allowance
from wallets.compliance import Compliance
from wallets.serializers.shared import hrefs

STATUSES = ("MISSING", "PENDING", "APPROVED", "REJECTED", "EXPIRED")
PATHS = {"type": "array", "items": {"type": "string", "examples": ["home-address"]}}


class RequirementAnswer(fields.Serializer):
    """A KYC document that the user can submit, and its status."""

    evidence = fields.Text(40, source="path", read_only=True)
    level = fields.Whole(1, 2, read_only=True)
    status = fields.Choice(STATUSES, read_only=True)
    reason = fields.Text(200, read_only=True, allow_null=True)
    reviewed_at = fields.Moment(read_only=True, allow_null=True)


class LimitAnswer(fields.Serializer):
    """A limit (null: no limit) and the amount already used."""

    limit = fields.Money(allow_null=True)
    used = fields.Money()


class LimitsAnswer(fields.Serializer):
    """The limits of one currency across all wallets. Cash-in and cash-out limits cover 30 days."""

    currency = fields.Currency(read_only=True)
    balance = LimitAnswer(read_only=True)
    cash_in = LimitAnswer(read_only=True)
    cash_out = LimitAnswer(read_only=True)


def limits_answer(allowance: Allowance) -> dict[str, Any]:
    currency = allowance.currency
    return {"currency": currency} | {
        name: {
            "limit": getattr(allowance.limits, name),
            "used": getattr(allowance, name),
            "currency": currency,
        }
        for name in NAMES
    }


class NameChangeAnswer(fields.Serializer):
    """New names that are pending review or rejected. The approved names stay valid meanwhile."""

    first_name = fields.Text(100, read_only=True, allow_null=True)
    last_name = fields.Text(100, read_only=True, allow_null=True)
    company_name = fields.Text(200, read_only=True, allow_null=True)
    status = fields.Choice(("PENDING", "REJECTED"), read_only=True)
    reason = fields.Text(200, read_only=True, allow_null=True)
    created_at = fields.Moment(read_only=True)


class ComplianceAnswer(fields.Serializer):
    """The KYC level of a user, its limits, and the documents missing for the next level."""

    user_id = fields.Id(read_only=True)
    kyc_level = fields.Whole(0, 2, read_only=True)
    level_until = fields.Day(read_only=True, allow_null=True)
    next_level = fields.Whole(1, 2, read_only=True, allow_null=True)
    missing = SerializerMethodField()
    requirements = RequirementAnswer(many=True, read_only=True)
    name_change = NameChangeAnswer(read_only=True, allow_null=True)
    limits = SerializerMethodField(method_name="limits_of")
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(PATHS)
    def get_missing(self, compliance: Compliance) -> list[str]:
        return compliance.missing

    @extend_schema_field(LimitsAnswer(many=True))
    def limits_of(self, compliance: Compliance) -> Any:
        shown = [limits_answer(allowance) for allowance in compliance.allowances]
        return LimitsAnswer(shown, many=True).data

    @extend_schema_field(LINKS)
    def links(self, compliance: Compliance) -> dict[str, Any]:
        request = self.context["request"]
        user = location(request, "user", user_id=compliance.user_id)
        links = {"self": f"{user}/compliance", "user": user}
        for each in compliance.requirements:
            links[each.path] = f"{user}/{each.path}"
        return hrefs(links)
