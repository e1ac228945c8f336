"""What a call raises: an exception for each status and each code, or for the lack of an answer."""

from __future__ import annotations

from typing import Any, ClassVar

from iocash_client.shapes import Answer, Shape


class IoCashError(Exception):
    """The base of all exceptions of a call."""

    key: str | None = None
    """The `Idempotency-Key` of the call. Call again with it, and nothing is done twice."""
    tries: int = 1
    """How often the request was sent."""
    is_outcome_unknown: bool = False
    """A try may have been executed, and its answer is unknown."""


class NoAnswer(IoCashError):
    """No try got an answer before the deadline. The cause is the last failure.

    If `is_outcome_unknown`, the request may have been executed: call again with the same `key`.
    """


class UnexpectedAnswer(IoCashError):
    """The answer is not one of this API: perhaps of a proxy, or of another server."""

    def __init__(self, message: str, status: int, content: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.content = content


class StillPending(IoCashError):
    """The time to wait is over, and the outcome is not there yet. `answer` is the present state."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer!r} is still pending")
        self.answer = answer


class WrongField(Shape):
    """A field or a parameter that is wrong, as in `errors` of a 400."""

    field: str
    """Its name, such as `amount` or `movements[3].amount`."""
    code: str
    detail: str


class ApiError(IoCashError):
    """The server refused the request: the problem document of RFC 9457, with a stable `code`."""

    code: str = ""
    """The code that the server sent: that of the class, unless the server is newer."""
    facts: ClassVar[type[Answer] | None] = None

    def __init__(self, problem: dict[str, Any], conflict: Any = None) -> None:
        wrong = "".join(f" {each['field']}: {each['detail']}" for each in problem.get("errors", ()))
        super().__init__(f"{problem['status']} {problem['code']}: {problem['detail']}{wrong}")
        self.problem = problem
        """The whole document, as the server sent it; its numbers are exact."""
        self.type = str(problem["type"])
        self.title = str(problem["title"])
        self.detail = str(problem["detail"])
        self.instance = str(problem["instance"])
        self.request_id = str(problem["requestId"])
        self.status = int(problem["status"])
        self.code = str(problem["code"])
        self.errors = [
            WrongField(**{name: str(each[name]) for name in ("field", "code", "detail")})
            for each in problem.get("errors", ())
        ]
        self.conflict = conflict
        self.retry_after: float | None = None
        """Seconds to wait, if the server named them."""


class BadRequest(ApiError):
    """400: the request can't be understood, or a field is wrong; `errors` names all of them."""


class Unauthorized(ApiError):
    """401: no credentials, or wrong, expired or revoked ones."""


class Forbidden(ApiError):
    """403: the credentials are right, but don't allow this."""


class NotFound(ApiError):
    """404: there is no such resource, or another client owns it."""


class Conflict(ApiError):
    """409: the state does not allow the request; `conflict` has the facts."""


class InternalServerError(ApiError):
    """500: a bug of the server. Report the `request_id`."""


class ServiceUnavailable(ApiError):
    """503: the server could not do it now, and retries did not help before the deadline."""


BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    500: InternalServerError,
    503: ServiceUnavailable,
}
"""The statuses of errors. Those of answers are 200, 201 and 202."""

MEMBERS = ("type", "title", "detail", "instance", "requestId", "status", "code")
