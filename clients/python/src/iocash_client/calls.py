"""What all generated methods do: read, list, create, change."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from iocash_client.credentials import Credentials
from iocash_client.engine import Engine, Request, new_key
from iocash_client.pages import Pages
from iocash_client.problems import ApiError, Conflict
from iocash_client.shapes import (
    Answer,
    Body,
    Id,
    Meta,
    Unset,
    WrongShape,
    decode,
    encode,
    json_name,
    text,
)

A = TypeVar("A", bound=Answer)

VERSION: Final = "0.1.0"

Version = str | Answer
"""What a change depends on: an answer with an `ETag`, an `ETag`, or `"*"`."""


class WriteTokens:
    """The token of the last write, with which reads of a replica see it.

    A thread reads after its own last write; a thread that wrote nothing, after that of any.
    """

    def __init__(self) -> None:
        self.last: str | None = None
        self._own = threading.local()

    def store(self, token: str) -> None:
        self.last = self._own.token = token

    def current(self) -> str | None:
        own: str | None = getattr(self._own, "token", None)
        return own or self.last


class Calls:
    """The base of the generated methods.

    Every method raises `ApiError` with a class for each code, or `NoAnswer`.
    """

    def __init__(self, engine: Engine, credentials: Credentials, language: str | None) -> None:
        self._engine, self._credentials = engine, credentials
        self._tokens = WriteTokens()
        self._headers = {
            "Accept": "application/json",
            "User-Agent": f"iocash-client-python/{VERSION}",
        }
        if language is not None:
            self._headers["Accept-Language"] = language

    def _read(self, path: str, answer: type[A], filters: Mapping[str, Any] | None = None) -> A:
        return decode(answer, *self._fetch(path, named(filters or {})))

    def _list(self, path: str, name: str, item: type[A], filters: Mapping[str, Any]) -> Pages[A]:
        return Pages(lambda asked: self._fetch(path, asked), named(filters), name, item)

    def _create(
        self,
        path: str,
        answer: type[A],
        body: Body | None,
        *,
        key: str | None = None,
        is_keyed: bool = True,
    ) -> A:
        """POST. The key is made before the first try, and is the same in all tries."""
        request = self._request("POST", path, body)
        if is_keyed:
            request.key = new_key() if key is None else key
        request.is_repeatable = is_keyed
        return self._answer(request, answer)

    def _dry_run(self, path: str, answer: type[A], body: Body | None) -> A:
        return self._answer(self._request("POST", f"{path}?dryRun=true", body), answer)

    def _change(
        self,
        method: str,
        path: str,
        answer: type[A],
        body: Body,
        *,
        if_match: Version | None = None,
        is_new: bool = False,
    ) -> A:
        """PUT or PATCH. Both set what they say, so all tries together do it once."""
        request = self._request(method, path, body)
        if if_match is not None:
            request.headers["If-Match"] = etag_of(if_match)
        if is_new:
            request.headers["If-None-Match"] = "*"
        try:
            return self._answer(request, answer)
        except Conflict as error:
            if not (
                error.is_outcome_unknown and error.code in ("version_conflict", "already_exists")
            ):
                raise
            return self._own_change(error, path, answer, encode(body))

    def _own_change(self, error: Conflict, path: str, answer: type[A], sent: Any) -> A:
        """Return the resource if an earlier try, whose answer was lost, is what conflicts.

        Raises:
            Conflict: the resource has other values than were sent.
        """
        try:
            data, meta = self._fetch(path, {})
        except ApiError:
            raise error from None
        if any(name not in data or data[name] != value for name, value in sent.items()):
            raise error
        return decode(answer, data, meta)

    def _fetch(self, path: str, filters: Mapping[str, Any]) -> tuple[dict[str, Any], Meta]:
        query = query_of(filters)
        request = self._request("GET", f"{path}?{query}" if query else path)
        if token := self._tokens.current():
            request.headers["X-Read-After"] = token
        wait = filters.get("wait")
        request.patience = float(wait) if isinstance(wait, int) else 0.0
        success = self._engine.perform(request, self._credentials)
        return success.data, success.meta

    def _answer(self, request: Request, answer: type[A]) -> A:
        success = self._engine.perform(request, self._credentials)
        if success.write_token:
            self._tokens.store(success.write_token)
        try:
            return decode(answer, success.data, success.meta)
        except WrongShape as error:
            error.key = request.key  # it was executed
            raise

    def _request(self, method: str, target: str, body: Body | None = None) -> Request:
        request = Request(method, target, headers=dict(self._headers))
        if method != "GET":
            request.body = json.dumps({} if body is None else encode(body)).encode()
            request.headers["Content-Type"] = "application/json"
        return request


def named(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by their names in the API."""
    return {json_name(name): value for name, value in filters.items()}


def etag_of(version: Version) -> str:
    """The `If-Match` of a version.

    Raises:
        ValueError: the answer has no `ETag`.
    """
    if isinstance(version, str):
        return version
    if version.meta.etag is None:
        raise ValueError(f"a {type(version).__name__} has no ETag")
    return version.meta.etag


def part(value: Id) -> str:
    """A part of a path.

    Raises:
        ValueError: it is empty, so the path would be that of another resource.
    """
    if not (shown := str(value)) or shown in (".", ".."):
        raise ValueError(f"{shown!r} is not an id")
    return quote(shown, safe="")


def query_of(filters: Mapping[str, Any]) -> str:
    """A query string: several values with commas, and `metadata[key]=value`."""
    pairs = []
    for name, value in filters.items():
        if value is None or isinstance(value, Unset):
            continue
        if isinstance(value, Mapping):
            pairs += [(f"{name}[{key}]", text(each)) for key, each in value.items()]
        elif isinstance(value, list | tuple | set | frozenset):
            pairs.append((name, ",".join(map(text, value))))
        else:
            pairs.append((name, text(value)))
    return urlencode(pairs)
