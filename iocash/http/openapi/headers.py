"""The headers of requests and of responses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

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

READ_AFTER_PARAMETER: Json = {
    "name": "X-Read-After",
    "in": "header",
    "description": ("The `X-Write-Token` of a write that the response must show."),
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{32}$"},
    "example": "AAZVTf3IcYAAAAAAAAAD6QpZb3BhcXVl",
}

ANY = {"type": "string", "pattern": r"^\*$"}
"""A pattern: generators make no names of an enumeration's `*`."""

IF_NONE_MATCH_PARAMETER: Json = {
    "name": "If-None-Match",
    "in": "header",
    "description": (
        "`*`: create only. If the resource exists, nothing is changed and the response is 409 "
        "`already_exists`."
    ),
    "schema": ANY,
    "example": "*",
}

IF_THERE_PARAMETER: Json = {
    "name": "If-Match",
    "in": "header",
    "description": (
        "`*`: replace only. If the resource does not exist, the response is 404 `not_found`."
    ),
    "schema": ANY,
    "example": "*",
}


def _header(description: str, example: Any, **schema: Any) -> Json:
    return {
        "description": description,
        "schema": {"type": "string", **schema},
        "example": example,
    }


def header_references(names: Iterable[str]) -> Json:
    """Refer to headers, which are described once for all operations."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


RATE_HEADERS = ("RateLimit", "RateLimit-Policy")
STATUS_HEADERS = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 503: ("Retry-After",)}
HEADERS: Json = {
    "ETag": _header("The version of the resource in the response.", '"8d3c2f0a"'),
    "Idempotent-Replayed": _header("`true` if the key was used before.", "true", const="true"),
    "Location": _header(
        "The URL of the resource.",
        "https://iocash.example/api/v1/wallets/01980000-0000-7000-8000-000000000001",
        format="uri",
    ),
    "RateLimit": _header(
        "`r` requests are still allowed, and after `t` seconds all. Refused requests count, and "
        "have it too. Absent if there is no limit.",
        '"client";r=49;t=1',
    ),
    "RateLimit-Policy": _header(
        "`q` requests in `w` seconds are allowed. Absent if there is no limit.",
        '"client";q=50;w=1',
    ),
    "Retry-After": _header("Seconds to wait before you retry.", "2"),
    "WWW-Authenticate": _header(
        "A challenge (RFC 6750): `error` is `invalid_token` or `insufficient_scope`; `scope` is "
        "what the operation needs. With 401, and with 403 `insufficient_scope`.",
        'Bearer realm="ioCash", error="invalid_token"',
    ),
    "X-As-Of": _header(
        "The response is from a replica, and shows what was created before this time.",
        "2026-06-30T10:15:30.123Z",
        format="date-time",
    ),
    "X-Request-Id": _header(
        "The id of this request, also in the log and in errors.",
        "01980000-0000-7000-8000-000000000001",
    ),
    "X-Sandbox": _header(
        "`true` on every answer of a sandbox. Absent elsewhere.", "true", const="true"
    ),
    "X-Write-Token": _header(
        "For `X-Read-After` of reads. Absent without a replica.",
        "b3BhcXVl",
    ),
}
