"""Every way in which ioCash says no: one class for each stable `code`.

The class is the registry's entry: `code` is what programs switch on, `status` is the HTTP
status, the docstring is the sentence that the documentation shows, and `detail` is what the
caller reads, filled in from the facts that the refusal carries. No Django here: the ledger
raises these, the dialect renders them.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

REGISTRY: dict[str, type[Refused]] = {}


class FieldError(NamedTuple):
    """One wrong field: where (`iban.accountNumber`, `movements[3].amount`), a code, words."""

    field: str
    code: str
    detail: str


class Refused(Exception):
    """A rule said no. Nothing was changed.

    `facts` tell the caller what it needs in order to see the cause and to resolve it; they become
    the members of `conflict`, in camelCase. Amounts among them are decimal strings already.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    detail: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if code := cls.__dict__.get("code"):
            assert code not in REGISTRY, f"{code} is taken"
            REGISTRY[code] = cls

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        self.facts = facts
        self.words = detail or self.detail.format(**facts)
        super().__init__(self.words)


class BadRequest(Refused):
    status = 400


class Unauthorized(Refused):
    status = 401


class Forbidden(Refused):
    status = 403


class Missing(Refused):
    status = 404


class Conflict(Refused):
    status = 409


class Crash(Refused):
    status = 500


class Unavailable(Refused):
    """`retry_after` is in seconds; nothing is half done."""

    status = 503
    retry_after: ClassVar[int] = 1


# 400: the request can't be understood, or a field is wrong


class InvalidFields(BadRequest):
    """One or more fields of the body are wrong; `errors` names every one of them."""

    code = "invalid_fields"
    detail = "One or more fields are wrong."

    def __init__(self, *errors: FieldError) -> None:
        super().__init__()
        self.errors = errors


class InvalidParameters(InvalidFields):
    """One or more query parameters are wrong; `errors` names every one of them."""

    code = "invalid_parameters"
    detail = "One or more query parameters are wrong."


class InvalidJson(BadRequest):
    """The body is not one JSON object in UTF-8 without duplicate keys."""

    code = "invalid_json"
    detail = "The body is not one JSON object in UTF-8."


class InvalidHeader(BadRequest):
    """A header has a value that can't be understood."""

    code = "invalid_header"
    detail = "The header {header} can't be understood."


class InvalidHost(BadRequest):
    """The Host header names a host that this server does not serve."""

    code = "invalid_host"
    detail = "The Host header names a host that is not served here."


class MethodNotAllowed(BadRequest):
    """The path exists, the method does not; `Allow` lists those that do."""

    code = "method_not_allowed"
    detail = "{method} is not allowed here."


class UnsupportedMediaType(BadRequest):
    """The body is not sent as `application/json`."""

    code = "unsupported_media_type"
    detail = "Send the body as application/json."


class NotAcceptable(BadRequest):
    """The `Accept` header excludes JSON."""

    code = "not_acceptable"
    detail = "The answer is JSON, and the Accept header excludes it."


class LengthRequired(BadRequest):
    """The body came without a `Content-Length`."""

    code = "length_required"
    detail = "Send the body with a Content-Length, not chunked."


class BodyTooLarge(BadRequest):
    """The body is larger than is read here."""

    code = "body_too_large"
    detail = "The body is larger than {limit} bytes."


class BodyInterrupted(BadRequest):
    """The body ended before its `Content-Length`."""

    code = "body_interrupted"
    detail = "The body ended too early."


class InvalidOtp(BadRequest):
    """The one-time password is not the one that was sent."""

    code = "invalid_otp"
    detail = "The one-time password is wrong; {tries_left} tries are left."


# 401: who are you?


class NotAuthenticated(Unauthorized):
    """No credentials came with the request."""

    code = "not_authenticated"
    detail = "Send an API key: Authorization: Bearer <key>."


class InvalidCredentials(Unauthorized):
    """The credentials are unknown or malformed."""

    code = "invalid_credentials"
    detail = "The API key is unknown or malformed."


class CredentialsExpired(Unauthorized):
    """The API key was valid once; its time is over."""

    code = "credentials_expired"
    detail = "The API key has expired."


class CredentialsRevoked(Unauthorized):
    """The API key was revoked."""

    code = "credentials_revoked"
    detail = "The API key was revoked."


# 403: I know you, and you may not


class InsufficientScope(Forbidden):
    """The credentials lack the scope that this operation needs."""

    code = "insufficient_scope"
    detail = "This needs the scope {scope}."


class ClientSuspended(Forbidden):
    """The client is suspended; none of its keys works until it is active again."""

    code = "client_suspended"
    detail = "The client is suspended."


class PermissionDenied(Forbidden):
    """A member of staff lacks the permission, or this needs a client's API key."""

    code = "permission_denied"
    detail = "You have no permission for this."


class CsrfFailed(Forbidden):
    """A change by a logged-in member of staff came without the CSRF token of their session."""

    code = "csrf_failed"
    detail = "The CSRF token is missing or wrong."


# 404: not here, or not yours


class NotFound(Missing):
    """No such path, no such thing, a malformed id, or a thing of another client."""

    code = "not_found"
    detail = "There is nothing here."


class UserNotFound(Missing):
    """The body names a user that the client does not have."""

    code = "user_not_found"
    detail = "The client has no user {user_id}."


class TargetWalletNotFound(Missing):
    """The body names a target wallet that the client does not have."""

    code = "target_wallet_not_found"
    detail = "The client has no wallet {target_wallet_id}."


class ExternalAccountNotFound(Missing):
    """The body names an external account that the wallet does not have."""

    code = "external_account_not_found"
    detail = "The wallet has no external account {external_account_id}."


# 409: the request is fine, the state is not


class AlreadyExists(Conflict):
    """Another thing of the client has this value already."""

    code = "already_exists"
    detail = "{field} is taken already."


class IdempotencyKeyReused(Conflict):
    """The Idempotency-Key was used for another order; `conflict` names what that one made."""

    code = "idempotency_key_reused"
    detail = "The Idempotency-Key was used for another order."


class Immutable(Conflict):
    """The field is set once and never changes."""

    code = "immutable"
    detail = "{field} never changes."


class InsufficientFunds(Conflict):
    """Less is available than the order takes."""

    code = "insufficient_funds"
    detail = "{available} {currency} are available and {required} {currency} are needed."


class LimitExceeded(Conflict):
    """The order would pass a limit."""

    code = "limit_exceeded"
    detail = "The limit is {limit}, {used} are used and {requested} were requested."


class CurrencyMismatch(Conflict):
    """The two wallets have different currencies."""

    code = "currency_mismatch"
    detail = "The wallets are in {currency} and {target_currency}."


class WalletNotReady(Conflict):
    """The wallet is blocked or closed: it neither pays nor receives."""

    code = "wallet_not_ready"
    detail = "The wallet {wallet_id} is {status}."


class UserNotActive(Conflict):
    """The owner of the wallet is not activated: the wallet neither pays nor receives."""

    code = "user_not_active"
    detail = "The user {user_id} is {status}."


class WalletNotEmpty(Conflict):
    """A wallet that holds money can't be closed."""

    code = "wallet_not_empty"
    detail = "The wallet {wallet_id} still holds {balance} {currency}."


class MovementNotPending(Conflict):
    """The cash-out has ended already: it was settled, rejected or cancelled."""

    code = "movement_not_pending"
    detail = "The movement {movement_id} is {status}."


class CashOutSent(Conflict):
    """The cash-out went to the bank and can't be cancelled any more, nor sent again."""

    code = "cash_out_sent"
    detail = "The cash-out {movement_id} was sent to the bank at {sent_at}."


class CashOutNotSent(Conflict):
    """The cash-out has not been sent to the bank, so the bank can't have paid it."""

    code = "cash_out_not_sent"
    detail = "The cash-out {movement_id} has not been sent to the bank."


class MovementNotReversible(Conflict):
    """Only a cash-in and a transfer can be reversed."""

    code = "movement_not_reversible"
    detail = "The movement {movement_id} is of type {type}."


class ReversalExceeded(Conflict):
    """More would be given back than the movement moved, or all of it was given back before."""

    code = "reversal_exceeded"
    detail = "{left} {currency} are left to reverse, and {requested} were requested."


class HoldNotOpen(Conflict):
    """The hold was executed or released, or it has expired."""

    code = "hold_not_open"
    detail = "The hold {hold_id} is {status}."


class HoldExceeded(Conflict):
    """Less is left of the hold than is to be executed."""

    code = "hold_exceeded"
    detail = "{remaining} {currency} are still held, and {requested} were requested."


class ExternalAccountRemoved(Conflict):
    """The external account was removed."""

    code = "external_account_removed"
    detail = "The external account {external_account_id} was removed."


class BatchRefused(Conflict):
    """Some items of the batch were refused, so none was done; `conflict.items` names them."""

    code = "batch_refused"
    detail = "{refused} of {count} movements were refused; none was made."


class VersionConflict(Conflict):
    """The thing has changed since the caller read it: `If-Match` names no current version."""

    code = "version_conflict"
    detail = "It has changed since it was read; it is {current} now."


class InvalidTransition(Conflict):
    """The thing's status does not allow this change."""

    code = "invalid_transition"
    detail = "From {status} there is no way to {requested}."


class AlreadyVerified(Conflict):
    """The user has no phone number that waits to be verified."""

    code = "already_verified"
    detail = "The phone number is verified already."


class OtpTooSoon(Conflict):
    """A one-time password was sent to this number less than a minute ago."""

    code = "otp_too_soon"
    detail = "A one-time password was just sent; ask again at {retry_at}."


class OtpExpired(Conflict):
    """The one-time password has expired, or none was sent; request another."""

    code = "otp_expired"
    detail = "The one-time password has expired; request another."


class OtpTriedOut(Conflict):
    """Too many wrong one-time passwords; request another."""

    code = "otp_tried_out"
    detail = "Too many wrong tries; request another one-time password."


# 500 and 503: ours, not yours


class InternalError(Crash):
    """A bug; `requestId` finds it in the server's log."""

    code = "internal_error"
    detail = "Something went wrong here. Quote the requestId when you report it."


class DatabaseUnavailable(Unavailable):
    """The database is away, restarting or read-only; nothing was done."""

    code = "database_unavailable"
    detail = "The database is away; nothing was done. Try again."
    retry_after = 2


class LockTimeout(Unavailable):
    """Somebody else holds what this needs; nothing was done."""

    code = "lock_timeout"
    detail = "The wallet is busy; nothing was done. Try again."


class StatementTimeout(Unavailable):
    """The database took too long; nothing was done."""

    code = "statement_timeout"
    detail = "The database took too long; nothing was done. Try again."


class OutcomeUnknown(Unavailable):
    """The connection broke while the change was being committed.

    Repeat the request with its Idempotency-Key to find out; without one, look at the movements.
    """

    code = "outcome_unknown"
    detail = "The change may or may not have been made. Repeat it with its Idempotency-Key."
    retry_after = 2
