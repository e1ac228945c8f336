"""Have a message parsed in a process with limits: the server's side of `sandbox`."""

from __future__ import annotations

import json
from threading import BoundedSemaphore
from typing import Any, Final

from iocash.errors import Message
from iocash.processes import MEGABYTE, Forker, Job, run_job
from wallets.bank.messages.xml import MOST_BYTES, Unreadable, too_large

FORKER: Final = Forker("wallets.bank.messages.sandbox")

READ: Final = Job(
    FORKER,
    "read",
    cpu=15,
    seconds=40,
    memory=500 * MEGABYTE,
    patience=8,
    room=BoundedSemaphore(1),
)
"""One file at a time in each process of the server. The largest file takes some 8 s and 200 MB."""


def parse_apart(kind: str, content: bytes) -> Any:
    """The message of this kind as JSON values: see `sandbox.packed`.

    Raises:
        Unreadable: it can't be read, or takes too much time or memory.
        Overloaded: other files are being read.
    """
    if len(content) > MOST_BYTES:
        raise too_large()
    answer = run_job(READ, content, kind=kind)
    if answer.facts is None or "failed" in answer.facts:
        raise Unreadable(Message("The file is too complex to read: it takes too much memory."))
    if "wrong" in answer.facts:
        _, words = answer.facts["wrong"]
        raise Unreadable(Message.unpack(words))
    return json.loads(answer.content)
