"""A TCP proxy between a caller and the server that does harm to some requests.

It reads each request completely, and then does what the plan says: it loses the request, or the
answer, or a part of the answer, or it answers itself.
"""

from __future__ import annotations

import json
import random
import socket
import socketserver
import ssl
import struct
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from threading import Event, Lock, Thread
from typing import Any, Self, cast

PATIENCE = 60.0
"""Seconds after which a connection that does nothing more is given up."""


class Fault(StrEnum):
    """What happens to a request."""

    CUT_BEFORE = "the server never gets the request"
    CUT_AFTER = "the server did it, and its answer is lost"
    CUT_WITHIN = "half of the answer arrives"
    STALLED = "the server did it, and nothing arrives until the caller gives up"
    REFUSED = "503 without a problem document, and the server never gets the request"
    OVERLOADED = "503 overloaded, and the server never gets the request"
    UNKNOWN = "503 outcome_unknown, and the server did it"
    GARBLED = "200 of something else, and the server did it"
    BAD_GATEWAY = "502 without a problem document, and the server did it"


UNDONE = {Fault.CUT_BEFORE, Fault.REFUSED, Fault.OVERLOADED}
"""Those where the server does not get the request."""

Plan = Callable[[bytes], Fault | None]
"""Says what happens to a request, by its bytes."""


class Randomly:
    """Does harm to a share of the POST requests: to each kind of fault equally often."""

    def __init__(self, share: float, *faults: Fault, seed: int = 7) -> None:
        self.share, self.faults = share, faults or tuple(Fault)
        self.chance = random.Random(seed)

    def __call__(self, request: bytes) -> Fault | None:
        if not request.startswith(b"POST") or self.chance.random() > self.share:
            return None
        return self.chance.choice(self.faults)


class Once:
    """Does harm to the first so many requests; `met` is set when the harm begins."""

    def __init__(self, fault: Fault, times: int = 1) -> None:
        self.fault, self.left = fault, times
        self.met = Event()

    def __call__(self, request: bytes) -> Fault | None:
        if not self.left:
            return None
        self.left -= 1
        return self.fault


class FaultyWire(socketserver.ThreadingTCPServer):
    """Passes requests to a port of this machine, on connections of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, port: int, plan: Plan = lambda _: None, context: ssl.SSLContext | None = None
    ) -> None:
        self.ahead, self.plan, self.context = ("127.0.0.1", port), plan, context
        self.counts: Counter[Fault] = Counter()
        self.requests = self.connections = 0
        self.unreachable = 0
        self.done = Event()
        """Set when the server has answered a request whose answer is then lost."""
        self.lock = Lock()
        super().__init__(("127.0.0.1", 0), Passed)

    @property
    def url(self) -> str:
        scheme = "https" if self.context else "http"
        return f"{scheme}://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        caller, address = super().get_request()
        if self.context is None:
            return caller, address
        return self.context.wrap_socket(caller, server_side=True), address

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def planned(self, request: bytes) -> Fault | None:
        with self.lock:
            self.requests += 1
            fault = self.plan(request)
            if fault:
                self.counts[fault] += 1
            return fault


class Lost(Exception):
    """The connection of the caller is cut."""


class Passed(socketserver.BaseRequestHandler):
    """One connection of a caller."""

    def handle(self) -> None:
        self.wire = cast(FaultyWire, self.server)
        with self.wire.lock:
            self.wire.connections += 1
        here: socket.socket = self.request
        here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        here.settimeout(PATIENCE)
        try:
            with socket.socket() as there:
                there.settimeout(PATIENCE)
                self.connect(there)
                while request := message(here):
                    self.pass_on(request, here, there)
        except (Lost, OSError):
            here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def connect(self, there: socket.socket) -> None:
        try:
            there.connect(self.wire.ahead)
        except OSError:
            self.wire.unreachable += 1
            raise

    def pass_on(self, request: bytes, here: socket.socket, there: socket.socket) -> None:
        fault = self.wire.planned(request)
        if fault not in UNDONE:
            there.sendall(request)
            answer = message(there)
            if not answer:
                raise Lost  # the server was killed
        if fault is None:
            here.sendall(answer)
            return
        if fault not in UNDONE:
            self.wire.done.set()
        self.harm(fault, b"" if fault in UNDONE else answer, here)

    def harm(self, fault: Fault, answer: bytes, here: socket.socket) -> None:
        if fault is Fault.CUT_WITHIN:
            here.sendall(answer[: len(answer) * 2 // 3])
        if fault is Fault.STALLED:
            here.recv(1)  # the caller gives up
        written = ANSWERS.get(fault)
        if written is None:
            raise Lost
        here.sendall(written)


def message(peer: socket.socket) -> bytes:
    """Read one request or response; nothing if there is none."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = peer.recv(65536)
        if not piece:
            return b""
        text += piece
    head, _, rest = text.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    left = sum(lengths) - len(rest)
    while left > 0:
        piece = peer.recv(65536)
        if not piece:
            return b""
        text += piece
        left -= len(piece)
    return text


def written(status: str, body: bytes, kind: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Retry-After: 0\r\n\r\n".encode() + body


def problem(code: str) -> bytes:
    facts: dict[str, Any] = dict.fromkeys(("type", "title", "detail", "instance", "requestId"), "-")
    body = json.dumps(facts | {"status": 503, "code": code}).encode()
    return written("503 Service Unavailable", body, "application/json")


ANSWERS: dict[Fault, bytes] = {
    Fault.REFUSED: written("503 Service Unavailable", b"<html>", "text/html"),
    Fault.BAD_GATEWAY: written("502 Bad Gateway", b"<html>", "text/html"),
    Fault.GARBLED: written("200 OK", b"<html>", "text/html"),
    Fault.OVERLOADED: problem("overloaded"),
    Fault.UNKNOWN: problem("outcome_unknown"),
}
