"""Answers about the KYC status of a user."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import LINKS, location
from wallets.books.limits import NAMES, Allowance
from wallets.compliance import Compliance
from wallets.serializers.shared import hrefs

PATHS = {"type": "array", "items": {"type": "string", "examples": ["home-address"]}}


class RequirementStatus(fields.Choice):
    """MISSING: none was submitted. PENDING: staff have to review it. APPROVED and REJECTED: they
    have decided. EXPIRED: the identity document is no longer valid."""

    words = ("MISSING", "PENDING", "APPROVED", "REJECTED", "EXPIRED")


class NameChangeStatus(fields.Choice):
    """PENDING: staff have to review the new names. REJECTED: the approved names stay."""

    words = ("PENDING", "REJECTED")


class RequirementAnswer(fields.Serializer):
    """A KYC document that the user can submit, and its status."""

    evidence = fields.Text(
        40,
        source="path",
        read_only=True,
        example="documents/identity-front",
        help_text="The KYC document: its path below the user, to which you submit it.",
    )
    level = fields.Whole(1, 2, read_only=True, help_text="The KYC level that requires it.")
    status = RequirementStatus(read_only=True)
    reason = fields.Text(
        200,
        read_only=True,
        allow_null=True,
        example="The photo is blurred",
        help_text="Why staff rejected it. Null: they did not.",
    )
    reviewed_at = fields.Moment(
        read_only=True, allow_null=True, help_text="When staff decided. Null: not yet."
    )


class LimitAnswer(fields.Serializer):
    """A limit (null: no limit) and the amount already used."""

    limit = fields.Money(
        allow_null=True,
        example="150.00",
        help_text="The limit, in units of the currency. Null: no limit.",
    )
    used = fields.Money(example="100.00", help_text="What is used, in units of the currency.")


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

    first_name = fields.Text(
        100,
        read_only=True,
        allow_null=True,
        example="Alice",
        help_text="The new first name of a person. Null for a company.",
    )
    last_name = fields.Text(
        100,
        read_only=True,
        allow_null=True,
        example="Example",
        help_text="The new last name of a person. Null for a company.",
    )
    company_name = fields.Text(
        200,
        read_only=True,
        allow_null=True,
        example="Example Ltd",
        help_text="The new name of a company. Null for a person.",
    )
    status = NameChangeStatus(read_only=True)
    reason = fields.Text(
        200,
        read_only=True,
        allow_null=True,
        example="Another name than in the identity document",
        help_text="Why staff rejected the names. Null: they did not.",
    )
    created_at = fields.Moment(read_only=True, help_text="When the new names were sent.")


class OpenVerificationStatus(fields.Choice):
    """PENDING: the user has to visit the provider. REJECTED: the provider did not recognise the
    user. EXPIRED: it ended without a decision."""

    words = ("PENDING", "REJECTED", "EXPIRED")


class OpenVerificationAnswer(fields.Serializer):
    """The last identity verification of the user, which was not approved."""

    id = fields.Id(read_only=True, help_text="The id of the verification.")
    status = OpenVerificationStatus(read_only=True)
    reason = fields.Text(
        40,
        read_only=True,
        allow_null=True,
        example="DOCUMENT_UNREADABLE",
        help_text="The provider's code for a rejection. Null: it gave none.",
    )
    created_at = fields.Moment(read_only=True, help_text="When the verification began.")
    expires_at = fields.Moment(
        read_only=True, help_text="When it expires if the provider has not decided."
    )


class TermsToSignAnswer(fields.Serializer):
    """The current terms, which the user has not signed."""

    version = fields.Whole(
        1, 2**31 - 1, read_only=True, example=2, help_text="The number of the version."
    )
    sha256 = fields.Text(
        64,
        source="digest",
        read_only=True,
        example="e3b0c442" * 8,
        help_text="The SHA-256 of the PDF, in hexadecimal.",
    )
    published_at = fields.Moment(
        source="created_at",
        read_only=True,
        help_text="When the institution published this version.",
    )


class ComplianceAnswer(fields.Serializer):
    """The KYC level of a user, its limits, and the documents missing for the next level."""

    user_id = fields.Id(source="user.id", read_only=True, help_text="The user.")
    kyc_level = fields.Whole(
        0,
        2,
        read_only=True,
        help_text="0: the phone is verified. 1: the identity is approved. 2: all documents are "
        "approved.",
    )
    level_until = fields.Day(
        read_only=True,
        allow_null=True,
        help_text="The last day of the level, when the identity document expires; it is 0 "
        "afterwards. Null: it does not end.",
    )
    next_level = fields.Whole(
        1, 2, read_only=True, allow_null=True, help_text="Null: the level is 2, the highest."
    )
    missing = SerializerMethodField(
        help_text="What is not approved of what the next level requires, as in `requirements`."
    )
    requirements = RequirementAnswer(
        many=True,
        read_only=True,
        help_text="All KYC documents that a user of this kind can submit, by level.",
    )
    name_change = NameChangeAnswer(
        read_only=True,
        allow_null=True,
        help_text="New names that are not approved. Null: there are none.",
    )
    identity_verification = OpenVerificationAnswer(
        read_only=True,
        allow_null=True,
        help_text="The last identity verification, if it was not approved. Null: none was begun, "
        "or the last one was approved.",
    )
    terms_to_sign = TermsToSignAnswer(
        read_only=True,
        allow_null=True,
        help_text="The terms that the user has to sign at `sign-kyc-terms`. Null: none. The KYC "
        "level does not depend on them.",
    )
    limits = SerializerMethodField(
        method_name="limits_of",
        help_text="For each currency that has limits, or in which the user has a wallet.",
    )
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
        user = location(request, "user", user_id=compliance.user.id)
        links = {"self": f"{user}/compliance", "user": user}
        if compliance.terms_to_sign:
            links["kycTerms"] = f"{user}/kyc-terms"
        for each in compliance.requirements:
            links[each.path] = f"{user}/{each.path}"
        return hrefs(links)
