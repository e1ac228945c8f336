"""The messages of PostgreSQL's wire protocol, version 3: where each begins, and what it is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

APP = {
    b"P": "Parse",
    b"B": "Bind",
    b"D": "Describe",
    b"E": "Execute",
    b"S": "Sync",
    b"Q": "Query",
    b"X": "Terminate",
}
POSTGRES = {
    b"1": "ParseComplete",
    b"2": "BindComplete",
    b"n": "NoData",
    b"T": "RowDescription",
    b"D": "DataRow",
    b"C": "CommandComplete",
    b"E": "ErrorResponse",
    b"Z": "ReadyForQuery",
}
ENCRYPTION_REQUESTS = {80877103, 80877104}
CANCEL_REQUEST = 80877102


class Message(NamedTuple):
    """One message, with the bytes as they came."""

    kind: bytes
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.kind + struct.pack("!i", len(self.body) + 4) + self.body

    @property
    def is_commit(self) -> bool:
        """Whether the app asks for COMMIT here: by Parse, which names a statement, or by Query."""
        texts = self.body.split(b"\0")
        text = {b"P": texts[1:2], b"Q": texts[:1]}.get(self.kind)
        return text == [b"COMMIT"]

    def from_app(self) -> str:
        return f"app:{APP.get(self.kind, self.kind.decode())}"

    def from_postgres(self) -> str:
        """The name; of a CommandComplete with its verb: `postgres:CommandComplete COMMIT`."""
        name = f"postgres:{POSTGRES.get(self.kind, self.kind.decode())}"
        if self.kind == b"C":
            return f"{name} {self.body.rstrip(bytes(1)).split()[0].decode()}"
        return name


class Stream:
    """What one side says, cut into messages."""

    def __init__(self) -> None:
        self.buffer = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add what came; find the messages that are whole now."""
        data, start = self.buffer + data, 0
        while len(data) - start >= 5:
            (length,) = struct.unpack_from("!i", data, start + 1)
            end = start + 1 + length
            if end > len(data):
                break
            yield Message(data[start : start + 1], data[start + 5 : end])
            start = end
        self.buffer = data[start:]


def error(severity: str, sqlstate: str, words: str) -> bytes:
    """An ErrorResponse, as a server or a pooler sends it."""
    fields = f"S{severity}\0V{severity}\0C{sqlstate}\0M{words}\0\0"
    return Message(b"E", fields.encode()).raw
