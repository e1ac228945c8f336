"""The components that no serializer describes: the error, links, and how callers identify."""

from __future__ import annotations

from typing import Any

from iocash import errors
from iocash.http.openapi.facts import OF_ITEMS, conflict_schemas
from iocash.http.openapi.headers import HEADERS
from iocash.http.serializers import text_of

Json = dict[str, Any]

DESCRIPTION = """E-money wallets: cash in, cash out, transfer, hold.

Amounts are decimal strings in units of the currency, times are RFC 3339 in UTC. A string with
`x-extensible-enum` has one of these values today; new ones may be added, so handle unknown values.
`x-codes` lists the error codes of a response; `ErrorCode` says what each means. The examples come
from real calls, one for each schema; they show few of `_links` and one item of `_embedded`.
Errors are in English or Spanish, as `Accept-Language` prefers."""
LICENSE: Json = {"name": "MIT", "identifier": "MIT"}
SERVERS: list[Json] = [
    {
        "url": "https://{host}",
        "description": "The server of your institution.",
        "variables": {"host": {"default": "iocash.example", "description": "Its host name."}},
    }
]

FIELD_ERROR: Json = {
    "type": "object",
    "description": "One wrong field of a body, or one wrong query parameter.",
    "required": ["field", "code", "detail"],
    "properties": {
        "field": {
            "type": "string",
            "description": "The path of the field in the body, or the name of the parameter.",
            "examples": ["amount", "movements[3].amount"],
        },
        "code": {
            "type": "string",
            "description": "What is wrong, for programs. New codes may be added.",
            "examples": ["min_value"],
        },
        "detail": {
            "type": "string",
            "description": "What is wrong, for people; the text may change.",
            "examples": ["Must be greater than zero."],
        },
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
            "description": "A page that explains the code.",
            "examples": ["https://iocash.example/api/docs/errors#insufficient_funds"],
        },
        "status": {
            "type": "integer",
            "x-extensible-enum": [400, 401, 403, 404, 409, 500, 503],
            "description": "The HTTP status of the response.",
            "examples": [409],
        },
        "code": {"$ref": "#/components/schemas/ErrorCode"},
        "title": {
            "type": "string",
            "description": "The name of the error, for people.",
            "examples": ["Insufficient funds"],
        },
        "detail": {
            "type": "string",
            "description": "What happened and what to do, for people; the text may change.",
            "examples": ["Insufficient funds: 500.00 EUR requested, 87.50 EUR available."],
        },
        "instance": {
            "type": "string",
            "description": "The path of the request.",
            "examples": ["/api/v1/wallets/01980000-0000-7000-8000-000000000001/movements"],
        },
        "requestId": {
            "type": "string",
            "description": "The id of the request, also in `X-Request-Id` and in the server's log.",
            "examples": ["01980000-0000-7000-8000-000000000001"],
        },
        "errors": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/FieldError"},
            "description": "With `invalid_fields` and `invalid_parameters`: all that are wrong.",
        },
        "conflict": {"$ref": "#/components/schemas/Conflict"},
    },
}

LINK: Json = {
    "type": "object",
    "description": "A link to another resource.",
    "required": ["href"],
    "properties": {
        "href": {
            "type": "string",
            "format": "uri",
            "description": "The absolute URL.",
            "examples": [HEADERS["Location"]["example"]],
        }
    },
}
TO_LINK: Json = {"$ref": "#/components/schemas/Link"}
LINKS: Json = {
    "type": "object",
    "description": "Links to this resource (`self`) and to its neighbours, by relation.",
    "additionalProperties": TO_LINK,
}
PAGE_LINKS: Json = {
    "type": "object",
    "description": "Links to this page and to others. The list ends where there is no `next`.",
    "required": ["self", "first", "last"],
    "properties": dict.fromkeys(("self", "first", "last", "next", "prev"), TO_LINK),
}
EVENT_PAGE_LINKS: Json = {
    **PAGE_LINKS,
    "description": "Links to this page and to others. From old to new each page has `resume`: "
    "keep it, and follow it later to read the events that come afterwards.",
    "properties": {**PAGE_LINKS["properties"], "resume": TO_LINK},
}

SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": (
            "`Authorization: Bearer <key>`: the client's API key, or a token that the client"
            " signs: a JWT with RS256, whose `kid` names a registered public key."
        ),
    }
}


def schemas(codes: set[str]) -> Json:
    """The schemas of errors with these codes, and of links."""
    if errors.BatchRefused.code in codes:
        codes |= {kind.code for kind in OF_ITEMS}
    kinds = [errors.REGISTRY[code] for code in sorted(codes)]
    return {
        **conflict_schemas(kinds),
        "Error": ERROR,
        "ErrorCode": {
            "type": "string",
            "description": (
                "Tells errors apart; stable, but new codes may be added.\n\n" + meanings_of(kinds)
            ),
            "x-extensible-enum": sorted(codes),
            "examples": ["insufficient_funds"],
        },
        "FieldError": FIELD_ERROR,
        "Link": LINK,
        "Links": LINKS,
        "PageLinks": PAGE_LINKS,
        "EventPageLinks": EVENT_PAGE_LINKS,
    }


def meanings_of(kinds: list[type[errors.Refused]]) -> str:
    """What each of these codes means, as a list in Markdown."""
    return "\n".join(f"- `{kind.code}`: {' '.join(text_of(kind).split())}" for kind in kinds)
