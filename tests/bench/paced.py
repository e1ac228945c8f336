"""Transfers at a fixed rate, whatever the server takes for each.

`python -m tests.bench.paced SPEC`, with the specification as JSON: it prints the latencies in
milliseconds, each from the instant at which its transfer was due, and the number of errors.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import uuid
from typing import Any


async def post_at(
    spec: dict[str, Any], first: float, end: float, took: list[float], wrong: list[bytes]
) -> None:
    """Post over one connection: one transfer in each step."""
    reader, writer = await asyncio.open_connection("127.0.0.1", spec["port"])
    step, due = spec["connections"] / spec["rate"], first
    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        writer.write(request(random.choice(spec["clients"])))
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.index(b"content-length:") + 15
        body = await reader.readexactly(int(lower[at:].split(b"\r\n", 1)[0]))
        took.append(1000 * (time.monotonic() - due))
        if b" 201 " not in head[:14]:
            wrong.append(head[:40] + body[:200])
        due += step
    writer.close()


def request(client: dict[str, Any]) -> bytes:
    source, target = random.sample(range(client["wallets"]), 2)
    body = json.dumps(
        {
            "type": "TRANSFER",
            "targetWalletId": f"{client['prefix']}{target:012d}",
            "amount": "0.01",
        }
    )
    lines = [
        f"POST /api/v1/wallets/{client['prefix']}{source:012d}/movements HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {client['secret']}",
        "Accept: application/json",
        f"Idempotency-Key: {uuid.uuid4()}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


async def main(spec: dict[str, Any]) -> None:
    took: list[float] = []
    wrong: list[bytes] = []
    begin = time.monotonic() + 0.1
    count = spec["connections"]
    await asyncio.gather(
        *(
            post_at(spec, begin + n / spec["rate"], begin + spec["seconds"], took, wrong)
            for n in range(count)
        )
    )
    sys.stdout.write(json.dumps({"took": took, "wrong": [each.decode() for each in wrong[:3]]}))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
