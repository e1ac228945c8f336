"""Receivers of webhooks: the path says how one behaves.

`python -m tests.bench.webhook_receiver PORT FILE`. `/fast` answers at once, and writes when the
event arrived and when it was created; `/slow` answers after two seconds; `/hang` never does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import datetime

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
SLOW = 2.0


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, file: int) -> None:
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(length_of(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        path = head.split(b" ", 2)[1]
        if path.startswith(b"/hang"):
            await asyncio.sleep(3600)
        if path.startswith(b"/slow"):
            await asyncio.sleep(SLOW)
        else:
            os.write(file, line_of(body))
        writer.write(ANSWER)


def length_of(head: bytes) -> int:
    lower = head.lower()
    return int(lower[lower.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])


def line_of(body: bytes) -> bytes:
    created = datetime.fromisoformat(json.loads(body)["createdAt"])
    return f"{time.time():.4f} {created.timestamp():.4f}\n".encode()


async def serve(port: int, file: int) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: serve_one(reader, writer, file), "127.0.0.1", port, backlog=500
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    place = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(serve(int(sys.argv[1]), place))
