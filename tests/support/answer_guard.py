"""Watches every answer of every test: what the contract does not know fails the test.

As middleware it sees what tests ask by whatever way: Django's client, a live server, a browser.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from iocash import errors
from iocash.errors import conflicts
from iocash.http import problems
from iocash.http.rendering import JSON

STATUSES = frozenset({200, 201, 202, 400, 401, 403, 404, 409, 500, 503})
PAGES = ("/api/docs",)
"""What is for people, below the API's own paths."""

METRICS = "/metrics"
"""Its answer is text for Prometheus; its refusals are the API's."""

findings: list[str] = []
"""What was answered since the last test, and should not have been."""


class Guard:
    """The outermost middleware of the tests."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_text = request.path == METRICS and response.status_code == 200
        if problems.is_api(request.path) and not (request.path.startswith(PAGES) or is_text):
            findings.extend(
                f"{request.method} {request.path}: {words}" for words in wrong(response)
            )
        return response


def wrong(response: HttpResponseBase) -> list[str]:
    """Say in words what the contract does not know of an answer."""
    if isinstance(response, problems.PageWithoutSlash):
        return []  # only browsers get it
    status, kind = response.status_code, response.headers.get("Content-Type", "")
    found = [] if status in STATUSES else [f"the status {status} is none of the ten"]
    if getattr(getattr(response, "accepted_renderer", None), "format", "") == "api":
        return found  # a page of the browsable API, for who asked for it
    content: bytes = getattr(response, "content", b"")
    if kind != JSON or not content:
        return [*found, f"{kind or 'nothing'} is not {JSON}"]
    if response.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    body = json.loads(content)
    if not isinstance(body, dict):
        found.append("the body is no object")
    elif status >= 400:
        found += wrong_error(body, status)
    return found


def wrong_error(body: dict[str, object], status: int) -> list[str]:
    kind = errors.REGISTRY.get(str(body.get("code")))
    if kind is None:
        return [f"{body.get('code')} is no registered code"]
    found = [] if kind.status == body.get("status") == status else [f"{kind.code} is {kind.status}"]
    if ("conflict" in body) is not (status == 409):
        found.append("a 409 has a conflict, and nothing else has")
    conflict = body.get("conflict")
    if kind is errors.LimitExceeded and not (isinstance(conflict, dict) and is_limit(conflict)):
        found.append(f"limit_exceeded has another conflict: {conflict}")
    return found


def is_limit(conflict: dict[str, object]) -> bool:
    """Whether a limit has the one shape of limits: its type, its owner, its amounts."""
    amounts = [conflict.get(name) for name in ("limit", "used", "requested")]
    return (
        len({"userId", "walletId"} & set(conflict)) == 1
        and conflict.get("limitType") in conflicts.LIMITS
        and all(re.fullmatch(r"\d+(\.\d+)?", str(amount)) for amount in amounts)
        and all(isinstance(each, str) for each in (*amounts, conflict.get("currency")))
        and "resetsAt" in conflict
    )
