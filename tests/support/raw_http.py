"""HTTP on a bare socket: exactly the bytes that a test sends, and the answers to them."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.server import PATIENCE, Served


@dataclass(frozen=True)
class Heard:
    """One answer, as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    @property
    def code(self) -> tuple[int, str]:
        assert self.json["requestId"] == self.headers["x-request-id"]
        return self.status, self.json["code"]


class Wire:
    """A connection that says exactly what it is told."""

    def __init__(self, server: Served) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)

    def say(self, *pieces: bytes) -> Wire:
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def finish(self) -> Wire:
        """Say that nothing more will be said, and go on listening."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def vanish(self) -> None:
        """Break the connection without a farewell (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def hear(self) -> list[Heard]:
        """All answers, until the server closes the connection."""
        text = b""
        try:
            while piece := self.socket.recv(65_536):
                text += piece
        except ConnectionResetError:  # it had not read all that was said
            pass
        finally:
            self.socket.close()
        return list(answers(text))


def answers(text: bytes) -> Iterator[Heard]:
    while text:
        head, _, text = text.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        length = int(headers.get("content-length", 0))
        yield Heard(int(first.split()[1]), headers, text[:length])
        text = text[length:]
