"""One call: its key, its tries, and what they mean together."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from iocash_client.credentials import Credentials
from iocash_client.generated.errors import BY_CODE
from iocash_client.problems import (
    BY_STATUS,
    MEMBERS,
    ApiError,
    IoCashError,
    NoAnswer,
    UnexpectedAnswer,
)
from iocash_client.shapes import Meta, WrongShape, decode
from iocash_client.transport import Broken, NotSent, NotTrusted, Response, Transport

SUCCESS: Final = frozenset({200, 201, 202})
OF_PROXIES: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses without a problem document: something in front of the server sent them."""
UNDONE: Final = frozenset({429})
"""Of those, the ones that say that nothing was done."""


@dataclass(frozen=True, slots=True)
class Retries:
    """When to try again, and when to give up. All times are in seconds."""

    deadline: float = 60.0
    """How long a call lasts at most, with all its tries."""
    timeout: float = 10.0
    """How long one try lasts at most."""
    first_delay: float = 0.1
    """The delay before the second try. It doubles with each try, less up to a half by chance."""
    longest_delay: float = 5.0
    most_bugs: int = 3
    """How many tries may end with a 500 before it is raised."""

    def delay(self, tries: int, retry_after: float | None) -> float:
        """How long to wait after so many tries; never less than the server asks for."""
        longest: float = min(self.longest_delay, self.first_delay * 2.0 ** min(tries - 1, 30))
        chance = random.uniform(0.5, 1.0)  # noqa: S311 (it spreads callers; it is no secret)
        return (retry_after or 0.0) + longest * chance


@dataclass(slots=True)
class Request:
    """A request, and what is known about its tries."""

    method: str
    target: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    is_repeatable: bool = True
    """The server does it once, however often it is sent."""
    patience: float = 0.0
    """Seconds that the server may wait before it answers, beside the time of a try."""
    tries: int = 0
    bugs: int = 0
    is_outcome_unknown: bool = False
    is_renewed: bool = False
    """The credentials were renewed after a 401."""

    def marked(self, error: IoCashError) -> IoCashError:
        error.key, error.tries = self.key, self.tries
        error.is_outcome_unknown = self.is_outcome_unknown
        return error


@dataclass(frozen=True, slots=True)
class Success:
    """The JSON of a successful response, and its headers."""

    data: dict[str, Any]
    meta: Meta
    write_token: str | None


def new_key() -> str:
    """A key for one write. Store it before you call, and you can resume after a crash."""
    return str(uuid4())


class Failure(Exception):
    """A try that failed in a way that another may not."""

    def __init__(
        self,
        error: IoCashError,
        *,
        is_undone: bool,
        delay: float | None = None,
        is_bug: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error, self.is_undone, self.delay, self.is_bug = error, is_undone, delay, is_bug


class Engine:
    """Sends requests until there is an answer, an error that no retry resolves, or no time left."""

    def __init__(self, transport: Transport, retries: Retries) -> None:
        self.transport, self.retries = transport, retries

    def with_retries(self, retries: Retries) -> Engine:
        """An engine with other times, on the same connections."""
        return type(self)(self.transport, retries)

    def close(self) -> None:
        self.transport.close()

    def perform(self, request: Request, credentials: Credentials) -> Success:
        """Send the request until there is a successful response.

        Raises:
            ApiError: the server refused the request.
            NoAnswer: there was no answer before the deadline.
            UnexpectedAnswer: something else than the API answered.
        """
        end = time.monotonic() + self.retries.deadline + request.patience
        while True:
            try:
                return self.attempt(request, credentials, end)
            except Failure as failure:
                delay = self.delay_after(failure, request, end)
                if delay is None:
                    raise request.marked(failure.error) from failure.__cause__
                time.sleep(delay)

    def attempt(self, request: Request, credentials: Credentials, end: float) -> Success:
        """Send the request once.

        Raises:
            Failure: another try may succeed.
            ApiError: none can.
            NoAnswer: the certificate of the server is not trusted.
        """
        request.tries += 1
        longest = self.retries.timeout + request.patience
        timeout = max(0.001, min(longest, end - time.monotonic()))
        headers = {**request.headers, "Authorization": f"Bearer {credentials.current()}"}
        if request.key is not None:
            headers["Idempotency-Key"] = quoted(request.key)
        try:
            response = self.transport.exchange(
                request.method,
                request.target,
                request.body,
                headers,
                timeout=timeout,
                is_fresh=not request.is_repeatable,
            )
        except NotTrusted as error:
            raise request.marked(NoAnswer(str(error))) from error
        except NotSent as error:
            raise Failure(NoAnswer(str(error)), is_undone=True) from error
        except Broken as error:
            raise Failure(NoAnswer(str(error)), is_undone=False) from error
        if response.status in SUCCESS:
            return success_of(response)
        raise self.refusal(response, request, credentials)

    def refusal(self, response: Response, request: Request, credentials: Credentials) -> Exception:
        """What a response that is no success raises: a `Failure`, if another try may succeed."""
        error = problem_of(response)
        if error is None:
            unexpected = UnexpectedAnswer(
                f"status {response.status} without a problem document",
                response.status,
                response.content,
            )
            if response.status not in OF_PROXIES:
                return request.marked(unexpected)
            is_undone = response.status in UNDONE
            return Failure(unexpected, is_undone=is_undone, delay=seconds(response))
        if error.status == 503:
            is_undone = error.code != "outcome_unknown"
            return Failure(error, is_undone=is_undone, delay=error.retry_after)
        if error.status == 500:
            return Failure(error, is_undone=False, is_bug=True)
        if error.status == 401 and not request.is_renewed and credentials.renew():
            request.is_renewed = True
            return Failure(error, is_undone=True, delay=0.0)
        return request.marked(error)

    def delay_after(self, failure: Failure, request: Request, end: float) -> float | None:
        """How long to wait before the next try; None: there is none."""
        request.is_outcome_unknown |= not failure.is_undone
        request.bugs += failure.is_bug
        if not (failure.is_undone or request.is_repeatable):
            return None
        if request.bugs >= self.retries.most_bugs:
            return None
        delay = self.retries.delay(request.tries, failure.delay)
        return delay if time.monotonic() + delay < end else None


def quoted(key: str) -> str:
    """The key as a header.

    Raises:
        ValueError: it is empty, too long, or has other characters than printable ASCII.
    """
    if not 1 <= len(key) <= 255 or not (key.isascii() and key.isprintable()):
        raise ValueError("an idempotency key has 1 to 255 printable ASCII characters")
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parsed(content: bytes) -> Any:
    """JSON without floats."""
    return json.loads(content, parse_float=Decimal)


def success_of(response: Response) -> Success:
    """Read a successful response.

    Raises:
        Failure: it is no JSON, so something else than the API has answered.
    """
    try:
        data = parsed(response.content)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        error = UnexpectedAnswer("the answer is not JSON", response.status, response.content)
        raise Failure(error, is_undone=False)
    return Success(data, meta_of(response), response.headers.get("x-write-token"))


def problem_of(response: Response) -> ApiError | None:
    """The exception of a problem document; None: the response has none."""
    try:
        problem = parsed(response.content)
    except ValueError:
        return None
    if not isinstance(problem, dict) or not problem.keys() >= set(MEMBERS):
        return None
    by_status = BY_STATUS.get(response.status, ApiError)
    class_ = BY_CODE.get(str(problem["code"]), by_status)
    if not issubclass(class_, by_status):
        class_ = by_status
    error = class_(problem, facts_of(class_, problem))
    error.retry_after = seconds(response)
    return error


def facts_of(class_: type[ApiError], problem: Mapping[str, Any]) -> Any:
    facts = problem.get("conflict")
    if class_.facts is None or facts is None:
        return facts
    try:
        return decode(class_.facts, facts)
    except WrongShape:
        return facts  # the code of the error matters more


def seconds(response: Response) -> float | None:
    """`Retry-After` in seconds; None: it is missing, or a date of a proxy."""
    value = response.headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdigit() else None


def meta_of(response: Response) -> Meta:
    headers = response.headers
    as_of = headers.get("x-as-of")
    return Meta(
        status=response.status,
        etag=headers.get("etag"),
        location=headers.get("location"),
        request_id=headers.get("x-request-id"),
        is_replayed=headers.get("idempotent-replayed") == "true",
        as_of=datetime.fromisoformat(as_of) if as_of else None,
        is_sandbox=headers.get("x-sandbox") == "true",
    )
