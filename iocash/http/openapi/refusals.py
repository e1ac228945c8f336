"""What an operation can refuse with: the codes, and the responses that operations share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http import HTTPStatus
from itertools import groupby
from typing import Any

from iocash import errors
from iocash.http.openapi.headers import STATUS_HEADERS, header_references
from iocash.http.parsing import BODIES
from iocash.http.rendering import JSON

Json = dict[str, Any]
Kind = type[errors.Refused]


def refusals(view: Any, method: str, path: str) -> list[Kind]:
    """Everything that an operation can refuse with, sorted by status and code."""
    kinds = {*_by_rule(view, method, path), *view.operations[method].refuses}
    return sorted(kinds, key=lambda kind: (kind.status, kind.code))


def _by_rule(view: Any, method: str, path: str) -> Iterator[Kind]:
    yield from (errors.InvalidHost, errors.NotAcceptable, errors.InvalidParameters)
    yield errors.InternalError
    if method in BODIES:
        yield from (errors.InvalidJson, errors.InvalidFields, errors.UnsupportedMediaType)
        yield from (errors.LengthRequired, errors.BodyTooLarge, errors.BodyInterrupted)
    if takes_key(view, method):
        yield errors.InvalidHeader
        yield errors.IdempotencyKeyReused
    if method == "PUT" or view.operations[method].reads_replica:
        yield errors.InvalidHeader
    if takes_if_match(view, method):
        yield from (errors.InvalidHeader, errors.VersionConflict)
    if "{" in path:
        yield errors.NotFound
    if view.authentication_classes:
        yield from _of_callers(method)


def _of_callers(method: str) -> Iterator[Kind]:
    yield from (errors.NotAuthenticated, errors.InvalidCredentials)
    yield from (errors.CredentialsExpired, errors.CredentialsRevoked)
    yield from (
        errors.HttpsRequired,
        errors.ClientSuspended,
        errors.InsufficientScope,
        errors.PermissionDenied,
    )
    yield from (errors.DatabaseUnavailable, errors.LockTimeout, errors.StatementTimeout)
    yield errors.RateLimited
    if method in BODIES:
        yield from (errors.CsrfFailed, errors.OutcomeUnknown)


def takes_key(view: Any, method: str) -> bool:
    """Return whether the operation reads an Idempotency-Key."""
    return bool(view.operations[method].keyed)


def takes_if_match(view: Any, method: str) -> bool:
    """Return whether the operation reads `If-Match`."""
    changes = method in {"PATCH", "PUT"} or view.operations[method].conditional
    return changes and bool(view.versioned)


def responses(kinds: list[Kind]) -> Json:
    """The responses of refusals, by status."""
    grouped = groupby(kinds, key=lambda kind: kind.status)
    return {str(status): _response(status, list(group)) for status, group in grouped}


def _response(status: int, kinds: list[Kind]) -> Json:
    codes = ", ".join(f"`{kind.code}`" for kind in kinds)
    known = "X-Request-Id", "X-Sandbox", *STATUS_HEADERS.get(status, ())
    waits = ("Retry-After",) if errors.OtpTooSoon in kinds else ()
    return {
        "description": f"{HTTPStatus(status).phrase}: {codes}.",
        "headers": header_references([*known, *waits]),
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
        "x-codes": [kind.code for kind in kinds],
    }


def share_refusals(paths: Json) -> Json:
    """Describe each refusal once: operations refer to it. Return all of them, by name."""
    shared: Json = {}
    for operation in (each for methods in paths.values() for each in methods.values()):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                name = refusal_name(int(status), response["x-codes"])
                shared[name] = response
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return dict(sorted(shared.items()))


def refusal_name(status: int, codes: list[str]) -> str:
    """Name a refusal by its codes: the same codes always have the same name."""
    if len(codes) == 1:
        return f"{status}-{codes[0]}"
    return f"{status}-{hashlib.sha256(' '.join(codes).encode()).hexdigest()[:8]}"
