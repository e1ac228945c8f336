"""The call of a client, written in Python and in TypeScript."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final, NamedTuple

from iocash.docs.client_calls import CHOSEN, ClientCall, fields_of_body
from iocash.docs.layout import Blank, Enclosed
from iocash.http.naming import camel, exception_name, snake

Json = Any
Node = str | Enclosed

IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*")


class ShownCall(NamedTuple):
    """A call, and what an example does with its result."""

    call: ClientCall
    kept: str = ""
    """The name of the variable that keeps the result."""
    refused: str = ""
    """The code of the refusal that is expected."""
    has_headers: bool = False

    @property
    def is_loop(self) -> bool:
        """All items of a list are printed. With a `size`, it is one page that is printed."""
        is_page = self.kept or self.refused or self.has_headers or "size" in self.call.query
        return bool(self.call.item) and not is_page

    @property
    def part(self) -> str:
        """What is taken of the result."""
        if self.has_headers:
            return ".meta"
        return ".items" if self.call.item else ""


def in_quotes(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)


# --- Python --------------------------------------------------------------------------------------


def python_call(shown: ShownCall) -> str:
    """The lines of an example, without imports."""
    call = shown.call
    name = f"{call.name}_dry_run" if call.is_dry_run else call.name
    made = Enclosed(f"client.{name}(", tuple(python_arguments(call)), ")")
    step = " " * 4
    if shown.is_loop:
        item = snake(shown.call.item[0].lower() + shown.call.item[1:])
        return f"{made.inside(f'for {item} in ', ':').lines(step)}\n{step}print({item})"
    made = made.inside("", ".page()" if shown.call.item else "")
    if shown.refused:
        caught = f"except errors.{exception_name(shown.refused)} as error:"
        return f"try:\n{step}{made.lines(step, step)}\n{caught}\n{step}print(error.detail)"
    if shown.kept:
        return made.inside(f"{shown.kept} = ", shown.part).lines(step)
    return made.inside("print(", f"{shown.part})").lines(step)


def with_imports(text: str) -> str:
    """Python with the imports that it needs beside those of the client."""
    needed = [each for each in ("UTC", "date", "datetime") if re.search(rf"\b{each}[(,)]", text)]
    return (f"from datetime import {', '.join(needed)}\n\n" if needed else "") + text


def python_arguments(call: ClientCall) -> list[Node]:
    given: list[Node] = [python_value("text", each) for each in call.arguments]
    if call.body_kind:
        given.append(python_value(call.body_kind, call.body))
    given += [keyword(snake(each), python_filter(call, each)) for each in call.query]
    if call.key:
        given.append(f"key={in_quotes(call.key)}")
    if call.etag:
        given.append(f"if_match={python_value('text', call.etag)}")
    return given


def keyword(name: str, node: Node) -> Node:
    return f"{name}={node}" if isinstance(node, str) else node.inside(f"{name}=", "")


def python_filter(call: ClientCall, name: str) -> Node:
    kind, value = call.kinds[name], call.query[name]
    if kind == "time" and "T" not in value:
        kind = "date"
    return python_value(kind, value)


def python_value(kind: str, value: Json) -> Node:
    if isinstance(value, Blank):
        return str(value)
    if kind.startswith("="):
        name, fields = fields_of_body(kind[1:], value)
        items = [
            keyword(snake(each), python_value(fields[each], inner))
            for each, inner in value.items()
            if fields[each] != CHOSEN
        ]
        return Enclosed(f"models.{name}(", tuple(items), ")")
    if isinstance(value, list):
        return Enclosed("[", tuple(python_value(kind[1:], each) for each in value), "]")
    if isinstance(value, dict):
        pairs = (f"{in_quotes(name)}: {in_quotes(each)}" for name, each in value.items())
        return Enclosed("{", tuple(pairs), "}")
    if kind in ("time", "date") and value is not None:
        return python_time(kind, value)
    return in_quotes(value) if isinstance(value, str) and kind != "int" else str(value)


def python_time(kind: str, text: str) -> str:
    """A time as an object. One without a zone is in UTC.

    Raises:
        ValueError: it has another zone.
    """
    found = datetime.fromisoformat(text)
    if kind == "date":
        return f"date({found.year}, {found.month}, {found.day})"
    if found.utcoffset():
        raise ValueError(f"not in UTC: {text}")
    parts = [found.year, found.month, found.day, found.hour, found.minute, found.second]
    while len(parts) > 3 and not parts[-1]:
        parts.pop()
    return f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)"


# --- TypeScript ----------------------------------------------------------------------------------


def typescript_call(shown: ShownCall) -> str:
    """The lines of an example."""
    call = shown.call
    name = camel(call.name) + ("DryRun" if call.is_dry_run else "")
    made = Enclosed(f"client.{name}(", tuple(typescript_arguments(call)), ")")
    step = " " * 2
    if shown.is_loop:
        item = call.item[0].lower() + call.item[1:]
        head = made.inside(f"for await (const {item} of ", ") {").lines(step)
        return f"{head}\n{step}console.log({item});\n}}"
    made = made.inside("await ", ".page()" if call.item else "")
    if shown.refused:
        lines = made.inside("", ";").lines(step, step)
        error = f"errors.{exception_name(shown.refused)}"
        return (
            f"try {{\n{step}{lines}\n}} catch (error) {{\n"
            f"{step}if (!(error instanceof {error})) throw error;\n"
            f"{step}console.log(error.detail);\n}}"
        )
    if shown.part:
        made = made.inside("(", f"){shown.part}")
    if shown.kept:
        return made.inside(f"const {camel(shown.kept)} = ", ";").lines(step)
    return made.inside("console.log(", ");").lines(step)


def typescript_arguments(call: ClientCall) -> list[Node]:
    given: list[Node] = [typescript_value(each) for each in call.arguments]
    if call.body_kind:
        given.append(typescript_value(call.body))
    if call.query:
        pairs = (
            member(name, typescript_value(value, is_number=call.kinds[name] == "int"))
            for name, value in call.query.items()
        )
        given.append(Enclosed("{ ", tuple(pairs), " }"))
    if call.key:
        given.append(Enclosed("{ ", (f"key: {in_quotes(call.key)}",), " }"))
    if call.etag:
        given.append(Enclosed("{ ", (member("ifMatch", typescript_value(call.etag)),), " }"))
    return given


def member(name: str, node: Node) -> Node:
    if node == name:
        return name
    shown = name if IDENTIFIER.fullmatch(name) else in_quotes(name)
    return f"{shown}: {node}" if isinstance(node, str) else node.inside(f"{shown}: ", "")


def typescript_value(value: Json, *, is_number: bool = False) -> Node:
    if isinstance(value, Blank):
        return camel(value)
    if isinstance(value, dict):
        pairs = (member(name, typescript_value(each)) for name, each in value.items())
        return Enclosed("{ ", tuple(pairs), " }")
    if isinstance(value, list):
        return Enclosed("[", tuple(map(typescript_value, value)), "]")
    return str(value) if is_number else json.dumps(value, ensure_ascii=False)
