"""What a member of staff did, in words: one sentence for each kind of event, said of the member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from users.models import Access
from users.models.events import EventKind
from wallets.models import Movement

Kind = EventKind

DEEDS: Final[Mapping[str, Any]] = {
    Kind.API_KEY_CHANGED: _("Asked for scopes of an API key, which were granted."),
    Kind.API_KEY_ISSUED: _("Issued an API key."),
    Kind.API_KEY_REVOKED: _("Revoked an API key."),
    Kind.CLIENT_ACTIVATED: _("Activated the client."),
    Kind.CLIENT_CHANGED: _("Changed the contact of a client."),
    Kind.CLIENT_SUSPENDED: _("Suspended the client."),
    Kind.EXTERNAL_ACCOUNT_ADDED: _("Added a bank account."),
    Kind.EXTERNAL_ACCOUNT_CHANGED: _("Changed a bank account."),
    Kind.EXTERNAL_ACCOUNT_REMOVED: _("Removed a bank account."),
    Kind.HOLD_EXECUTED: _("Paid out a hold."),
    Kind.HOLD_EXPIRED: _("Expired an overdue hold."),
    Kind.HOLD_PARTLY_EXECUTED: _("Paid out a part of a hold."),
    Kind.HOLD_PLACED: _("Placed a hold."),
    Kind.HOLD_RELEASED: _("Released a hold."),
    Kind.HOLD_RENEWED: _("Changed the expiry of a hold."),
    Kind.MOVEMENT_CANCELLED: _("Cancelled a payment out."),
    Kind.MOVEMENT_ERROR: _("Rejected a payment out."),
    Kind.MOVEMENT_PENDING: _("Requested a payment out."),
    Kind.MOVEMENT_RECALLED: _("Took a payment out back that was marked as sent."),
    Kind.MOVEMENT_SENT: _("Marked a payment out as sent to the bank."),
    Kind.MOVEMENT_SETTLED: _("Booked a movement."),
    Kind.PUBLIC_KEY_CHANGED: _("Asked for scopes of a public key, which were granted."),
    Kind.PUBLIC_KEY_REGISTERED: _("Registered a public key."),
    Kind.PUBLIC_KEY_REVOKED: _("Revoked a public key."),
    Kind.SCHEDULED_EXECUTION_FAILED: _("Failed to make a scheduled run."),
    Kind.SCHEDULED_EXECUTION_PENDING: _("Requested a payment out by schedule."),
    Kind.SCHEDULED_EXECUTION_SKIPPED: _("Skipped a scheduled run."),
    Kind.SCHEDULED_EXECUTION_SUCCEEDED: _("Made a scheduled run."),
    Kind.SCHEDULED_OPERATION_CANCELLED: _("Cancelled a scheduled operation."),
    Kind.SCHEDULED_OPERATION_CHANGED: _("Changed a scheduled operation."),
    Kind.SCHEDULED_OPERATION_COMPLETED: _("Completed a scheduled operation."),
    Kind.SCHEDULED_OPERATION_CREATED: _("Created a scheduled operation."),
    Kind.SCHEDULED_OPERATION_PAUSED: _("Paused a scheduled operation."),
    Kind.SCHEDULED_OPERATION_RESUMED: _("Resumed a scheduled operation."),
    Kind.USER_ACTIVATED: _("Activated the user."),
    Kind.USER_BLOCKED: _("Blocked the user."),
    Kind.USER_CHANGED: _("Changed the data of the user."),
    Kind.USER_CREATED: _("Created the user."),
    Kind.USER_ERASED: _("Erased the personal data of the user."),
    Kind.USER_KYC_DOCUMENT_APPROVED: _("Approved identity data or a document."),
    Kind.USER_KYC_DOCUMENT_REJECTED: _("Rejected identity data or a document."),
    Kind.USER_KYC_DOCUMENT_SENT: _("Submitted identity data or a document."),
    Kind.USER_KYC_DOCUMENT_WITHDRAWN: _("Withdrew identity data or a document."),
    Kind.USER_IDENTITY_APPROVED: _("Approved an identity verification."),
    Kind.USER_IDENTITY_CONTRADICTED: _("Contradicted an identity verification."),
    Kind.USER_IDENTITY_EXPIRED: _("Expired an identity verification."),
    Kind.USER_IDENTITY_REJECTED: _("Rejected an identity verification."),
    Kind.USER_IDENTITY_REQUESTED: _("Requested an identity verification."),
    Kind.USER_LEVEL_CHANGED: _("Changed the level of the user by a review."),
    Kind.USER_OTP_SENT: _("Sent a one-time password to the user."),
    Kind.USER_PHONE_VERIFIED: _("Verified the phone number of the user."),
    Kind.USER_TERMS_SIGNED: _("Recorded the signature of the terms."),
    Kind.USER_UNBLOCKED: _("Unblocked the user."),
    Kind.USER_UNSUBSCRIBED: _("Closed the user."),
    Kind.USER_VERIFIED: _("Verified the user."),
    Kind.WALLET_AMOUNT_FROZEN: _("Froze an amount of a wallet."),
    Kind.WALLET_AMOUNT_UNFROZEN: _("Lifted a freeze of a wallet."),
    Kind.WALLET_BALANCE_BELOW: _("Brought a balance below its alert."),
    Kind.WALLET_BLOCKED: _("Blocked a wallet."),
    Kind.WALLET_CHANGED: _("Changed the labels of a wallet."),
    Kind.WALLET_IBAN_CREATED: _("Gave a wallet its IBAN."),
    Kind.WALLET_OPENED: _("Opened a wallet."),
    Kind.WALLET_UNBLOCKED: _("Unblocked a wallet."),
    Kind.WALLET_UNSUBSCRIBED: _("Closed a wallet."),
    Kind.WEBHOOK_ENDPOINT_CHANGED: _("Changed a webhook endpoint."),
    Kind.WEBHOOK_ENDPOINT_CREATED: _("Created a webhook endpoint."),
    Kind.WEBHOOK_ENDPOINT_DELIVERY_FAILED: _("Failed to deliver an event."),
    Kind.WEBHOOK_ENDPOINT_DISABLED: _("Disabled a webhook endpoint."),
    Kind.WEBHOOK_ENDPOINT_ENABLED: _("Enabled a webhook endpoint."),
    Kind.WEBHOOK_ENDPOINT_SECRET_ROTATED: _("Replaced the secret of a webhook endpoint."),
}

BOOKED: Final[Mapping[str, Any]] = {
    Movement.Type.CASH_IN: _("Added a cash-in."),
    Movement.Type.CASH_OUT: _("Settled a payment out."),
    Movement.Type.TRANSFER: _("Made a transfer."),
    Movement.Type.REVERSAL: _("Reversed a movement."),
    Movement.Type.ADJUSTMENT: _("Corrected a balance."),
}
"""What `movement.settled` means, by the type of the movement."""

LOOKS: Final[Mapping[str, Any]] = {
    Access.What.REVIEW: _("Opened the review of the user."),
    Access.What.BLOCK: _("Looked at identity data of the user."),
    Access.What.DOCUMENT: _("Looked at a document of the user."),
    Access.What.EXPORT: _("Downloaded everything that is kept about the user."),
}
