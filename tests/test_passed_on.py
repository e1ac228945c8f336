"""What the proxy sends to a second instance, and what it never does.

Takes seconds; needs nginx.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest

from tests.support.nginx import Proxy, needs_nginx
from tests.support.server import PATIENCE

pytestmark = [pytest.mark.ci, needs_nginx]

RESET = struct.pack("ii", 1, 0)
OK = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: x\r\n"
    b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
)


def whole(caller: socket.socket) -> bytes:
    """Read a request to its end."""
    said = b""
    while b"\r\n\r\n" not in said:
        piece = caller.recv(65_536)
        if not piece:
            return said
        said += piece
    return said


def answers(caller: socket.socket) -> bytes:
    said = whole(caller)
    caller.sendall(OK)
    return said


def hangs_up_at_once(caller: socket.socket) -> bytes:
    caller.setblocking(False)
    with suppress(BlockingIOError):
        return caller.recv(65_536)
    return b""


def resets_at_once(caller: socket.socket) -> bytes:
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return hangs_up_at_once(caller)


def hangs_up_when_it_has_read(caller: socket.socket) -> bytes:
    return whole(caller)


def resets_when_it_has_read(caller: socket.socket) -> bytes:
    said = whole(caller)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return said


def hangs_up_in_its_answer(caller: socket.socket) -> bytes:
    said = whole(caller)
    caller.sendall(OK[:20])
    return said


Manner = Callable[[socket.socket], bytes]


@dataclass
class Instance:
    """A server with a manner of its own; it notes each request that reached it."""

    manner: Manner
    door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    heard: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        port: int = self.door.getsockname()[1]
        return port

    def serve(self) -> None:
        while True:
            try:
                caller, _ = self.door.accept()
            except OSError:
                return
            with caller, suppress(OSError):
                caller.settimeout(PATIENCE)
                if said := self.manner(caller):
                    self.heard.append(said)


@contextmanager
def instances(*manners: Manner) -> Iterator[list[Instance]]:
    made = [Instance(manner) for manner in manners]
    threads = [Thread(target=each.serve, daemon=True) for each in made]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        for each in made:
            each.door.shutdown(socket.SHUT_RDWR)
            each.door.close()


def away(tmp_path: Path, other: Instance) -> Proxy:
    """A proxy before one instance, beside one that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    return Proxy(tmp_path, nobody, other.port)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
def test_request_is_sent_to_the_other_instance_when_one_is_unreachable(tmp_path, method):
    with instances(answers) as (other,), away(tmp_path, other) as proxy:
        for _ in range(20):
            assert proxy.call(method, "/api/v1/users", b"{}")[0] == 200
    assert len(other.heard) == 20


AT_ONCE = [hangs_up_at_once, resets_at_once]
BROKEN = [
    *AT_ONCE,
    hangs_up_when_it_has_read,
    resets_when_it_has_read,
    hangs_up_in_its_answer,
]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("manner", BROKEN)
def test_change_is_never_sent_twice(tmp_path, method, manner):
    """This holds for every way to close; without `outcome_unknown` no instance read the request."""
    told = 0
    with instances(manner, manner) as both, Proxy(tmp_path, *(each.port for each in both)) as proxy:
        for _ in range(20):
            status, got, content = proxy.call(method, "/api/v1/users", b"{}")
            assert (status, got["retry-after"]) == (503, "2")
            told += content["code"] == "outcome_unknown"
    heard = [said for each in both for said in each.heard]
    assert len(heard) <= told
    assert all(said.startswith(method.encode()) for said in heard)
    if manner not in AT_ONCE:
        assert len(heard) == told == 20


@pytest.mark.parametrize("manner", [hangs_up_when_it_has_read, resets_at_once])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_repeatable_request_is_retried(tmp_path, method, manner):
    with instances(manner, answers) as both, Proxy(tmp_path, *(e.port for e in both)) as proxy:
        for _ in range(10):
            assert proxy.call(method, "/api/v1/users", b"{}")[0] == 200


def test_error_of_an_instance_is_never_retried_elsewhere(tmp_path):
    body = json.dumps({"code": "lock_timeout"}).encode()

    def busy(caller: socket.socket) -> bytes:
        said = whole(caller)
        head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        caller.sendall(head + length + body)
        return said

    with instances(busy, busy) as both, Proxy(tmp_path, *(each.port for each in both)) as proxy:
        for method in "GET", "POST":
            with pytest.raises(KeyError, match="x-request-id"):  # it is the instance's own answer
                proxy.call(method, "/api/v1/users")
    assert sum(len(each.heard) for each in both) == 2
