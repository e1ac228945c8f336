"""HTTP on connections that are kept and shared by threads. It sends once, and never retries."""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

LONGEST_IDLE: Final = 15.0
"""Seconds after which an unused connection is not used again: servers and proxies close it."""
MOST_IDLE: Final = 64
"""How many unused connections are kept."""
PIECE: Final = 65536


class NotSent(Exception):
    """There was no connection: the server has not seen the request."""


class NotTrusted(NotSent):
    """The certificate of the server is not trusted, or is one of another host."""


class Broken(Exception):
    """The connection ended before the whole answer was there: the outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response with its whole content. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(slots=True)
class Idle:
    """A connection that nobody uses, and since when."""

    connection: HTTPConnection
    since: float


class Transport:
    """Connections to one server.

    Raises:
        ValueError: the URL is none of a server, or credentials would travel unencrypted.
    """

    def __init__(self, url: str, *, context: ssl.SSLContext | None, allow_http: bool) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query:
            raise ValueError(f"{url!r} is not the URL of a server")
        if parts.username is not None or parts.fragment:
            raise ValueError("the URL has a user name, a password or a fragment")
        if parts.scheme == "http" and not (allow_http or is_loopback(parts.hostname)):
            raise ValueError("over http others can read the API key; use https, or allow_http=True")
        self.host, self.port = parts.hostname, parts.port
        self.prefix = parts.path.rstrip("/")
        self.is_encrypted = parts.scheme == "https"
        self.context = context
        self._idle: deque[Idle] = deque()
        self._process = os.getpid()
        weakref.finalize(self, close_all, self._idle)

    def exchange(
        self,
        method: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        timeout: float,
        is_fresh: bool = False,
    ) -> Response:
        """Send a request and read the response, in `timeout` seconds. `is_fresh`: don't reuse.

        Raises:
            NotSent: there was no connection.
            Broken: the connection broke or the time was over; the outcome is unknown.
        """
        end = time.monotonic() + timeout
        connection = self._connection(timeout, is_fresh=is_fresh)
        is_reusable = False
        try:
            connection.request(method, self.prefix + target, body, dict(headers))
            response, is_reusable = received(connection, end)
        except (OSError, HTTPException) as error:
            raise Broken(f"{type(error).__name__}: {error}") from error
        finally:
            if is_reusable:
                self._keep(connection)
            else:
                connection.close()
        return response

    def close(self) -> None:
        """Close the unused connections."""
        close_all(self._idle)

    def _connection(self, timeout: float, *, is_fresh: bool) -> HTTPConnection:
        while not is_fresh and (kept := self._take()):
            if kept.sock is not None and not is_readable(kept.sock):
                kept.sock.settimeout(timeout)
                return kept
            kept.close()
        return self._connect(timeout)

    def _take(self) -> HTTPConnection | None:
        if self._process != os.getpid():  # a fork: the connections are those of the parent
            self._idle.clear()
            self._process = os.getpid()
        try:
            last = self._idle.pop()
        except IndexError:
            return None
        if time.monotonic() - last.since < LONGEST_IDLE:
            return last.connection
        last.connection.close()
        self.close()  # the others are older
        return None

    def _keep(self, connection: HTTPConnection) -> None:
        self._idle.append(Idle(connection, time.monotonic()))
        if len(self._idle) > MOST_IDLE:
            close_all(self._idle)

    def _connect(self, timeout: float) -> HTTPConnection:
        connection: HTTPConnection
        if self.is_encrypted:
            self.context = self.context or ssl.create_default_context()
            connection = HTTPSConnection(
                self.host, self.port, timeout=timeout, context=self.context
            )
        else:
            connection = HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise NotTrusted(str(error)) from error
        except (OSError, HTTPException) as error:
            connection.close()
            raise NotSent(f"{type(error).__name__}: {error}") from error
        return connection


def close_all(idle: deque[Idle]) -> None:
    with suppress(IndexError):  # other threads take from it too
        while True:
            idle.pop().connection.close()


def received(connection: HTTPConnection, end: float) -> tuple[Response, bool]:
    """Read a response; also return whether the connection can be used again.

    Raises:
        OSError: the connection broke, or the time is over.
        HTTPException: the response is not HTTP, or incomplete.
    """
    wait_at_most(connection.sock, end)
    pieces = []
    try:
        answer = connection.getresponse()
        while piece := answer.read1(PIECE):
            pieces.append(piece)
            if not answer.isclosed():
                wait_at_most(connection.sock, end)
    except ValueError as error:
        raise HTTPException(f"not HTTP: {error}") from error
    if answer.length:
        raise HTTPException(f"{answer.length} bytes are missing")
    headers = {name.lower(): value for name, value in answer.getheaders()}
    is_reusable = not answer.will_close and connection.sock is not None
    answer.close()
    return Response(answer.status, headers, b"".join(pieces)), is_reusable


def wait_at_most(sock: socket.socket | None, end: float) -> None:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    if sock is not None:
        sock.settimeout(left)


def is_readable(sock: socket.socket) -> bool:
    """Tell whether something arrives on an unused connection: its end, as a rule."""
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
