"""Requests as the guides write them, in curl and in Python.

A guide writes a request once, in lines like those of HTTP. Blank lines separate requests:

    HOLD = id    # the hold's id, from the response
    POST /wallets/$ALICE/holds/$HOLD/executions
    Idempotency-Key: room-12-night-1
    {"amount": "20.00", "keepOpen": true}
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from iocash.docs.calls import Blank, in_python, in_shell

Json = Any

WIDTH = 92
ASSIGNMENT = re.compile(r"([A-Z]+) = (\S+)(?:\s+# (.*))?")
HEADER = re.compile(r"([A-Z][\w-]+): (.*)")
VARIABLE = re.compile(r"\$([A-Z]+)")
DATA, BODY = "    -d '", "body = "
"""What stands before a body in curl and in Python."""
CODE = "123456"
"""What a guide shows for a one-time password; the field of it is `console`."""


class Assignment(NamedTuple):
    """A variable that gets a field of the last response, and a note for the reader."""

    name: str
    field: str
    note: str

    def curl(self) -> str:
        return with_note(f"{self.name}={CODE if self.field == 'console' else '0198…'}", self.note)

    def python(self) -> str:
        if self.field == "console":
            return with_note(f'{self.name.lower()} = "{CODE}"', self.note)
        steps = "".join(f"[{quoted(step)}]" for step in self.field.split("."))
        return f"{self.name.lower()} = answer{steps}"


class WrittenRequest(NamedTuple):
    """One request of a guide, with the assignments before it."""

    assignments: list[Assignment]
    method: str
    target: str
    headers: dict[str, str]
    body: Json

    def curl(self, *, show_headers: bool) -> str:
        address = f"$API{self.target}"
        parts = ["api"]
        parts += ["-i"] if show_headers else []
        parts += ["-g"] if "[" in self.target else []  # else curl takes brackets for a range
        parts += ["-X", self.method] if self.method in {"PUT", "PATCH"} else []
        parts += [f'"{address}"' if "?" in address else address]
        parts += [f"-H '{name}: {value}'" for name, value in self.headers.items()]
        line = " ".join(parts)
        if self.body is not None:
            data = f"-d '{flowing(self.body, in_shell, ' ' * len(DATA))}'"
            fits = len(line) + len(data) < WIDTH and "\n" not in data
            line += f" {data}" if fits else f" \\\n    {data}"
        return "\n".join([*(each.curl() for each in self.assignments), line])

    def python(self) -> str:
        lines = [each.python() for each in self.assignments]
        target = VARIABLE.sub(lambda found: f"{{{found[1].lower()}}}", self.target)
        parts = [f'"{self.method}"', f'{"f" if "{" in target else ""}"{target}"']
        if self.body is not None:
            lines.append(f"body = {flowing(self.body, in_python, ' ' * len(BODY))}")
            parts.append("body")
        if key := self.headers.get("Idempotency-Key"):
            parts.append(f'key="{key}"')
        return "\n".join([*lines, f"status, answer = call({', '.join(parts)})"])


def flowing(value: Json, word: Callable[[Json], str], indent: str) -> str:
    """A value in lines that are filled up to a width, as people write it."""
    if not isinstance(value, dict | list):
        return word(value)
    inner = f"{indent} "
    if isinstance(value, dict):
        parts = [f'"{name}": {flowing(each, word, inner)}' for name, each in value.items()]
        return f"{{{joined(parts, inner)}}}"
    parts = [flowing(each, word, f"{inner} ") for each in value]
    text = joined(parts, f"{inner} ")
    return f"[\n{inner} {text}]" if "\n" in text else f"[{text}]"


def joined(parts: list[str], indent: str) -> str:
    """The parts with commas, in lines of at most `WIDTH` characters where that is possible."""
    lines: list[str] = []
    for part in parts:
        if lines and "\n" not in part and len(f"{indent}{lines[-1]}, {part}") <= WIDTH:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return f",\n{indent}".join(lines)


def with_note(line: str, note: str) -> str:
    return f"{line}    # {note}" if note else line


def quoted(step: str) -> str:
    return step if step.isdigit() else f'"{step}"'


def written_requests(text: str) -> list[WrittenRequest]:
    """Parse what a guide writes.

    Raises:
        ValueError: a line is neither an assignment, a request, a header nor JSON.
    """
    return [written_request(each) for each in re.split(r"\n\s*\n", text.strip())]


def written_request(text: str) -> WrittenRequest:
    lines = text.strip().splitlines()
    assignments = []
    while found := ASSIGNMENT.fullmatch(lines[0]):
        assignments.append(Assignment(found[1], found[2], found[3] or ""))
        lines.pop(0)
    method, target = lines.pop(0).split()
    headers = {}
    while lines and (found := HEADER.fullmatch(lines[0])):
        headers[found[1]] = found[2]
        lines.pop(0)
    body = filled(json.loads("\n".join(lines))) if lines else None
    return WrittenRequest(assignments, method, target, headers, body)


def filled(value: Json) -> Json:
    """Replace `$NAME` by the variable, wherever it is a whole text."""
    if isinstance(value, dict):
        return {name: filled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each) for each in value]
    found = VARIABLE.fullmatch(value) if isinstance(value, str) else None
    return Blank(found[1].lower()) if found else value
