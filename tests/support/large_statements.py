"""Statements of great size or odd shape, and the processes that must survive them."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iocash.processes import ROOT
from tests.support.camt import Line, Part, Statement, incoming

MIB = 2**20


def statements(count: int, entries: int) -> bytes:
    """A file with so many statements, each with so many entries."""
    lines = tuple(incoming("1.00", f"R{number}", name="Alice") for number in range(entries))
    first, *others = (Statement(lines=lines, name=f"S{number}") for number in range(count))
    return Statement(lines=lines, name=first.name, statements=tuple(others)).xml()


def entries(count: int, **part: str) -> bytes:
    """One statement with so many entries."""
    lines = tuple(incoming("1.00", f"R{number}", **part) for number in range(count))
    return Statement(lines=lines).xml()


def payments(count: int) -> bytes:
    """One entry with so many payments."""
    part = Part(amount="1.00", name="Alice", remittance="Invoice 1", end_to_end="E1")
    return Statement(lines=(Line(amount=f"{count}.00", parts=(part,) * count),)).xml()


def full_entries(count: int) -> bytes:
    """Entries with all details that a bank sends: 1,500 bytes each."""
    part = {
        "name": "A" * 70,
        "iban": "ES9121000418450200051332",
        "target": "ES7921000813610123456789",
        "remittance": "Invoice " * 100,
        "end_to_end": "E" * 35,
    }
    return entries(count, **part)


def elements(size: int) -> bytes:
    """So many bytes of elements without a meaning."""
    return b"<Document>" + b"<a/>" * (size // 4) + b"</Document>"


def inside_entry(size: int) -> bytes:
    """The same, in an entry."""
    content = Statement(lines=(Line(amount="1.00", reference="R1"),)).xml()
    return content.replace(b"</Ntry>", b"<a/>" * (size // 4) + b"</Ntry>")


def nested(levels: int) -> bytes:
    return b"<a>" * levels + b"</a>" * levels


@dataclass(frozen=True)
class Measured:
    """What came of a parser in a process of its own, the seconds, and its memory in MiB."""

    result: str
    seconds: float
    memory: int


PARSE = """
import json, sys, time
from pathlib import Path
from wallets.bank.messages import parsing
from wallets.bank.messages.xml import Unreadable
content = sys.stdin.buffer.read()
begun = time.perf_counter()
try:
    result = sum(len(each.entries) for each in parsing.parse_statements(content))
except Unreadable as refused:
    result = str(refused)
seconds = time.perf_counter() - begun
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024
print(json.dumps([str(result), seconds, peak]))
"""


def measured(content: bytes) -> Measured:
    """Parse in a process without limits, to see what it needs."""
    return Measured(*json.loads(run_python(PARSE, content)))


def memory_of(pid: int) -> int:
    """The memory of a process, in MiB."""
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * resource.getpagesize() // MIB


def timed(call: Any) -> tuple[Any, float]:
    begun = time.perf_counter()
    result = call()
    return result, time.perf_counter() - begun


def run_python(program: str, content: bytes) -> str:
    """What a program says about its standard input."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=content,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    return done.stdout.decode()
