"""Parses bodies: one JSON object in UTF-8, strictly, and without floats."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils.datastructures import MultiValueDict
from django.utils.http import parse_header_parameters
from rest_framework import request as drf
from rest_framework.parsers import BaseParser

from iocash import errors
from iocash.errors import Message
from iocash.http.rendering import JSON, JSONRenderer

BODIES = frozenset({"POST", "PUT", "PATCH"})
"""The methods whose body is read; a body on any other is ignored."""

DEEPEST = 64
"""The deepest nesting of arrays and objects."""

LONGEST_NUMBER = 400
"""The most characters of a number."""

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (Unicode Cc) and halves of surrogate pairs."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as its text; each field parses it."""

    literal: str


class Request(drf.Request):
    """A DRF request that looks at the body's headers before it reads the body."""

    def _authenticate(self) -> None:
        try:
            super()._authenticate()  # type: ignore[misc]
        except errors.Refused:
            # As DRF does for its own exceptions: a page that shows the refusal asks for the user.
            self._not_authenticated()  # type: ignore[attr-defined]
            raise

    def _load_data_and_files(self) -> None:
        # What is set first stays when the body is refused: the browsable API shows the refusal on
        # a page that asks for `data` again.
        self._files: MultiValueDict[str, Any] = MultiValueDict()
        self._data: Any = {}
        self._full_data: Any = self._data
        self._data = self._full_data = self._object()

    def _object(self) -> dict[str, Any]:
        wrapped: HttpRequest = self._request
        if wrapped.method not in BODIES:
            return {}
        if wrapped.META.get("HTTP_TRANSFER_ENCODING"):
            raise errors.LengthRequired()
        declared = self.parser_context["view"].operations.get(wrapped.method)
        length = content_length(wrapped)
        if not length:
            return _nothing(optional=declared is not None and declared.body_optional)
        check_media_type(self.content_type or "")
        limit = (declared and declared.max_body_bytes) or settings.MAX_BODY_BYTES
        if length > limit:
            raise errors.BodyTooLarge(limit=limit)
        return parse_json(read_body(wrapped, length))


class JSONObjectParser(BaseParser):
    """What DRF and the OpenAPI document know of `parse`."""

    media_type = JSON
    renderer_class = JSONRenderer

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        check_media_type(media_type or JSON)
        return parse_json(stream.read())


def content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _nothing(*, optional: bool) -> dict[str, Any]:
    if not optional:
        raise errors.InvalidJson("The body is empty; send a JSON object.")
    return {}


def check_media_type(content_type: str) -> None:
    """Let JSON in UTF-8 pass.

    Raises:
        errors.UnsupportedMediaType: it is something else, or is not said.
        errors.InvalidJson: it is JSON in another encoding.
    """
    if content_type == JSON:
        return
    try:
        media_type, parameters = parse_header_parameters(content_type)
    except ValueError:
        raise errors.UnsupportedMediaType() from None
    if media_type != JSON:
        raise errors.UnsupportedMediaType()
    charset = parameters.get("charset", "utf-8")
    if charset.lower() not in {"utf-8", "utf8"}:
        raise errors.InvalidJson("The charset in Content-Type must be utf-8.")


def read_body(request: HttpRequest, length: int) -> bytes:
    """Read the whole body.

    Raises:
        errors.BodyInterrupted: the caller went away, or sent less than it had announced.
    """
    try:
        body = request.read(length)
    except (OSError, UnreadablePostError) as exc:
        raise errors.BodyInterrupted() from exc
    if len(body) < length:
        raise errors.BodyInterrupted()
    return bytes(body)


def parse_json(body: bytes) -> dict[str, Any]:
    """Read one JSON object; its numbers become `Number`.

    Raises:
        errors.InvalidJson: it is anything else, said in words.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise errors.InvalidJson(
            Message("The body is not valid UTF-8 at byte {byte}.", byte=exc.start)
        ) from None
    if text.startswith("\ufeff"):
        raise errors.InvalidJson("The body must not begin with a byte order mark.")
    value = _decode(text)
    if not isinstance(value, dict):
        raise errors.InvalidJson(
            Message("The body must be an object, not {kind}.", kind=_kind(value))
        )
    _check_text(value, "", 1)
    return value


def _decode(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as exc:
        words = Message(
            "The body is not valid JSON: {reason} (line {line}, column {column}).",
            reason=_REASONS.get(exc.msg, exc.msg),
            line=exc.lineno,
            column=exc.colno,
        )
        raise errors.InvalidJson(words) from None
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> errors.InvalidJson:
    words = Message("The body is nested deeper than {levels} levels.", levels=DEEPEST)
    return errors.InvalidJson(words)


_REASONS = {
    str(reason): reason
    for reason in (
        Message("Expecting value"),
        Message("Extra data"),
        Message("Expecting property name enclosed in double quotes"),
        Message("Expecting ':' delimiter"),
        Message("Expecting ',' delimiter"),
        Message("Illegal trailing comma before end of object"),
        Message("Illegal trailing comma before end of array"),
        Message("Unterminated string starting at"),
        Message("Invalid control character at"),
        Message("Invalid \\escape"),
        Message("Invalid \\uXXXX escape"),
    )
}
"""What Python's parser says."""

_KINDS = {
    list: Message("an array"),
    str: Message("a string"),
    bool: Message("a boolean"),
    Number: Message("a number"),
}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "null")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        words = Message("The key {key} is repeated in one object.", key=_shown(twice))
        raise errors.InvalidJson(words)
    return result


def _number(literal: str) -> Number:
    if len(literal) > LONGEST_NUMBER:
        words = Message("A number has more than {limit} characters.", limit=LONGEST_NUMBER)
        raise errors.InvalidJson(words)
    return Number(literal)


def _refuse_constant(name: str) -> NoReturn:
    raise errors.InvalidJson(Message("{name} is not valid JSON.", name=name))


# Made once: its hooks are plain functions, so threads may share it (as they share json's own).
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_float=_number,
    parse_int=_number,
    parse_constant=_refuse_constant,
)


def _check_text(value: Any, path: str, depth: int) -> None:
    """Refuse control characters and lone surrogates in texts, at any depth."""
    if isinstance(value, str):
        if UNPRINTABLE.search(value):
            words = Message(
                "{field} has a control character or an unpaired surrogate.", field=path[:200]
            )
            raise errors.InvalidJson(words)
        return
    if depth > DEEPEST and isinstance(value, dict | list):
        raise _too_deep()
    if isinstance(value, dict):
        for key, item in value.items():
            if UNPRINTABLE.search(key):
                words = Message("The key {key} has a control character.", key=_shown(key))
                raise errors.InvalidJson(words)
            _check_text(item, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_text(item, f"{path}[{index}]", depth + 1)


def _shown(key: str) -> str:
    """Quote a caller's key, in ASCII and not endlessly."""
    return json.dumps(key[:60])
