"""The HTTP client of webhooks: one POST over a connection to an address that was checked.

A name is resolved once, and the connection is made to an address that the name resolved to, so that
it can't resolve to another one in between. The certificate is checked for the name. Redirects are
not followed, and answers are not decompressed. All of it together has 15 seconds.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from ipaddress import ip_address
from typing import Any, Final

from users.webhooks.addresses import Address, RefusedAddress, Target, WrongUrl, literal_address

PATIENCE: Final = 15.0
"""Seconds for an attempt in all: name, connection, TLS, request and answer."""
LARGEST: Final = 64 * 1024
"""Bytes of the body of an answer that are read; the rest is cut off with the connection."""
LARGEST_HEAD: Final = 64 * 1024
"""Bytes of the headers of an answer."""
MOST_ADDRESSES: Final = 3
"""Addresses of a name that are tried."""
LONGEST_LIFE: Final = 60.0
"""Seconds after which a connection is closed, so that a new one resolves the name again."""

Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a name, or raises OSError."""


class Failure(StrEnum):
    """Why an attempt failed."""

    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    NAME_NOT_FOUND = "NAME_NOT_FOUND"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    CERTIFICATE_INVALID = "CERTIFICATE_INVALID"
    TLS_FAILED = "TLS_FAILED"
    TIMEOUT = "TIMEOUT"
    ANSWER_INVALID = "ANSWER_INVALID"
    STATUS = "STATUS"


class SendingFailed(Exception):
    """There is no answer."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Reply:
    """What the receiver answered."""

    status: int
    body: bytes
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the resolver of the system (OSError)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


@cache
def usual_context() -> ssl.SSLContext:
    """TLS with the certificates of the system, or those that SSL_CERT_FILE names."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Until:
    """A point in real time, until which all operations of an attempt end."""

    __slots__ = ("end",)

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left.

        Raises:
            TimeoutError: there are none.
        """
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class ReplyBytes(io.RawIOBase):
    """The bytes of one answer. Every read ends with the attempt, not after a time of its own."""

    def __init__(self, sock: socket.socket, until: Until) -> None:
        self.sock = sock
        self.until = until
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.sock.settimeout(self.until.left)
        size = self.sock.recv_into(buffer)
        self.size += size
        if self.size > LARGEST + LARGEST_HEAD + io.DEFAULT_BUFFER_SIZE:
            raise http.client.HTTPException("the answer is too large")
        return size


class Source:
    """What http.client reads an answer from, in the place of a socket."""

    def __init__(self, sock: socket.socket, until: Until) -> None:
        self.reader = ReplyBytes(sock, until)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self.reader)


@dataclass(slots=True)
class Sender:
    """Sends requests to one URL, over a connection that it keeps open. For one thread."""

    url: str
    resolver: Resolver = resolve
    context: ssl.SSLContext = field(default_factory=usual_context)
    patience: float = PATIENCE
    sock: socket.socket | None = None
    opened_at: float = 0.0

    def post(self, headers: dict[str, str], body: bytes) -> Reply:
        """Send one request, and read its answer.

        Raises:
            SendingFailed: there is none.
        """
        until = Until(self.patience)
        try:
            target = Target.of(self.url)
            head = self.head(target, headers, body)
            return self.exchange(target, head + body, until)
        except (WrongUrl, RefusedAddress) as refused:
            raise self.failed(Failure.ADDRESS_REFUSED, str(refused)) from None
        except TimeoutError:
            raise self.failed(Failure.TIMEOUT, f"No answer in {self.patience:g} s.") from None
        except ssl.SSLCertVerificationError as error:
            raise self.failed(Failure.CERTIFICATE_INVALID, error.verify_message) from None
        except ssl.SSLError as error:
            raise self.failed(Failure.TLS_FAILED, error.reason or "TLS failed.") from None
        except socket.gaierror:
            raise self.failed(Failure.NAME_NOT_FOUND, "The name has no address.") from None
        except (http.client.HTTPException, ValueError) as error:
            raise self.failed(Failure.ANSWER_INVALID, type(error).__name__) from None
        except OSError as error:
            text = error.strerror or "The connection was closed."
            raise self.failed(Failure.CONNECTION_FAILED, text) from None

    def failed(self, failure: Failure, text: str) -> SendingFailed:
        self.close()
        return SendingFailed(failure, text)

    def head(self, target: Target, headers: dict[str, str], body: bytes) -> bytes:
        lines = [
            f"POST {target.path} HTTP/1.1",
            f"Host: {target.netloc}",
            "User-Agent: ioCash",
            "Accept-Encoding: identity",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def exchange(self, target: Target, request: bytes, until: Until) -> Reply:
        """Send over the open connection; if the receiver has closed it, over a new one."""
        if self.sock is not None and time.monotonic() - self.opened_at > LONGEST_LIFE:
            self.close()
        if self.sock is not None:
            try:
                return self.send(self.sock, request, until)
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                self.close()
        self.sock = self.connect(target, until)
        self.opened_at = time.monotonic()
        return self.send(self.sock, request, until)

    def send(self, sock: socket.socket, request: bytes, until: Until) -> Reply:
        sock.settimeout(until.left)
        sock.sendall(request)
        response = http.client.HTTPResponse(Source(sock, until), method="POST")  # type: ignore[arg-type]
        try:
            response.begin()
            body = response.read(LARGEST)
            answer = Reply(response.status, body, response.getheader("Retry-After", ""))
            is_over = response.isclosed() and not response.will_close
        finally:
            response.close()
        if not is_over:
            self.close()
        return answer

    def connect(self, target: Target, until: Until) -> socket.socket:
        """Connect to an address of the target, all of whose addresses are allowed."""
        addresses = self.addresses(target, until)
        target.require_allowed(addresses)
        sock = first_connection(addresses[:MOST_ADDRESSES], target.port, until)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.scheme == "http":
                return sock
            sock.settimeout(until.left)
            return self.context.wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise

    def addresses(self, target: Target, until: Until) -> Sequence[Address]:
        """Resolve the name of the target, once.

        Raises:
            OSError: it has no address, or not in time.
            RefusedAddress: an address has a scope: it is of a network of this machine.
        """
        if (address := literal_address(target.host)) is not None:
            return [address]
        found = dict.fromkeys(in_time(self.resolver, target.host, target.port, until))
        try:
            addresses = [ip_address(text) for text in found]
        except ValueError:
            raise RefusedAddress("The address is not public.") from None
        if not addresses:
            raise socket.gaierror
        return addresses

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def first_connection(addresses: Sequence[Address], port: int, until: Until) -> socket.socket:
    """Connect to the first of these addresses that answers (OSError)."""
    *others, last = addresses
    for address in others:
        try:
            return connection_to(address, port, until.left / 2)
        except OSError:
            continue
    return connection_to(last, port, until.left)


def connection_to(address: Address, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect((str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock


def in_time(resolver: Resolver, host: str, port: int, until: Until) -> Sequence[str]:
    """Resolve a name in a thread: a resolver takes no time limit.

    Raises:
        TimeoutError: it takes too long; its thread ends by itself.
        OSError: the resolver's own.
    """
    found: list[Sequence[str] | OSError] = []

    def run() -> None:
        try:
            found.append(resolver(host, port))
        except OSError as error:
            found.append(error)
        except UnicodeError:  # a label of the name is too long
            found.append(socket.gaierror())

    thread = threading.Thread(target=run, daemon=True, name="webhook-name")
    thread.start()
    thread.join(until.left)
    if not found:
        raise TimeoutError
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]
