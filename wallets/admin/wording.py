"""Movements, holds and events as sentences, for members of staff to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.models import Event, KycDocument
from users.models.events import EventKind
from users.templatetags.office import grouped
from users.templatetags.words import event_amount
from wallets.models import Hold, Movement

Kind = EventKind

MOVEMENTS: Final[Mapping[tuple[str, str, bool], Any]] = {
    ("CASH_IN", "IN", False): _("%(owner)s received a cash-in of %(amount)s."),
    ("CASH_OUT", "OUT", False): _("%(owner)s requested a payment out of %(amount)s to %(iban)s."),
    ("TRANSFER", "OUT", True): _("%(owner)s paid %(other)s %(amount)s."),
    ("TRANSFER", "IN", True): _("%(other)s paid %(owner)s %(amount)s."),
    ("REVERSAL", "OUT", True): _("%(owner)s gave back %(amount)s to %(other)s."),
    ("REVERSAL", "IN", True): _("%(other)s gave back %(amount)s to %(owner)s."),
    ("REVERSAL", "OUT", False): _("A cash-in of %(owner)s was reversed: %(amount)s."),
    ("ADJUSTMENT", "IN", False): _("An adjustment added %(amount)s to the balance of %(owner)s."),
    ("ADJUSTMENT", "OUT", False): _("An adjustment took %(amount)s from the balance of %(owner)s."),
}
"""By type, direction, and whether there is another wallet."""

HOLD: Final = _("%(amount)s of %(owner)s were set aside for %(other)s.")

STEPS: Final[Mapping[str, Any]] = {
    Kind.MOVEMENT_SENT: _("Sent to the bank"),
    Kind.MOVEMENT_RECALLED: _("Taken back from the bank"),
    Kind.MOVEMENT_SETTLED: _("Paid by the bank"),
    Kind.MOVEMENT_ERROR: _("Rejected"),
    Kind.MOVEMENT_CANCELLED: _("Cancelled"),
    Kind.HOLD_PARTLY_EXECUTED: _("Paid in part"),
    Kind.HOLD_EXECUTED: _("Paid"),
    Kind.HOLD_RELEASED: _("Released"),
    Kind.HOLD_RENEWED: _("Expiry changed"),
    Kind.HOLD_EXPIRED: _("Expired"),
}
"""What happened to a movement or a hold after its beginning."""

EVENTS: Final[Mapping[str, Any]] = {
    Kind.USER_CREATED: _("The user was created."),
    Kind.USER_OTP_SENT: _("A code was sent to the phone."),
    Kind.USER_PHONE_VERIFIED: _("The phone number was verified."),
    Kind.USER_ACTIVATED: _("The user was activated."),
    Kind.USER_CHANGED: _("The data of the user were changed: %(fields)s."),
    Kind.USER_BLOCKED: _("The user was blocked. Reason: %(reason)s."),
    Kind.USER_UNBLOCKED: _("The user was unblocked. Reason: %(reason)s."),
    Kind.USER_UNSUBSCRIBED: _("The user was closed permanently."),
    Kind.USER_ERASED: _("The personal data were erased. Reason: %(reason)s."),
    Kind.USER_KYC_DOCUMENT_SENT: _("Received for review: %(document)s."),
    Kind.USER_KYC_DOCUMENT_APPROVED: _("Approved: %(document)s."),
    Kind.USER_KYC_DOCUMENT_REJECTED: _("Rejected: %(document)s."),
    Kind.USER_KYC_DOCUMENT_WITHDRAWN: _("Withdrawn: %(document)s."),
    Kind.USER_IDENTITY_REQUESTED: _("An identity verification began at %(provider)s."),
    Kind.USER_IDENTITY_APPROVED: _("%(provider)s approved the identity."),
    Kind.USER_IDENTITY_REJECTED: _("%(provider)s rejected the identity."),
    Kind.USER_IDENTITY_EXPIRED: _("The identity verification expired."),
    Kind.USER_IDENTITY_CONTRADICTED: _("%(provider)s contradicted its earlier decision."),
    Kind.USER_LEVEL_CHANGED: _("The KYC level is now %(level)s."),
    Kind.USER_TERMS_SIGNED: _("The terms were signed."),
    Kind.WALLET_OPENED: _("The %(wallet)s wallet was opened."),
    Kind.WALLET_CHANGED: _("The labels of the %(wallet)s wallet were changed."),
    Kind.WALLET_IBAN_CREATED: _("The %(wallet)s wallet got its IBAN."),
    Kind.WALLET_AMOUNT_FROZEN: _("%(amount)s of the %(wallet)s wallet were frozen, case %(case)s."),
    Kind.WALLET_AMOUNT_UNFROZEN: _(
        "The freeze of %(amount)s of the %(wallet)s wallet was lifted, case %(case)s."
    ),
    Kind.WALLET_BALANCE_BELOW: _("The balance of the %(wallet)s wallet fell below %(alert)s."),
    Kind.WALLET_BLOCKED: _("The %(wallet)s wallet was blocked. Reason: %(reason)s."),
    Kind.WALLET_UNBLOCKED: _("The %(wallet)s wallet was unblocked. Reason: %(reason)s."),
    Kind.WALLET_UNSUBSCRIBED: _("The %(wallet)s wallet was closed permanently."),
}

REASONS: Final[Mapping[str, Any]] = {
    "CLIENT_REQUEST": _("request of the client"),
    "USER_REQUEST": _("request of the user"),
    "SUSPECTED_FRAUD": _("suspected fraud"),
    "LEGAL_ORDER": _("legal order"),
    "RESOLVED": _("resolved"),
    "AUTHORITY_ORDER": _("order of an authority"),
    "RETENTION_OVER": _("end of the retention period"),
    "OTHER": _("other"),
}
FIELDS: Final[Mapping[str, Any]] = {
    "user_name": _("user name"),
    "first_name": _("first name"),
    "last_name": _("last name"),
    "company_name": _("company name"),
    "email": _("e-mail address"),
    "mobile_phone": _("phone number"),
    "unverified_phone": _("phone number"),
    "dlt_address": _("DLT address"),
    "dlt_network": _("DLT network"),
    "metadata": _("metadata"),
}


def amount_in_words(minor: int, currency: str) -> str:
    """An amount without its sign: "1,250.00 EUR"."""
    return f"{grouped(abs(minor), currency)} {currency}"


def of_movement(movement: Movement, owner: str, other: str) -> str:
    sentence = MOVEMENTS[movement.type, movement.direction, movement.counterparty_id is not None]
    return str(sentence) % {
        "owner": owner,
        "other": other,
        "amount": amount_in_words(movement.amount, movement.currency),
        "iban": movement.iban or gettext("an erased account"),
    }


def of_hold(hold: Hold, owner: str, other: str) -> str:
    amount = amount_in_words(hold.amount, hold.currency)
    return str(HOLD) % {"owner": owner, "other": other, "amount": amount}


def of_event(event: Event, wallets: Mapping[Any, str], case: str = "") -> str:
    """An event of a user or a wallet. `wallets` are the names of wallets by id.

    `case` is the number of the case that the event names.
    """
    sentence = EVENTS.get(event.kind)
    if sentence is None:
        return event.kind.replace(".", ": ").replace("_", " ").capitalize()
    data = event.data
    return str(sentence) % {
        "fields": ", ".join(field_names(data.get("fields", ""))),
        "reason": REASONS.get(data.get("reason", ""), data.get("reason", "")),
        "document": document_name(data.get("evidence", "")),
        "provider": data.get("provider", ""),
        "level": data.get("level", ""),
        "wallet": wallets.get(event.subject_id, ""),
        "amount": amount_of_event(data, "amount"),
        "alert": amount_of_event(data, "alert_below"),
        "case": case,
    }


def amount_of_event(data: Mapping[str, Any], name: str) -> str:
    """An amount among the data of an event; empty if it has none."""
    return event_amount(data[name], data["currency"]) if name in data else ""


def field_names(fields: str) -> list[str]:
    return [str(FIELDS.get(name, name.replace("_", " "))) for name in fields.split(",")]


def document_name(kind: str) -> str:
    return str(KycDocument.Kind(kind).label) if kind in KycDocument.Kind.values else kind
