"""The codes of statuses and types as words: `{{ user.status|in_words }}`."""

from __future__ import annotations

from typing import Any, Final

from django import template
from django.utils.translation import gettext_lazy as _

register = template.Library()

WORDS: Final[dict[str, Any]] = {
    "ACTIVATED": _("Active"),
    "ACTIVE": _("Active"),
    "ADJUSTMENT": _("Adjustment"),
    "APPROVED": _("Approved"),
    "BLOCK": _("Data"),
    "BLOCKED": _("Blocked"),
    "CANCELLED": _("Cancelled"),
    "CASH_IN": _("Cash-in"),
    "CASH_OUT": _("Payment out"),
    "CREATED": _("Phone not verified"),
    "DOCUMENT": _("Document"),
    "ERROR": _("Rejected"),
    "EXECUTED": _("Paid"),
    "EXPIRED": _("Expired"),
    "JURIDICAL": _("Company"),
    "NATURAL": _("Person"),
    "OPEN": _("Open"),
    "PENDING": _("Pending"),
    "READY": _("Ready"),
    "REJECTED": _("Rejected"),
    "RELEASED": _("Released"),
    "REMOVED": _("Removed"),
    "REPLACED": _("Replaced"),
    "REVERSAL": _("Reversal"),
    "REVIEW": _("Review page"),
    "SUCCESS": _("Settled"),
    "SUSPENDED": _("Suspended"),
    "TRANSFER": _("Transfer"),
    "UNSUBSCRIBED": _("Closed"),
    "VERIFIED": _("Phone verified"),
}


@register.filter(name="in_words")
def code_in_words(code: str) -> Any:
    """The words of a status or a type; of an unknown code, the code as a sentence."""
    return WORDS.get(code) or code.replace("_", " ").capitalize()
