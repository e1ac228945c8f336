"""409: the request is valid, but the current state does not allow it."""

from iocash.errors.messages import Message
from iocash.errors.registry import Conflict

USED = ", {used} {currency} already used, {requested} {currency} requested."
LIMITS = {
    "balance": "Balance limit exceeded: {limit} {currency} per user at any time" + USED,
    "cashIn": "Cash-in limit exceeded: {limit} {currency} per user in 30 days" + USED,
    "cashOut": "Cash-out limit exceeded: {limit} {currency} per user in 30 days" + USED,
    "walletBalance": "Balance limit exceeded: {limit} {currency} per wallet at any time" + USED,
    "walletReceived": "Limit of receipts exceeded: {limit} {currency} per wallet in total" + USED,
}
"""The sentence of each `limitType`."""

REVERSED = Message("This movement has already been reversed in full.")


class AlreadyExists(Conflict):
    """Another resource of the client already has this value."""

    code = "already_exists"
    detail = "{field} is already in use."
    carries = ("field", "user_id", "wallet_id", "external_account_id", "iban")


class IdempotencyKeyReused(Conflict):
    """The Idempotency-Key was used for another request; `conflict` names what that one created."""

    code = "idempotency_key_reused"
    detail = "The Idempotency-Key was used for another request."
    carries = ("idempotency_key", "resource", "id")


class Immutable(Conflict):
    """The field can't be changed after creation."""

    code = "immutable"
    detail = "{field} can't be changed."
    carries = ("field", "user_id", "wallet_id")


class InsufficientFunds(Conflict):
    """The available balance is too low."""

    code = "insufficient_funds"
    detail = (
        "Insufficient funds: {required} {currency} requested, {available} {currency} available."
    )
    carries = ("wallet_id", "available", "required", "currency")


class LimitExceeded(Conflict):
    """The request exceeds the limit that `limitType` names, of a user or of one wallet.

    `resetsAt` is the time at which the request would fit; null if only a payment makes room.
    """

    code = "limit_exceeded"
    detail = "Limit exceeded: {limit} {currency}" + USED
    carries = (
        "user_id",
        "wallet_id",
        "limit_type",
        "limit",
        "used",
        "requested",
        "currency",
        "resets_at",
    )

    def template(self) -> str:
        return LIMITS.get(self.facts.get("limit_type", ""), self.detail)


class WalletLimitReached(Conflict):
    """The user has as many open wallets as a user can have. Close one, or use another user."""

    code = "wallet_limit_reached"
    detail = "The user has {open} open wallets; the limit is {max_wallets} per user."
    carries = ("user_id", "max_wallets", "open")


class WebhookEndpointLimitReached(Conflict):
    """The client has as many webhook endpoints as a client can have. Disable one."""

    code = "webhook_endpoint_limit_reached"
    detail = "{endpoints} webhook endpoints are in use; the limit is {max_endpoints} per client."
    carries = ("max_endpoints", "endpoints")


class ReplayLimitReached(Conflict):
    """As many replays of the webhook endpoint are running as an endpoint can have. Wait for one."""

    code = "replay_limit_reached"
    detail = "{replays} replays of the endpoint are running; the limit is {max_replays}."
    carries = ("webhook_endpoint_id", "max_replays", "replays")


class CurrencyMismatch(Conflict):
    """The wallet has another currency than the order, or than the wallet that pays."""

    code = "currency_mismatch"
    detail = "The wallet {wallet_id} is in {currency}, and the order in {order_currency}."
    carries = ("wallet_id", "currency", "order_currency")


class WalletNotReady(Conflict):
    """The wallet is blocked or closed. It can't pay or receive."""

    code = "wallet_not_ready"
    detail = "The wallet {wallet_id} is {status}."
    carries = ("wallet_id", "status")


class UserNotActive(Conflict):
    """The owner of the wallet is not activated. The wallet can't pay or receive."""

    code = "user_not_active"
    detail = "The user {user_id} is {status}."
    carries = ("user_id", "status")


class WalletNotEmpty(Conflict):
    """The wallet can't be closed because its balance is not zero."""

    code = "wallet_not_empty"
    detail = "The balance of the wallet {wallet_id} is {balance} {currency}; it must be zero."
    carries = ("wallet_id", "balance", "currency")


class MovementNotPending(Conflict):
    """The cash-out was already settled, rejected or cancelled."""

    code = "movement_not_pending"
    detail = "The movement {movement_id} is {status}."
    carries = ("movement_id", "status")


class CashOutSent(Conflict):
    """The cash-out was sent to the bank. It can't be cancelled or sent again."""

    code = "cash_out_sent"
    detail = "The cash-out {movement_id} was sent to the bank at {sent_at}."
    carries = ("movement_id", "sent_at")


class CashOutNotSent(Conflict):
    """The cash-out has not been sent to the bank. Mark it as sent before you settle it."""

    code = "cash_out_not_sent"
    detail = "The cash-out {movement_id} has not been sent to the bank."
    carries = ("movement_id",)


class CashOutInFile(Conflict):
    """The cash-out is in a payment file for the bank. It can't be cancelled now.

    If the file is discarded before it is sent, the cash-out can be cancelled again.
    """

    code = "cash_out_in_file"
    detail = "The cash-out {movement_id} is in a payment file for the bank."
    carries = ("movement_id",)


class CashOutNotInFile(Conflict):
    """The cash-out is not in the payment file."""

    code = "cash_out_not_in_file"
    detail = "The cash-out {movement_id} is not in this payment file."
    carries = ("movement_id",)


class MovementNotSettled(Conflict):
    """The cash-out was not paid by the bank, so it can't come back."""

    code = "movement_not_settled"
    detail = "The movement {movement_id} is {status}."
    carries = ("movement_id", "status")


class MovementNotReversible(Conflict):
    """Only cash-ins and transfers can be reversed."""

    code = "movement_not_reversible"
    detail = "A movement of type {type} can't be reversed."
    carries = ("movement_id", "type")


class ReversalExceeded(Conflict):
    """The reversal exceeds the amount of the movement that is not yet reversed."""

    code = "reversal_exceeded"
    detail = (
        "Reversal too large: {requested} {currency} requested, {left} {currency} not yet reversed."
    )
    carries = ("movement_id", "amount", "reversed", "left", "requested", "currency")

    def template(self) -> str:
        if "amount" in self.facts and self.facts["amount"] == self.facts["reversed"]:
            return REVERSED
        return self.detail


class NotAnchoredYet(Conflict):
    """No anchor contains the movement yet: try again after `nextAnchorAt`. Null: none is planned.

    A cash-out that has not settled is in no anchor.
    """

    code = "not_anchored_yet"
    detail = "The movement {movement_id} is in no anchor yet."
    carries = ("movement_id", "next_anchor_at")


class HoldNotOpen(Conflict):
    """The hold was executed or released, or it has expired."""

    code = "hold_not_open"
    detail = "The hold {hold_id} is {status}."
    carries = ("hold_id", "status")


class HoldExceeded(Conflict):
    """The requested amount exceeds the remaining amount of the hold."""

    code = "hold_exceeded"
    detail = "Hold exceeded: {requested} {currency} requested, {remaining} {currency} still held."
    carries = ("hold_id", "remaining", "requested", "currency")


class ExternalAccountRemoved(Conflict):
    """The external account was removed."""

    code = "external_account_removed"
    detail = "The external account {external_account_id} was removed."
    carries = ("external_account_id",)


class ScheduledOperationEnded(Conflict):
    """The scheduled operation was cancelled, or all of its runs are over. It can't be changed."""

    code = "scheduled_operation_ended"
    detail = "The scheduled operation {scheduled_operation_id} is {status}."
    carries = ("scheduled_operation_id", "status")


class BatchRefused(Conflict):
    """Some items of the batch or operation were refused, so none was executed.

    `conflict.items` names them.
    """

    code = "batch_refused"
    detail = "{refused} of {count} movements were refused; none was executed."
    carries = ("refused", "count", "items")


class VersionConflict(Conflict):
    """The resource has changed since you read it; `If-Match` is not its current version."""

    code = "version_conflict"
    detail = "The resource has changed since you read it; its current version is {current}."
    carries = (
        "user_id",
        "wallet_id",
        "hold_id",
        "movement_id",
        "external_account_id",
        "scheduled_operation_id",
        "webhook_endpoint_id",
        "current",
    )


class InvalidTransition(Conflict):
    """The current status does not allow this change."""

    code = "invalid_transition"
    detail = "Status can't change from {status} to {requested}."
    carries = (
        "user_id",
        "wallet_id",
        "evidence_id",
        "verification_id",
        "webhook_endpoint_id",
        "status",
        "requested",
    )


class RetentionNotOver(Conflict):
    """The retention period of this closed user has not ended.

    Give a reason to erase the data earlier.
    """

    code = "retention_not_over"
    detail = "The retention period ends at {kept_until}. Give a reason to erase the data earlier."
    carries = ("user_id", "kept_until")


class AlreadyVerified(Conflict):
    """The user has no phone number to verify."""

    code = "already_verified"
    detail = "The phone number is already verified."
    carries = ("user_id", "status")


class OtpTooSoon(Conflict):
    """A one-time password was sent to this number less than a minute ago, or ten were today."""

    code = "otp_too_soon"
    detail = "A one-time password was just sent; request another at {retry_at}."
    carries = ("retry_at",)


class OtpExpired(Conflict):
    """The one-time password has expired, or none was sent. Request another."""

    code = "otp_expired"
    detail = "The one-time password has expired. Request another."
    carries = ("user_id",)


class OtpTriedOut(Conflict):
    """Too many wrong one-time passwords. Request another, not before `retryAt` if present."""

    code = "otp_tried_out"
    detail = "Too many wrong attempts. Request another one-time password."
    carries = ("user_id", "retry_at")


class NoIdentityProvider(Conflict):
    """This server has no identity provider. Submit the identity data and documents instead."""

    code = "no_identity_provider"
    detail = "This server has no identity provider."
    carries = ("user_id",)


class NotAPerson(Conflict):
    """Only the identity of a person can be verified; the user is a company."""

    code = "not_a_person"
    detail = "The user {user_id} is of kind {kind}; only a person's identity can be verified."
    carries = ("user_id", "kind")


class NoTerms(Conflict):
    """The institution has published no terms, so there is nothing to sign."""

    code = "no_terms"
    detail = "There are no terms to sign."
    carries = ("user_id",)


class TermsAlreadySigned(Conflict):
    """The user has signed the current version of the terms."""

    code = "terms_already_signed"
    detail = "The user signed version {version} of the terms at {signed_at}."
    carries = ("user_id", "version", "signed_at")
