"""Codes as words: `{{ user.status|in_words }}`, `{{ event.kind|in_words }}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import template
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from users.templatetags.office import grouped

register = template.Library()

WORDS: Final[Mapping[str, Any]] = {
    "ACTIVATED": _("Active"),
    "ACTIVE": _("Active"),
    "ADJUSTMENT": _("Adjustment"),
    "APPROVED": _("Approved"),
    "BLOCK": pgettext_lazy("what was seen", "Identity data"),
    "BLOCKED": _("Blocked"),
    "CANCELLED": _("Cancelled"),
    "CASH_IN": _("Cash-in"),
    "CASH_OUT": _("Payment out"),
    "CREATED": _("Phone not verified"),
    "DOCUMENT": pgettext_lazy("what was seen", "Document"),
    "ERROR": _("Rejected"),
    "EXECUTED": _("Paid"),
    "EXPIRED": _("Expired"),
    "JURIDICAL": _("Company"),
    "NATURAL": _("Person"),
    "API": _("The API: the client orders them"),
    "BANK": _("The bank: statements bring them"),
    "NOTIFICATION": _("Notifications (camt.054), confirmed by statements"),
    "OPEN": pgettext_lazy("hold", "Open"),
    "OWN_FUNDS": _("Own funds"),
    "SAFEGUARDING": _("Safeguarding: the money of the wallets"),
    "STATEMENT": _("Statements (camt.053)"),
    "PENDING": _("Pending"),
    "READY": pgettext_lazy("wallet", "Active"),
    "REJECTED": _("Rejected"),
    "RELEASED": _("Released"),
    "REMOVED": _("Removed"),
    "REPLACED": _("Replaced"),
    "MOVED": _("Moved"),
    "MOVING": _("Moving"),
    "REVERSAL": _("Reversal"),
    "REVIEW": pgettext_lazy("what was seen", "Review page"),
    "SUCCESS": _("Settled"),
    "SUSPENDED": _("Suspended"),
    "TRANSFER": _("Transfer"),
    "UNSUBSCRIBED": _("Closed"),
    "VERIFIED": _("Phone verified"),
    # Scheduled operations
    "ALL": _("All are made"),
    "BALANCE_ABOVE": _("Balance above the target"),
    "BALANCE_BELOW": _("Balance below the target"),
    "COMPLETED": _("Completed"),
    "DAILY": _("Daily"),
    "FAILED": _("Failed"),
    "LATEST": _("The latest is made"),
    "MONTHLY": _("Monthly"),
    "ONCE": _("Once"),
    "PAUSED": _("Paused"),
    "SKIPPED": _("Skipped"),
    "WEEKLY": _("Weekly"),
    "YEARLY": _("Yearly"),
    "cash_out_cancelled": _("Payment out cancelled"),
    "cash_out_rejected": _("Payment out rejected"),
    "currency_mismatch": _("Other currency"),
    "external_account_removed": _("Bank account removed"),
    "insufficient_funds": _("Insufficient funds"),
    "limit_exceeded": _("Limit exceeded"),
    "run_missed": _("Missed"),
    "scheduled_operation_paused": _("Paused"),
    "client_suspended": _("Client suspended"),
    "user_not_active": _("User not active"),
    "wallet_not_ready": _("Wallet blocked or closed"),
    # Duties
    "advance-barrier": _("Release what was created to readers"),
    "audit": _("Verify the ledger each night"),
    "book-bank-lines": _("Book new lines of bank statements"),
    "delete-webhook-attempts": _("Delete old attempts of webhooks"),
    "copy-members": _("Copy the members of staff to this group"),
    "deliver-codes": _("Deliver one-time passwords"),
    "deliver-webhooks": _("Send events to webhook endpoints"),
    "drop-statement-files": _("Drop files of statements after a week"),
    "end-levels": _("End KYC levels whose identity document has expired"),
    "erase-bank-texts": _("Erase what banks have sent when the retention period has ended"),
    "erase-users": _("Erase personal data when the retention period has ended"),
    "finish-closings": _("Close users who are paid out"),
    "expire-approvals": _("End requests that nobody has decided in time"),
    "expire-holds": _("Expire holds"),
    "mail-about-webhooks": _("Tell clients that an endpoint was disabled"),
    "place-bank-files": _("Put approved files into the folder of the bank"),
    "report-safeguarding": _("Make the daily report of safeguarding"),
    "reseal-secrets": _("Encrypt secrets with the present key of the server"),
    "retry-bank-lines": _("Look again at bank lines in suspense"),
    "run-schedules": _("Make scheduled runs by date"),
    "run-triggers": _("Make scheduled runs by balance"),
    "send-anchors": _("Send anchors to another machine"),
    "send-digests": _("Send the daily e-mail to staff"),
    "write-anchor": _("Write the anchor of the ledger each night"),
    "write-statement-files": _("Write long statements into files"),
    # Webhooks
    "CLIENT": _("by the client"),
    "DISABLED": _("Disabled"),
    "ENABLED": _("Enabled"),
    "FAILING": _("no success for five days"),
    "GONE": _("the receiver answered 410 (gone)"),
    "STAFF": _("by staff"),
    "WAITING": _("Waiting for a retry"),
    "ADDRESS_REFUSED": _("Address not allowed"),
    "ANSWER_INVALID": _("Invalid answer"),
    "CERTIFICATE_INVALID": _("Invalid certificate"),
    "CONNECTION_FAILED": _("Connection failed"),
    "NAME_NOT_FOUND": _("Host not found"),
    "TIMEOUT": _("No answer in time"),
    "TLS_FAILED": _("TLS failed"),
    "webhook.ping": _("Ping"),
    # Events
    "api_key.changed": _("Scopes granted to the API key"),
    "api_key.issued": _("API key issued"),
    "api_key.revoked": _("API key revoked"),
    "client.activated": _("Client activated"),
    "client.changed": _("Contact of the client changed"),
    "client.suspended": _("Client suspended"),
    "external_account.added": _("Bank account added"),
    "external_account.changed": _("Bank account changed"),
    "external_account.removed": _("Bank account removed"),
    "hold.executed": _("Hold paid"),
    "hold.expired": _("Hold expired"),
    "hold.partly_executed": _("Hold paid in part"),
    "hold.placed": _("Hold placed"),
    "hold.released": _("Hold released"),
    "hold.renewed": _("Expiry of the hold changed"),
    "movement.cancelled": _("Payment out cancelled"),
    "movement.error": _("Payment out rejected"),
    "movement.pending": _("Payment out requested"),
    "movement.recalled": _("Payment out taken back"),
    "movement.sent": _("Payment out sent to the bank"),
    "movement.settled": _("Movement settled"),
    "public_key.changed": _("Scopes granted to the public key"),
    "public_key.registered": _("Public key registered"),
    "public_key.revoked": _("Public key revoked"),
    "scheduled_operation.cancelled": _("Scheduled operation cancelled"),
    "scheduled_operation.changed": _("Scheduled operation changed"),
    "scheduled_operation.completed": _("Scheduled operation completed"),
    "scheduled_operation.created": _("Payment scheduled"),
    "scheduled_operation.paused": _("Scheduled operation paused"),
    "scheduled_operation.resumed": _("Scheduled operation resumed"),
    "scheduled_execution.failed": _("Scheduled run failed"),
    "scheduled_execution.pending": _("Scheduled run waits for its payment out"),
    "scheduled_execution.skipped": _("Scheduled run skipped"),
    "scheduled_execution.succeeded": _("Scheduled run paid"),
    "user.activated": _("User activated"),
    "user.blocked": _("User blocked"),
    "user.changed": _("Data of the user changed"),
    "user.created": _("User created"),
    "user.erased": _("Personal data erased"),
    "user.kyc_document_approved": _("Document approved"),
    "user.kyc_document_rejected": _("Document rejected"),
    "user.kyc_document_sent": _("Document received"),
    "user.kyc_document_withdrawn": _("Document withdrawn"),
    "user.identity_approved": _("Identity approved by the provider"),
    "user.identity_contradicted": _("Identity: the provider contradicted its decision"),
    "user.identity_expired": _("Identity verification expired"),
    "user.identity_rejected": _("Identity rejected by the provider"),
    "user.identity_requested": _("Identity verification requested"),
    "user.level_changed": _("KYC level changed"),
    "user.otp_sent": _("One-time password sent"),
    "user.phone_verified": _("Phone number verified"),
    "user.terms_signed": _("Terms signed"),
    "user.unblocked": _("User unblocked"),
    "user.unsubscribed": _("User closed"),
    "user.verified": _("User verified"),
    "wallet.amount_frozen": _("Amount frozen"),
    "wallet.amount_unfrozen": _("Freeze lifted"),
    "wallet.balance_below": _("Balance below its alert"),
    "wallet.blocked": _("Wallet blocked"),
    "wallet.changed": _("Labels of the wallet changed"),
    "wallet.iban_created": _("Wallet got its IBAN"),
    "wallet.opened": _("Wallet opened"),
    "wallet.unblocked": _("Wallet unblocked"),
    "wallet.unsubscribed": _("Wallet closed"),
    "webhook_endpoint.changed": _("Webhook endpoint changed"),
    "webhook_endpoint.created": _("Webhook endpoint created"),
    "webhook_endpoint.delivery_failed": _("Event not delivered"),
    "webhook_endpoint.disabled": _("Webhook endpoint disabled"),
    "webhook_endpoint.enabled": _("Webhook endpoint enabled"),
    "webhook_endpoint.secret_rotated": _("Secret of the webhook endpoint rotated"),
    # What events say beside
    "description": _("description"),
    "kinds": _("kinds of events"),
    "url": _("URL"),
    "company_name": _("company name"),
    "dlt_address": _("DLT address"),
    "dlt_network": _("DLT network"),
    "email": _("e-mail address"),
    "first_name": _("first name"),
    "last_name": _("last name"),
    "metadata": _("metadata"),
    "mobile_phone": _("phone number"),
    "unverified_phone": _("new phone number"),
    "user_name": _("user name"),
    "AUTHORITY_ORDER": _("Order of an authority"),
    "CLIENT_REQUEST": _("Request of the client"),
    "LEGAL_ORDER": _("Order of an authority"),
    "OTHER": pgettext_lazy("reason", "Other"),
    "RETENTION_OVER": _("End of the retention period"),
    "RESOLVED": _("Resolved"),
    "SUSPECTED_FRAUD": _("Suspected fraud"),
    "USER_REQUEST": _("Request of the user"),
}


@register.filter(name="in_words")
def code_in_words(code: str) -> Any:
    """The words of a status, a type or a kind of event; an unknown code as a sentence."""
    return WORDS.get(code) or code.replace(".", ": ").replace("_", " ").capitalize()


def event_amount(minor: int, currency: str) -> str:
    """The amount of an event, grouped, with its currency."""
    return f"{grouped(minor, currency)} {currency}"


def details_in_words(data: Mapping[str, Any], case: str = "") -> str:
    """What an event says beside its kind: the reason, the document, what changed. No ids.

    `case` is the number of its case.
    """
    found = []
    if amount := data.get("amount"):
        found.append(event_amount(amount, data["currency"]))
    if alert := data.get("alert_below"):
        amounts = {
            "alert": event_amount(alert, data["currency"]),
            "balance": event_amount(data["balance"], data["currency"]),
        }
        found.append(gettext("Alert below %(alert)s, balance %(balance)s") % amounts)
    if case:
        found.append(gettext("Case %(number)s") % {"number": case})
    if reason := data.get("reason"):
        found.append(gettext("Reason: %(reason)s") % {"reason": code_in_words(str(reason))})
    if fields := data.get("fields"):
        found.append(", ".join(str(code_in_words(each)) for each in str(fields).split(",")))
    if document := data.get("evidence"):
        found.append(str(code_in_words(str(document))))
    if "level" in data:
        found.append(gettext("Level %(level)s") % {"level": data["level"]})
    if scopes := data.get("scopes"):
        found.append(", ".join(scopes))
    if provider := data.get("provider"):
        found.append(str(provider))
    return ". ".join(found)
