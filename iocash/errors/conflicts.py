"""409: the request is fine, the state is not."""

from iocash.errors.registry import Conflict


class AlreadyExists(Conflict):
    """Another thing of the client has this value already."""

    code = "already_exists"
    detail = "{field} is taken already."
    carries = ("field", "user_id", "wallet_id", "external_account_id", "iban")


class IdempotencyKeyReused(Conflict):
    """The Idempotency-Key was used for another order; `conflict` names what that one made."""

    code = "idempotency_key_reused"
    detail = "The Idempotency-Key was used for another order."
    carries = ("idempotency_key", "resource", "id")


class Immutable(Conflict):
    """The field is set once and never changes."""

    code = "immutable"
    detail = "{field} never changes."
    carries = ("field", "user_id", "wallet_id")


class InsufficientFunds(Conflict):
    """Less is available than the order takes."""

    code = "insufficient_funds"
    detail = "{available} {currency} are available and {required} {currency} are needed."
    carries = ("wallet_id", "available", "required", "currency")


class LimitExceeded(Conflict):
    """The order would pass a limit; `conflict` has it, what is used, and when there is room."""

    code = "limit_exceeded"
    detail = "The limit is {limit}, {used} are used and {requested} were requested."
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


class CurrencyMismatch(Conflict):
    """The two wallets have different currencies."""

    code = "currency_mismatch"
    detail = "The wallets are in {currency} and {target_currency}."
    carries = ("currency", "target_currency")


class WalletNotReady(Conflict):
    """The wallet is blocked or closed: it neither pays nor receives."""

    code = "wallet_not_ready"
    detail = "The wallet {wallet_id} is {status}."
    carries = ("wallet_id", "status")


class UserNotActive(Conflict):
    """The owner of the wallet is not activated: the wallet neither pays nor receives."""

    code = "user_not_active"
    detail = "The user {user_id} is {status}."
    carries = ("user_id", "status")


class WalletNotEmpty(Conflict):
    """A wallet that holds money can't be closed."""

    code = "wallet_not_empty"
    detail = "The wallet {wallet_id} still holds {balance} {currency}."
    carries = ("wallet_id", "balance", "currency")


class MovementNotPending(Conflict):
    """The cash-out has ended already: it was settled, rejected or cancelled."""

    code = "movement_not_pending"
    detail = "The movement {movement_id} is {status}."
    carries = ("movement_id", "status")


class CashOutSent(Conflict):
    """The cash-out went to the bank and can't be cancelled any more, nor sent again."""

    code = "cash_out_sent"
    detail = "The cash-out {movement_id} was sent to the bank at {sent_at}."
    carries = ("movement_id", "sent_at")


class CashOutNotSent(Conflict):
    """The cash-out has not been sent to the bank, so the bank can't have paid it."""

    code = "cash_out_not_sent"
    detail = "The cash-out {movement_id} has not been sent to the bank."
    carries = ("movement_id",)


class MovementNotReversible(Conflict):
    """Only a cash-in and a transfer can be reversed."""

    code = "movement_not_reversible"
    detail = "The movement {movement_id} is of type {type}."
    carries = ("movement_id", "type")


class ReversalExceeded(Conflict):
    """More would be given back than the movement moved, or all of it was given back before."""

    code = "reversal_exceeded"
    detail = "{left} {currency} are left to reverse, and {requested} were requested."
    carries = ("movement_id", "amount", "reversed", "left", "requested", "currency")


class HoldNotOpen(Conflict):
    """The hold was executed or released, or it has expired."""

    code = "hold_not_open"
    detail = "The hold {hold_id} is {status}."
    carries = ("hold_id", "status")


class HoldExceeded(Conflict):
    """Less is left of the hold than is to be executed."""

    code = "hold_exceeded"
    detail = "{remaining} {currency} are still held, and {requested} were requested."
    carries = ("hold_id", "remaining", "requested", "currency")


class ExternalAccountRemoved(Conflict):
    """The external account was removed."""

    code = "external_account_removed"
    detail = "The external account {external_account_id} was removed."
    carries = ("external_account_id",)


class BatchRefused(Conflict):
    """Some items of the batch were refused, so none was done; `conflict.items` names them."""

    code = "batch_refused"
    detail = "{refused} of {count} movements were refused; none was made."
    carries = ("refused", "count", "items")


class VersionConflict(Conflict):
    """The thing has changed since the caller read it: `If-Match` names no current version."""

    code = "version_conflict"
    detail = "It has changed since it was read; it is {current} now."
    carries = ("user_id", "wallet_id", "hold_id", "current")


class InvalidTransition(Conflict):
    """The thing's status does not allow this change."""

    code = "invalid_transition"
    detail = "From {status} there is no way to {requested}."
    carries = ("user_id", "wallet_id", "evidence_id", "status", "requested")


class RetentionNotOver(Conflict):
    """What is personal of an ended user must be kept for a while yet, unless there is a reason."""

    code = "retention_not_over"
    detail = "It is kept until {kept_until}."
    carries = ("user_id", "kept_until")


class AlreadyVerified(Conflict):
    """The user has no phone number that waits to be verified."""

    code = "already_verified"
    detail = "The phone number is verified already."
    carries = ("user_id", "status")


class OtpTooSoon(Conflict):
    """A one-time password was requested less than a minute ago, or ten today, for this number."""

    code = "otp_too_soon"
    detail = "A one-time password was just sent; ask again at {retry_at}."
    carries = ("retry_at",)


class OtpExpired(Conflict):
    """The one-time password has expired, or none was sent; request another."""

    code = "otp_expired"
    detail = "The one-time password has expired; request another."
    carries = ("user_id",)


class OtpTriedOut(Conflict):
    """Too many wrong one-time passwords. Request another; if there is a `retryAt`, then."""

    code = "otp_tried_out"
    detail = "Too many wrong tries; request another one-time password."
    carries = ("user_id", "retry_at")
