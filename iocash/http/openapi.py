"""The OpenAPI document: what drf-spectacular cannot see by itself, above all the refusals.

A handler declares with `@operation` what it can answer beyond what every operation can; the rest
follows from rules, here. Tests hold the document and the server together.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import groupby
from typing import Any

from drf_spectacular.openapi import AutoSchema as Spectacular

from iocash import errors
from iocash.http import fields
from iocash.http.chapters import chapter
from iocash.http.operations import Operation
from iocash.http.parsing import BODIES
from iocash.http.rendering import JSON, camel

Json = dict[str, Any]
Kinds = Iterator[type[errors.Refused]]


def refusals(view: Any, method: str, path: str) -> list[type[errors.Refused]]:
    """Everything that an operation can refuse with, sorted by status and code."""
    kinds = {*_by_rule(view, method, path), *view.operations[method].refuses}
    return sorted(kinds, key=lambda kind: (kind.status, kind.code))


def _by_rule(view: Any, method: str, path: str) -> Kinds:
    yield from (errors.InvalidHost, errors.NotAcceptable, errors.InvalidParameters)
    yield errors.InternalError
    if method in BODIES:
        yield from (errors.InvalidJson, errors.InvalidFields, errors.UnsupportedMediaType)
        yield from (errors.LengthRequired, errors.BodyTooLarge, errors.BodyInterrupted)
    if takes_key(view, method):
        yield errors.InvalidHeader
        yield errors.IdempotencyKeyReused
    if method == "PUT":
        yield errors.InvalidHeader
    if takes_if_match(view, method):
        yield from (errors.InvalidHeader, errors.VersionConflict)
    if "{" in path:
        yield errors.NotFound
    if view.authentication_classes:
        yield from _of_callers(method)


def _of_callers(method: str) -> Kinds:
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
    return method in {"PATCH", "PUT"} and bool(view.versioned)


class AutoSchema(Spectacular):
    """One operation of a `views.View`."""

    view: Any

    @property
    def declared(self) -> Operation:
        declared: Operation = self.view.operations[self.method]
        return declared

    def get_operation(self, *args: Any, **kwargs: Any) -> Json | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        if takes_key(self.view, self.method):
            operation.setdefault("parameters", []).append(KEY_PARAMETER)
        if takes_if_match(self.view, self.method):
            operation.setdefault("parameters", []).append(IF_MATCH_PARAMETER)
        if self.method == "PUT":
            operation.setdefault("parameters", []).append(IF_NONE_MATCH_PARAMETER)
            if not self.view.versioned:
                operation["parameters"].append(IF_THERE_PARAMETER)
        for parameter in operation.get("parameters", ()):
            if parameter["schema"].get("type") == "array":
                parameter |= {"style": "form", "explode": False}
        if "requestBody" in operation:
            operation["requestBody"]["required"] = not self.declared.body_optional
        for status, response in operation["responses"].items():
            response["headers"] = self._headers(int(status))
        operation["responses"] |= dict(self._refusals())
        return operation

    def _headers(self, status: int) -> Json:
        """Name the headers of an answer; what they are is said once for all operations."""
        names = ["X-Request-Id"]
        if status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
            names.append("Location")
        if self.view.versioned and not self._is_list_view():
            names.append("ETag")
        if self.view.authentication_classes:
            names += RATE_HEADERS
        if status < 300 and takes_key(self.view, self.method):
            names.append("Idempotent-Replayed")
        return _named(names)

    def _refusals(self) -> Iterator[tuple[str, Json]]:
        kinds = refusals(self.view, self.method, self.path)
        for status, group in groupby(kinds, key=lambda kind: kind.status):
            yield str(status), _refusal(status, list(group))

    def get_tags(self) -> list[str]:
        return [chapter(self.view, self.path)]

    def get_auth(self) -> list[Json]:
        if not self.view.authentication_classes:
            return []
        scope = getattr(self.view, "scope", None)
        kind = "read" if self.method == "GET" else "write"
        return [{"bearer": [f"{scope}:{kind}"] if scope else []}]

    def get_override_parameters(self) -> list[Any]:
        return [self.declared.query] if self.declared.query else []

    def get_request_serializer(self) -> Any:
        return (self.declared.body or fields.Serializer)()

    def get_response_serializers(self) -> Any:
        shown = self.declared.answers or self.view.serializer_class or ANY_OBJECT
        usual = HTTPStatus.CREATED if self.method == "POST" else HTTPStatus.OK
        return {str(int(status)): shown for status in self.declared.statuses or (usual,)}

    def _map_serializer(
        self, serializer: Any, direction: Any, bypass_extensions: bool = False
    ) -> Json:
        schema: Json = super()._map_serializer(  # type: ignore[no-untyped-call]
            serializer, direction, bypass_extensions
        )
        if direction == "request":
            schema["additionalProperties"] = False
            schema |= getattr(serializer, "together", {})
        return schema

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}Page"

    def _is_list_view(self, serializer: Any = None) -> bool:
        is_list = bool(self.view.collection) and self.declared.answers is None
        return self.method == "GET" and is_list

    def _get_paginator(self) -> Any:
        paginator = super()._get_paginator()  # type: ignore[no-untyped-call]
        paginator.view = self.view
        return paginator

    def _get_response_for_code(self, *args: Any, **kwargs: Any) -> Json:
        response: Json = super()._get_response_for_code(  # type: ignore[no-untyped-call]
            *args, **kwargs
        )
        status = HTTPStatus(int(args[1]))
        response["description"] = response["description"] or status.phrase
        return response


ANY_OBJECT: Json = {"type": "object", "additionalProperties": True}

KEY_PARAMETER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": (
        "A unique string that you choose for this request. If you retry with the same key, the "
        "request is executed only once: you get what it created, with "
        "`Idempotent-Replayed: true`. 1 to 255 printable ASCII characters, bare or quoted."
    ),
    "schema": {
        "type": "string",
        "pattern": (
            r"^([!#-~]([ -~]{0,253}[!-~])?"
            r'|"([ !#-\[\]-~]|\\["\\]){1,255}")$'
        ),
        "minLength": 1,
        "maxLength": 512,
    },
    "example": "order-1234",
}


IF_MATCH_PARAMETER: Json = {
    "name": "If-Match",
    "in": "header",
    "description": (
        "The `ETag` of the resource as you last read it. If the resource has changed since, "
        "nothing is changed and the response is 409 `version_conflict`. With this header, also as "
        "`*`, PUT only replaces: if the resource does not exist, the response is 404 `not_found`."
    ),
    "schema": {
        "type": "string",
        "pattern": r'^(\*|(W/)?"[!#-+.-~-]*"( ?, ?(W/)?"[!#-+.-~-]*")*)$',
    },
    "example": '"8d3c2f0a"',
}


IF_NONE_MATCH_PARAMETER: Json = {
    "name": "If-None-Match",
    "in": "header",
    "description": (
        "`*`: create only. If the resource exists, nothing is changed and the response is 409 "
        "`already_exists`."
    ),
    "schema": {"type": "string", "enum": ["*"]},
}

IF_THERE_PARAMETER: Json = {
    "name": "If-Match",
    "in": "header",
    "description": (
        "`*`: replace only. If the resource does not exist, the response is 404 `not_found`."
    ),
    "schema": {"type": "string", "enum": ["*"]},
}


def _header(description: str, **schema: Any) -> Json:
    return {"description": description, "schema": {"type": "string", **schema}}


def _named(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusal(status: int, kinds: list[type[errors.Refused]]) -> Json:
    lines = [f"- `{kind.code}`: {_sentence(kind)}{_carried(kind)}" for kind in kinds]
    codes = {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}, codes]}
    known = "X-Request-Id", *STATUS_HEADERS.get(status, ())
    waits = ("Retry-After",) if errors.OtpTooSoon in kinds else ()
    return {
        "description": f"{HTTPStatus(status).phrase}\n\n" + "\n".join(lines),
        "headers": _named([*known, *waits]),
        "content": {JSON: {"schema": schema}},
    }


def _carried(kind: type[errors.Refused]) -> str:
    """Name what a 409 lets its caller see."""
    names = ", ".join(f"`{camel(name)}`" for name in kind.carries)
    return f" `conflict`: {names}." if kind.status == HTTPStatus.CONFLICT else ""


def _sentence(kind: type[errors.Refused]) -> str:
    return " ".join((kind.__doc__ or "").split())


RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
STATUS_HEADERS = {401: ("WWW-Authenticate",), 503: ("Retry-After",)}
HEADERS: Json = {
    "ETag": _header("The version of the resource in the response."),
    "Idempotent-Replayed": _header("`true` if the key was used before.", enum=["true"]),
    "Location": _header("The URL of the resource.", format="uri"),
    "RateLimit-Limit": _header("The allowed requests per second; absent if there is no limit."),
    "RateLimit-Remaining": _header("The requests that are still allowed now."),
    "RateLimit-Reset": _header("Seconds until the full number is allowed again."),
    "Retry-After": _header("Seconds to wait before you retry."),
    "WWW-Authenticate": _header("`Bearer`."),
    "X-Request-Id": _header("The id of this request, also in the log and in errors."),
}

FIELD_ERROR: Json = {
    "type": "object",
    "required": ["field", "code", "detail"],
    "properties": {
        "field": {"type": "string", "examples": ["iban.accountNumber", "movements[3].amount"]},
        "code": {"type": "string", "examples": ["min_value"]},
        "detail": {"type": "string"},
    },
}

ERROR: Json = {
    "description": "The members of RFC 9457, and `code`, which programs use to tell errors apart.",
    "type": "object",
    "required": ["type", "status", "code", "title", "detail", "instance", "requestId"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "description": "Explains the code.",
        },
        "status": {"type": "integer", "enum": [400, 401, 403, 404, 409, 500, 503]},
        "code": {"type": "string", "description": "Stable; for programs."},
        "title": {"type": "string"},
        "detail": {"type": "string", "description": "For people; the text may change."},
        "instance": {"type": "string"},
        "requestId": {"type": "string"},
        "errors": {"type": "array", "items": FIELD_ERROR, "description": "All wrong fields."},
        "conflict": {
            "type": "object",
            "additionalProperties": True,
            "description": "With every 409: the facts that show the cause and help to resolve it.",
        },
    },
}

COMPONENTS: Json = {
    "headers": HEADERS,
    "schemas": {
        "Error": ERROR,
        "Link": {
            "type": "object",
            "required": ["href"],
            "properties": {"href": {"type": "string", "format": "uri"}},
        },
    },
    "securitySchemes": {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": (
                "`Authorization: Bearer <key>`: the client's API key, or a token that the client"
                " signs: a JWT with RS256, whose `kid` names a registered public key."
            ),
        }
    },
}


def without_twins(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Leave out what is said already: `/api/v2/public` is `/api/v1/public`; a hook too."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith("/api/v2/")]


def complete(result: Json, **kwargs: Any) -> Json:
    """Add the components that no serializer describes; a hook of drf-spectacular."""
    components = result.setdefault("components", {})
    for kind, named in COMPONENTS.items():
        components[kind] = dict(sorted((components.get(kind, {}) | named).items()))
    for path, operations in result["paths"].items():
        lead(result["paths"], path, operations.get("post", {}))
    components["responses"] = shared_refusals(result["paths"])
    return result


def shared_refusals(paths: Json) -> Json:
    """Say each refusal once: operations refer to it. Return all of them, by name."""
    said: Json = {}
    for operation in (each for methods in paths.values() for each in methods.values()):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                name = refusal_name(int(status), codes_of(response))
                said[name] = response
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return dict(sorted(said.items()))


def codes_of(response: Json) -> list[str]:
    """The codes that a refusal can have."""
    codes: list[str] = response["content"][JSON]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    return codes


def refusal_name(status: int, codes: list[str]) -> str:
    """Name a refusal by what it says: the same codes have the same name for ever."""
    if len(codes) == 1:
        return f"{status}-{codes[0]}"
    return f"{status}-{hashlib.sha256(' '.join(codes).encode()).hexdigest()[:8]}"


def lead(paths: Json, path: str, post: Json) -> None:
    """Link what a POST makes to how it is read: at the same address with its id behind it."""
    below = next((each for each in paths if re.fullmatch(re.escape(path) + r"/\{\w+\}", each)), "")
    reading = paths.get(below, {}).get("get")
    if not reading:
        return
    *above, own = re.findall(r"\{(\w+)\}", below)
    parameters = {name: f"$request.path.{name}" for name in above} | {own: "$response.body#/id"}
    link = {"operationId": reading["operationId"], "parameters": parameters}
    for status in post.get("responses", {}).keys() & {"201", "202"}:
        post["responses"][status]["links"] = {"read": link}
