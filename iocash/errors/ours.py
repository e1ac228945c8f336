"""500 and 503: ours, not yours."""

from iocash.errors.registry import Crash, Unavailable


class Inconsistent(Exception):
    """What must always hold does not: a bug, or rows that were changed behind the server's back.

    Raised before anything is written, and answered with 500. Not an `assert`, which `python -O`
    leaves out.
    """


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


class RateLimited(Unavailable):
    """The client asks faster than it is served; nothing was done."""

    code = "rate_limited"
    detail = "Too many requests a second; nothing was done. Try again later."


class Overloaded(Unavailable):
    """More orders or documents wait than can be served soon; nothing was done."""

    code = "overloaded"
    detail = "Too many orders wait; nothing was done. Try again later."


class OutcomeUnknown(Unavailable):
    """The connection broke while the change was being committed.

    Repeat the request with its Idempotency-Key to find out; without one, look at the movements.
    """

    code = "outcome_unknown"
    detail = "The change may or may not have been made. Repeat it with its Idempotency-Key."
    retry_after = 2
