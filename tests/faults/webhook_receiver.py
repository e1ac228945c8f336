"""A receiver of webhooks in a process of its own, which can be killed.

`python -m tests.faults.webhook_receiver PORT FILE`: it appends a line for each event to the file,
and then answers. What it has answered is in the file, also after a kill.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


def line_of(body: bytes) -> bytes:
    """What is kept of an event: its id, wallet, kind and the state of the wallet after it."""
    event = json.loads(body)
    data = event["data"]
    kept = [event["id"], event["walletId"], event["kind"], data.get("seq"), data.get("balance")]
    return json.dumps(kept).encode() + b"\n"


class Connection(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, file: int) -> None:
        self.file, self.buffer = file, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.index(b"content-length:") + 15
            length = int(head[at:].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            os.write(self.file, line_of(body))
            self.transport.write(ANSWER)


async def serve(port: int, file: int) -> None:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(file), sock=sock, backlog=200)
    print("ready", flush=True)  # noqa: T201
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    place = os.open(Path(sys.argv[2]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(serve(int(sys.argv[1]), place))
