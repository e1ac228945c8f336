"""The process that parses messages of banks: one with limits for each of them.

`python -m wallets.bank.messages.sandbox FD` waits on a socket for the jobs of `apart`.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from iocash.errors import Message
from iocash.processes import child
from iocash.processes.child import Answer
from wallets.bank.messages import parsing

PARSERS: Final[dict[str, Callable[[bytes], object]]] = {
    "camt": parsing.parse_statements,
    "outlines": parsing.parse_outlines,
    "pain.002": parsing.parse_report,
}


def read_job(content: bytes, *, kind: str) -> Answer:
    return {}, json.dumps(packed(PARSERS[kind](content))).encode()


def packed(value: Any) -> Any:
    """The value as JSON: a dataclass is the list of its fields."""
    if isinstance(value, Message):
        return value.pack()
    if is_dataclass(value):
        return [packed(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, Mapping):
        return {name: packed(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [packed(each) for each in value]
    return str(value) if isinstance(value, date | Decimal) else value


if __name__ == "__main__":
    child.serve_jobs(socket.socket(fileno=int(sys.argv[1])), {"read": read_job})
