"""500 and 503: the fault is the server's."""

from iocash.errors.registry import Crash, Unavailable


class Inconsistent(Exception):
    """An invariant is broken: by a bug, or by rows that were changed outside the server.

    It is raised before anything is written, and the response is 500. It is not an `assert`,
    because `python -O` removes those.
    """


class InternalError(Crash):
    """A bug in the server. `requestId` identifies the request in the server's log."""

    code = "internal_error"
    detail = "Internal error. Quote the requestId when you report it."


class DatabaseUnavailable(Unavailable):
    """The database is unavailable, restarting or read-only. Nothing was changed; retry."""

    code = "database_unavailable"
    detail = "The database is unavailable. Nothing was changed; retry."
    retry_after = 2


class LockTimeout(Unavailable):
    """The wallet or user is locked by another request. Nothing was changed; retry."""

    code = "lock_timeout"
    detail = "The wallet or user is locked by another request. Nothing was changed; retry."


class StatementTimeout(Unavailable):
    """The request timed out in the database. Nothing was changed; retry."""

    code = "statement_timeout"
    detail = "The request timed out. Nothing was changed; retry."


class RateLimited(Unavailable):
    """The client sends too many requests per second. Nothing was changed; retry later."""

    code = "rate_limited"
    detail = "Too many requests per second. Nothing was changed; retry later."


class Overloaded(Unavailable):
    """Too many requests or documents are waiting. Nothing was changed; retry later."""

    code = "overloaded"
    detail = "Too many requests are waiting. Nothing was changed; retry later."


class IdentityProviderUnavailable(Unavailable):
    """The identity provider did not start the verification. Nothing was changed; retry later."""

    code = "identity_provider_unavailable"
    detail = "The identity provider is unavailable. Nothing was changed; retry later."
    retry_after = 10


class OutcomeUnknown(Unavailable):
    """The connection to the database was lost during the commit.

    Retry with the same Idempotency-Key to get the result; without a key, check the movements.
    """

    code = "outcome_unknown"
    detail = "The change may or may not have been made. Retry with the same Idempotency-Key."
    retry_after = 2
