"""Requests as the guides write them, in curl, Python and TypeScript.

A guide writes a request once, in lines like those of HTTP. Blank lines separate requests:

    hold = POST /wallets/$ALICE/holds
    {"targetWalletId": "$BOB", "amount": "60.00"}

    HOLD = hold.id    # the hold's id, from the response
    POST /wallets/$ALICE/holds/$HOLD/executions -> insufficient_funds
    Idempotency-Key: room-12-night-1
    {"amount": "20.00", "keepOpen": true}

`hold =` keeps the response for later, and `->` has the code of the refusal that is expected. A
request that the typed clients can't send is shown in curl only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from iocash.docs.calls import in_shell
from iocash.docs.client_calls import API, ClientCall, Uncallable, client_call, query_in
from iocash.docs.in_clients import ShownCall, python_call, typescript_call
from iocash.docs.layout import Blank
from iocash.http.naming import camel, snake

Json = Any

WIDTH = 92
ASSIGNMENT = re.compile(r"([A-Z]+) = (\S+)(?:\s+# (.*))?")
REQUEST = re.compile(r"(?:([a-z_]+) = )?([A-Z]+) (/\S*)(?: -> (\w+))?")
HEADER = re.compile(r"([A-Z][\w-]+): (.*)")
VARIABLE = re.compile(r"\$([A-Z]+)")
DATA = "    -d '"
"""What stands before a body in curl."""
CODE = "123456"
"""What a guide shows for a one-time password; the field of it is `console`."""
GIVEN = {"ALICE", "BOB", "OTP"}
"""Variables that are not named after a field `id`."""


class Assignment(NamedTuple):
    """A variable that gets a field of an earlier response, and a note for the reader."""

    name: str
    field: str
    note: str

    def curl(self) -> str:
        return with_note(f"{self.name}={CODE if self.field == 'console' else '0198…'}", self.note)

    def python(self) -> str:
        if self.field == "console":
            return with_note(f'{variable(self.name)} = "{CODE}"', self.note)
        return f"{variable(self.name)} = {member_of(self.field, snake)}"

    def typescript(self) -> str:
        name = camel(variable(self.name))
        if self.field == "console":
            return with_note(f'const {name} = "{CODE}";', self.note, "//")
        return f"const {name} = {member_of(self.field, camel)};"


class WrittenRequest(NamedTuple):
    """One request of a guide, with the assignments before it."""

    assignments: list[Assignment]
    method: str
    target: str
    headers: dict[str, str]
    body: Json
    kept: str = ""
    """The name of the variable that keeps the response in the clients."""
    refused: str = ""
    """The code of the expected refusal."""

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

    def python(self, call: ClientCall, *, show_headers: bool) -> str:
        lines = [each.python() for each in self.assignments]
        return "\n".join([*lines, python_call(self.shown(call, show_headers))])

    def typescript(self, call: ClientCall, *, show_headers: bool) -> str:
        lines = [each.typescript() for each in self.assignments]
        return "\n".join([*lines, typescript_call(self.shown(call, show_headers))])

    def shown(self, call: ClientCall, has_headers: bool) -> ShownCall:
        return ShownCall(call, self.kept, self.refused, has_headers and not self.refused)

    def client_call(self) -> ClientCall:
        """The call of the clients that sends this request.

        Raises:
            Uncallable: there is none.
        """
        target = VARIABLE.sub(lambda found: f"${variable(found[1])}", API + self.target)
        path, _, query = target.partition("?")
        return client_call(self.method, path, query_in(query), self.headers, renamed(self.body))


def calls_of(requests: list[WrittenRequest]) -> list[ClientCall] | None:
    """The calls that send these requests; None: the clients can't send one of them."""
    try:
        return [each.client_call() for each in requests]
    except Uncallable:
        return None


def variable(name: str) -> str:
    """The name of a variable in Python: `$HOLD` is `hold_id`."""
    return name.lower() if name in GIVEN else f"{name.lower()}_id"


def renamed(value: Json) -> Json:
    """A body with the names of variables in Python."""
    if isinstance(value, Blank):
        return Blank(variable(value.upper()))
    if isinstance(value, dict):
        return {name: renamed(each) for name, each in value.items()}
    return [renamed(each) for each in value] if isinstance(value, list) else value


def member_of(path: str, name: Callable[[str], str]) -> str:
    """`wallets.0.userId` is `wallets[0].user_id`."""
    first, *steps = path.split(".")
    words = [f"[{step}]" if step.isdigit() else f".{name(step)}" for step in steps]
    return name(first) + "".join(words)


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


def with_note(line: str, note: str, mark: str = "#") -> str:
    return f"{line}    {mark} {note}" if note else line


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
    found = REQUEST.fullmatch(lines.pop(0))
    if not found:
        raise ValueError(f"no request: {text}")
    kept, method, target, refused = found.groups(default="")
    headers = {}
    while lines and (found := HEADER.fullmatch(lines[0])):
        headers[found[1]] = found[2]
        lines.pop(0)
    body = filled(json.loads("\n".join(lines))) if lines else None
    return WrittenRequest(assignments, method, target, headers, body, kept, refused)


def filled(value: Json) -> Json:
    """Replace `$NAME` by the variable, wherever it is a whole text."""
    if isinstance(value, dict):
        return {name: filled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each) for each in value]
    found = VARIABLE.fullmatch(value) if isinstance(value, str) else None
    return Blank(found[1].lower()) if found else value
