"""Identity providers: each begins a verification and names the page to send the user to.

`IDENTITY_PROVIDER` chooses one. `demo` is a page of this server, in sandboxes only. `http` is any
provider that speaks the protocol of `docs/operations/identity-provider.md`.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Timer
from typing import ClassVar, Final, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from iocash import errors
from iocash.db.sandbox import is_sandbox
from users import signatures

logger = logging.getLogger(__name__)

PATIENCE: Final = 5.0
"""Seconds to wait for a provider, in all."""
MOST_AT_ONCE: Final = 4
"""Requests of a process that wait for a provider; others get 503 at once."""
LARGEST: Final = 64 * 1024
"""Bytes of an answer that are read."""
URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
    r"([/?#][A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?"
)
"""An absolute URL without credentials. Every parser finds the same host in it."""
LONGEST_URL: Final = 2000
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a provider gets to begin a verification."""

    verification_id: uuid.UUID
    first_name: str
    last_name: str
    success_url: str
    failure_url: str
    origin: str
    """The scheme and host of this server, as the client called it."""


class ProviderSession(NamedTuple):
    """A verification at a provider: its id there, and the page of the user."""

    reference: str
    url: str


class Provider:
    """Begins verifications. What it decides arrives at `users.kyc.identity.decide`."""

    name: ClassVar[str]

    def begin(self, request: Beginning) -> ProviderSession:
        """Begin a verification. No transaction is open.

        Raises:
            NoIdentityProvider: it works in sandboxes only, and this is none.
            IdentityProviderUnavailable: it can't be reached, or its answer is wrong.
            Overloaded: too many requests wait for it.
        """
        raise NotImplementedError


class DemoProvider(Provider):
    """A page of this server on which the user chooses the outcome."""

    name = "demo"

    def begin(self, request: Beginning) -> ProviderSession:
        if not is_sandbox():
            raise errors.NoIdentityProvider()
        id_ = str(request.verification_id)
        return ProviderSession(id_, f"{request.origin}/identity/{id_}")


class HttpProvider(Provider):
    """A server that gets a signed POST, and sends signed callbacks."""

    name = "http"
    places: ClassVar = BoundedSemaphore(MOST_AT_ONCE)

    def begin(self, request: Beginning) -> ProviderSession:
        if not self.places.acquire(blocking=False):
            raise errors.Overloaded()
        try:
            return self.session(self.ask(request))
        except (OSError, http.client.HTTPException, ValueError) as error:
            logger.error("identity provider: %s: %s", type(error).__name__, error)
            raise errors.IdentityProviderUnavailable() from None
        finally:
            self.places.release()

    def ask(self, request: Beginning) -> bytes:
        """Send the request; return the body of a successful answer.

        Raises:
            OSError, HTTPException, ValueError: there is none in time.
        """
        body = json.dumps(
            {
                "verificationId": str(request.verification_id),
                "firstName": request.first_name,
                "lastName": request.last_name,
                "successUrl": request.success_url,
                "failureUrl": request.failure_url,
            }
        ).encode()
        id_ = str(request.verification_id)
        signed = signatures.signed_headers(settings.IDENTITY_SECRET[0], id_=id_, body=body)
        url = urlsplit(settings.IDENTITY_URL)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=PATIENCE)
        until = time.monotonic() + PATIENCE
        end = Timer(PATIENCE, cut, [connection])  # a timeout is for each read
        end.start()
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            connection.request("POST", target, body, headers | signed)
            answer = connection.getresponse()
            if answer.status not in {200, 201}:
                raise ValueError(f"status {answer.status}")
            return b"".join(pieces(answer, until))
        finally:
            end.cancel()
            connection.close()

    def session(self, body: bytes) -> ProviderSession:
        """Read an answer.

        Raises:
            ValueError: it is not what the protocol says.
        """
        said = json.loads(body)
        if not isinstance(said, dict):
            raise ValueError("no object")
        reference, url = said.get("reference"), said.get("url")
        if not isinstance(reference, str) or not re.fullmatch(r"[!-~]{1,100}", reference):
            raise ValueError("no reference")
        if not isinstance(url, str) or not is_safe_url(url, http_on_loopback=is_on_loopback()):
            raise ValueError("no url")
        return ProviderSession(reference, url)


def cut(connection: http.client.HTTPConnection) -> None:
    """End a connection that another thread waits for."""
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def pieces(answer: http.client.HTTPResponse, until: float) -> Iterator[bytes]:
    """Read an answer in pieces, until a time and up to a size (OSError, ValueError)."""
    size = 0
    while piece := answer.read1(LARGEST):
        size += len(piece)
        if size > LARGEST:
            raise ValueError("too large")
        if time.monotonic() > until:
            raise TimeoutError
        yield piece


PROVIDERS: Final[dict[str, Provider]] = {
    each.name: each for each in (DemoProvider(), HttpProvider())
}


def chosen() -> Provider:
    """The provider of the settings.

    Raises:
        NoIdentityProvider: there is none.
    """
    provider = PROVIDERS.get(settings.IDENTITY_PROVIDER)
    if provider is None:
        raise errors.NoIdentityProvider()
    return provider


def is_safe_url(url: str, *, http_on_loopback: bool) -> bool:
    """Tell whether a URL is https, or http on this machine where that is allowed."""
    found = URL.fullmatch(url)
    if found is None or len(url) > LONGEST_URL or not has_valid_port(url):
        return False
    if found["scheme"] == "https":
        return True
    return http_on_loopback and found["host"].lower() in LOOPBACK


def has_valid_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def is_on_loopback() -> bool:
    """Whether the provider itself is on this machine, as in tests."""
    return urlsplit(settings.IDENTITY_URL).scheme == "http"


def wrong_identity_settings() -> Iterator[str]:
    """Say, a sentence each, what is wrong in the settings. Secrets are not quoted."""
    name = settings.IDENTITY_PROVIDER
    if name and name not in PROVIDERS:
        yield f"IDENTITY_PROVIDER must be one of {', '.join(PROVIDERS)}, or empty; not {name!r}."
    if name != HttpProvider.name:
        return
    if not is_safe_url(settings.IDENTITY_URL, http_on_loopback=True):
        yield "IDENTITY_PROVIDER=http needs an https URL in IDENTITY_URL (http on loopback only)."
    if not settings.IDENTITY_SECRET:
        yield "IDENTITY_PROVIDER=http needs IDENTITY_SECRET."
    for secret in settings.IDENTITY_SECRET:
        try:
            signatures.secret_bytes(secret)
        except ValueError as error:
            yield f"IDENTITY_SECRET is wrong: {error}."
