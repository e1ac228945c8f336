/** A class for each code. Written by write_calls.py: do not edit. */
import { BadRequest, Conflict, Forbidden, InternalServerError, NotFound, ServiceUnavailable, Unauthorized } from "../problems.js";
import type { ErrorClass } from "../problems.js";
import type { components } from "./schema.js";

type S = components["schemas"];

export * from "../problems.js";

/** The body ended before its `Content-Length`. */
export class BodyInterrupted extends BadRequest {}
/** The body exceeds the size limit. */
export class BodyTooLarge extends BadRequest {}
/** One or more fields of the body are wrong; `errors` names all of them. */
export class InvalidFields extends BadRequest {}
/** A header has an invalid value. */
export class InvalidHeader extends BadRequest {}
/** The Host header names a host that this server does not serve. */
export class InvalidHost extends BadRequest {}
/** The body must be one JSON object in UTF-8 without duplicate keys. */
export class InvalidJson extends BadRequest {}
/** The one-time password is wrong. */
export class InvalidOtp extends BadRequest {}
/** One or more query parameters are wrong; `errors` names all of them. */
export class InvalidParameters extends BadRequest {}
/** The body was sent without a `Content-Length`. */
export class LengthRequired extends BadRequest {}
/** The `Accept` header excludes JSON, the only supported format. */
export class NotAcceptable extends BadRequest {}
/** The body was not sent as `application/json`. */
export class UnsupportedMediaType extends BadRequest {}
/** The API key has expired. */
export class CredentialsExpired extends Unauthorized {}
/** The API key was revoked. */
export class CredentialsRevoked extends Unauthorized {}
/** The credentials are unknown or malformed. */
export class InvalidCredentials extends Unauthorized {}
/** The request has no credentials. */
export class NotAuthenticated extends Unauthorized {}
/** The statements of the bank bring the client's cash-ins. Nobody orders them. */
export class CashInsFromBank extends Forbidden {}
/** The client is suspended. None of its keys works until staff activate it again. */
export class ClientSuspended extends Forbidden {}
/** A logged-in member of staff sent a change without the CSRF token of the session. */
export class CsrfFailed extends Forbidden {}
/** The credentials were sent over plain HTTP, so others may have read them. Revoke the key. */
export class HttpsRequired extends Forbidden {}
/** The credentials don't have the scope that this operation requires. */
export class InsufficientScope extends Forbidden {}
/** The member of staff lacks the permission, or the operation requires a client's API key. */
export class PermissionDenied extends Forbidden {}
/** The body names an external account that the wallet does not have. */
export class ExternalAccountNotFound extends NotFound {}
/** The body names a source wallet that the client does not have. */
export class SourceWalletNotFound extends NotFound {}
/** The body names a target wallet that the client does not have. */
export class TargetWalletNotFound extends NotFound {}
/** The body names a user that the client does not have. */
export class UserNotFound extends NotFound {}
/** Another resource of the client already has this value. */
export class AlreadyExists extends Conflict<S["AlreadyExistsConflict"]> {}
/** The user has no phone number to verify. */
export class AlreadyVerified extends Conflict<S["AlreadyVerifiedConflict"]> {}
/**
 * Some items of the batch or operation were refused, so none was executed. `conflict.items` names
 * them.
 */
export class BatchRefused extends Conflict<S["BatchRefusedConflict"]> {}
/**
 * The cash-out is in a payment file for the bank. It can't be cancelled now. If the file is
 * discarded before it is sent, the cash-out can be cancelled again.
 */
export class CashOutInFile extends Conflict<S["CashOutInFileConflict"]> {}
/** The cash-out has not been sent to the bank. Mark it as sent before you settle it. */
export class CashOutNotSent extends Conflict<S["CashOutNotSentConflict"]> {}
/** The cash-out was sent to the bank. It can't be cancelled or sent again. */
export class CashOutSent extends Conflict<S["CashOutSentConflict"]> {}
/** The wallet has another currency than the order, or than the wallet that pays. */
export class CurrencyMismatch extends Conflict<S["CurrencyMismatchConflict"]> {}
/** The external account was removed. */
export class ExternalAccountRemoved extends Conflict<S["ExternalAccountRemovedConflict"]> {}
/** The requested amount exceeds the remaining amount of the hold. */
export class HoldExceeded extends Conflict<S["HoldExceededConflict"]> {}
/** The hold was executed or released, or it has expired. */
export class HoldNotOpen extends Conflict<S["HoldNotOpenConflict"]> {}
/** The Idempotency-Key was used for another request; `conflict` names what that one created. */
export class IdempotencyKeyReused extends Conflict<S["IdempotencyKeyReusedConflict"]> {}
/** The field can't be changed after creation. */
export class Immutable extends Conflict<S["ImmutableConflict"]> {}
/** The available balance is too low. */
export class InsufficientFunds extends Conflict<S["InsufficientFundsConflict"]> {}
/** The current status does not allow this change. */
export class InvalidTransition extends Conflict<S["InvalidTransitionConflict"]> {}
/**
 * The request exceeds the limit that `limitType` names, of a user or of one wallet. `resetsAt` is
 * the time at which the request would fit; null if only a payment makes room.
 */
export class LimitExceeded extends Conflict<S["LimitExceededConflict"]> {}
/** The cash-out was already settled, rejected or cancelled. */
export class MovementNotPending extends Conflict<S["MovementNotPendingConflict"]> {}
/** Only cash-ins and transfers can be reversed. */
export class MovementNotReversible extends Conflict<S["MovementNotReversibleConflict"]> {}
/** This server has no identity provider. Submit the identity data and documents instead. */
export class NoIdentityProvider extends Conflict<S["NoIdentityProviderConflict"]> {}
/** The institution has published no terms, so there is nothing to sign. */
export class NoTerms extends Conflict<S["NoTermsConflict"]> {}
/** Only the identity of a person can be verified; the user is a company. */
export class NotAPerson extends Conflict<S["NotAPersonConflict"]> {}
/**
 * No anchor contains the movement yet: try again after `nextAnchorAt`. Null: none is planned. A
 * cash-out that has not settled is in no anchor.
 */
export class NotAnchoredYet extends Conflict<S["NotAnchoredYetConflict"]> {}
/** The one-time password has expired, or none was sent. Request another. */
export class OtpExpired extends Conflict<S["OtpExpiredConflict"]> {}
/** A one-time password was sent to this number less than a minute ago, or ten were today. */
export class OtpTooSoon extends Conflict<S["OtpTooSoonConflict"]> {}
/** Too many wrong one-time passwords. Request another, not before `retryAt` if present. */
export class OtpTriedOut extends Conflict<S["OtpTriedOutConflict"]> {}
/** As many replays of the webhook endpoint are running as an endpoint can have. Wait for one. */
export class ReplayLimitReached extends Conflict<S["ReplayLimitReachedConflict"]> {}
/** The reversal exceeds the amount of the movement that is not yet reversed. */
export class ReversalExceeded extends Conflict<S["ReversalExceededConflict"]> {}
/** The scheduled operation was cancelled, or all of its runs are over. It can't be changed. */
export class ScheduledOperationEnded extends Conflict<S["ScheduledOperationEndedConflict"]> {}
/** The user has signed the current version of the terms. */
export class TermsAlreadySigned extends Conflict<S["TermsAlreadySignedConflict"]> {}
/** The owner of the wallet is not activated. The wallet can't pay or receive. */
export class UserNotActive extends Conflict<S["UserNotActiveConflict"]> {}
/** The resource has changed since you read it; `If-Match` is not its current version. */
export class VersionConflict extends Conflict<S["VersionConflictConflict"]> {}
/** The user has as many open wallets as a user can have. Close one, or use another user. */
export class WalletLimitReached extends Conflict<S["WalletLimitReachedConflict"]> {}
/** The wallet can't be closed because its balance is not zero. */
export class WalletNotEmpty extends Conflict<S["WalletNotEmptyConflict"]> {}
/** The wallet is blocked or closed. It can't pay or receive. */
export class WalletNotReady extends Conflict<S["WalletNotReadyConflict"]> {}
/** The client has as many webhook endpoints as a client can have. Disable one. */
export class WebhookEndpointLimitReached extends Conflict<S["WebhookEndpointLimitReachedConflict"]> {}
/** A bug in the server. `requestId` identifies the request in the server's log. */
export class InternalError extends InternalServerError {}
/** The database is unavailable, restarting or read-only. Nothing was changed; retry. */
export class DatabaseUnavailable extends ServiceUnavailable {}
/** The identity provider did not start the verification. Nothing was changed; retry later. */
export class IdentityProviderUnavailable extends ServiceUnavailable {}
/** The wallet or user is locked by another request. Nothing was changed; retry. */
export class LockTimeout extends ServiceUnavailable {}
/**
 * The connection to the database was lost during the commit. Retry with the same Idempotency-Key to
 * get the result; without a key, check the movements.
 */
export class OutcomeUnknown extends ServiceUnavailable {}
/** Too many requests or documents are waiting. Nothing was changed; retry later. */
export class Overloaded extends ServiceUnavailable {}
/** The client sends too many requests per second. Nothing was changed; retry later. */
export class RateLimited extends ServiceUnavailable {}
/** The request timed out in the database. Nothing was changed; retry. */
export class StatementTimeout extends ServiceUnavailable {}

export const BY_CODE: Record<string, ErrorClass | undefined> = {
  body_interrupted: BodyInterrupted,
  body_too_large: BodyTooLarge,
  invalid_fields: InvalidFields,
  invalid_header: InvalidHeader,
  invalid_host: InvalidHost,
  invalid_json: InvalidJson,
  invalid_otp: InvalidOtp,
  invalid_parameters: InvalidParameters,
  length_required: LengthRequired,
  not_acceptable: NotAcceptable,
  unsupported_media_type: UnsupportedMediaType,
  credentials_expired: CredentialsExpired,
  credentials_revoked: CredentialsRevoked,
  invalid_credentials: InvalidCredentials,
  not_authenticated: NotAuthenticated,
  cash_ins_from_bank: CashInsFromBank,
  client_suspended: ClientSuspended,
  csrf_failed: CsrfFailed,
  https_required: HttpsRequired,
  insufficient_scope: InsufficientScope,
  permission_denied: PermissionDenied,
  external_account_not_found: ExternalAccountNotFound,
  not_found: NotFound,
  source_wallet_not_found: SourceWalletNotFound,
  target_wallet_not_found: TargetWalletNotFound,
  user_not_found: UserNotFound,
  already_exists: AlreadyExists,
  already_verified: AlreadyVerified,
  batch_refused: BatchRefused,
  cash_out_in_file: CashOutInFile,
  cash_out_not_sent: CashOutNotSent,
  cash_out_sent: CashOutSent,
  currency_mismatch: CurrencyMismatch,
  external_account_removed: ExternalAccountRemoved,
  hold_exceeded: HoldExceeded,
  hold_not_open: HoldNotOpen,
  idempotency_key_reused: IdempotencyKeyReused,
  immutable: Immutable,
  insufficient_funds: InsufficientFunds,
  invalid_transition: InvalidTransition,
  limit_exceeded: LimitExceeded,
  movement_not_pending: MovementNotPending,
  movement_not_reversible: MovementNotReversible,
  no_identity_provider: NoIdentityProvider,
  no_terms: NoTerms,
  not_a_person: NotAPerson,
  not_anchored_yet: NotAnchoredYet,
  otp_expired: OtpExpired,
  otp_too_soon: OtpTooSoon,
  otp_tried_out: OtpTriedOut,
  replay_limit_reached: ReplayLimitReached,
  reversal_exceeded: ReversalExceeded,
  scheduled_operation_ended: ScheduledOperationEnded,
  terms_already_signed: TermsAlreadySigned,
  user_not_active: UserNotActive,
  version_conflict: VersionConflict,
  wallet_limit_reached: WalletLimitReached,
  wallet_not_empty: WalletNotEmpty,
  wallet_not_ready: WalletNotReady,
  webhook_endpoint_limit_reached: WebhookEndpointLimitReached,
  internal_error: InternalError,
  database_unavailable: DatabaseUnavailable,
  identity_provider_unavailable: IdentityProviderUnavailable,
  lock_timeout: LockTimeout,
  outcome_unknown: OutcomeUnknown,
  overloaded: Overloaded,
  rate_limited: RateLimited,
  statement_timeout: StatementTimeout,
};
