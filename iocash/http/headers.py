"""The headers of a request: its idempotency key, its conditions, and the type of its body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils.http import parse_header_parameters

from iocash import errors

KEY = re.compile(r"[\x20-\x7e]{1,255}")
ENTITY_TAG = re.compile(r'(W/)?"[\x21\x23-\x2b\x2d-\x7e]*"')
QUOTED_KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')


class Utf8Request(WSGIRequest):
    """A request whose text is UTF-8, regardless of its Content-Type.

    Django would decode the query with the charset of the Content-Type, and crash on an unknown one.
    `parsing` checks the Content-Type and refuses wrong ones.
    """

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        self.content_type, self.content_params = "", {}
        with suppress(ValueError):
            content_type = meta.get("CONTENT_TYPE", "")
            self.content_type, self.content_params = parse_header_parameters(content_type)


def idempotency_key(request: HttpRequest) -> str | None:
    """Read the Idempotency-Key, bare or quoted as in the IETF draft; both are the same key.

    Raises:
        errors.InvalidHeader: it is empty, longer than 255, or not printable ASCII.
    """
    given: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if given is None:
        return None
    key = given.strip()
    if key.startswith('"'):
        quoted = QUOTED_KEY.fullmatch(key)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if not KEY.fullmatch(key):
        raise errors.InvalidHeader(header="Idempotency-Key")
    return key


class Existence(NamedTuple):
    """Whether a PUT can create a missing resource, and replace an existing one."""

    creates: bool
    replaces: bool


def existence(request: HttpRequest) -> Existence:
    """Read `If-None-Match: *` (create only) and `If-Match` (replace only).

    Raises:
        errors.InvalidHeader: `If-None-Match` is something other than `*`.
    """
    none_match: str | None = request.META.get("HTTP_IF_NONE_MATCH")
    if none_match is not None and none_match.strip() != "*":
        raise errors.InvalidHeader(header="If-None-Match")
    return Existence(creates="HTTP_IF_MATCH" not in request.META, replaces=none_match is None)


def if_match(request: HttpRequest) -> frozenset[str] | None:
    """Read the versions in `If-Match`, without quotes; None accepts any.

    Weak ones are left out, because they never match (RFC 9110, 13.1.1).

    Raises:
        errors.InvalidHeader: it is neither `*` nor a list of entity-tags.
    """
    given: str | None = request.META.get("HTTP_IF_MATCH")
    if given is None or given.strip() == "*":
        return None
    tags = [tag.strip() for tag in given.split(",")]
    if not all(ENTITY_TAG.fullmatch(tag) for tag in tags):
        raise errors.InvalidHeader(header="If-Match")
    return frozenset(tag.strip('"') for tag in tags if tag.startswith('"'))
