"""What the methods of the clients take, by method and path: for the examples in the documents.

`manage.py write_docs` writes the facts from the OpenAPI document into `client-calls.json`. A server
reads this file once, and not the document, which is twenty times as large.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

from django.conf import settings

from iocash.docs.layout import Blank
from iocash.http.naming import class_name

Json = Any

FILE: Final = settings.BASE_DIR / "iocash" / "docs" / "client-calls.json"
API: Final = "/api/v1"
DRY_RUN: Final = "dryRun"
"""The parameter of dry runs, and the kind of their examples."""
METADATA: Final = re.compile(r"(\w+)\[([^\]]+)\]")
PLACE: Final = re.compile(r"\{(\w+)\}")
KNOWN_HEADERS: Final = {"Idempotency-Key", "If-Match"}
CHOSEN: Final = "chosen"
"""The kind of a field that chooses the class of a body, so that the class has its value."""
LEFT_OUT: Final = {"get_schema", "get_published_schema"}
"""Operations that no client has."""


class Uncallable(Exception):
    """The typed clients can't send this request."""


class ClientCall(NamedTuple):
    """A call of a client: the operation, and the values of its parameters."""

    name: str
    arguments: list[str]
    query: dict[str, Json]
    kinds: dict[str, str]
    """How each parameter of the query is written; see `kind_of_schema`."""
    body: Json
    body_kind: str
    """Empty: the method takes no body."""
    key: str
    etag: str
    is_dry_run: bool
    item: str
    """The class of the items, if the method returns a list."""


# --- The facts -----------------------------------------------------------------------------------


@cache
def known_calls() -> Json:
    return json.loads(FILE.read_text())


def facts_text(document: Json) -> str:
    """The file: one line for each operation and for each body."""
    described = Described(document)
    calls = dict(sorted(described.calls()))
    parts = {"calls": calls, "bodies": dict(sorted(described.bodies.items()))}
    texts = [
        f'"{name}": {{\n'
        + ",\n".join(f"{json.dumps(each)}: {json.dumps(facts)}" for each, facts in part.items())
        + "\n}"
        for name, part in parts.items()
    ]
    return "{\n" + ",\n".join(texts) + "\n}\n"


class Described:
    """The facts in an OpenAPI document; `bodies` has those that the calls were found to send."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.bodies: dict[str, Json] = {}

    def calls(self) -> Iterator[tuple[str, Json]]:
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                if operation["operationId"] not in LEFT_OUT:
                    yield f"{method.upper()} {path}", self.call(operation)

    def call(self, operation: Json) -> Json:
        given = [self.resolved(each) for each in operation.get("parameters", [])]
        facts: Json = {"name": operation["operationId"]}
        query = {
            each["name"]: self.kind_of_schema(each["schema"])
            for each in given
            if each["in"] == "query" and each["name"] != DRY_RUN
        }
        headers = {each["name"] for each in given} & KNOWN_HEADERS
        body = self.schema_in(operation.get("requestBody", {}))
        facts |= {"query": query} if query else {}
        facts |= {"headers": sorted(headers)} if headers else {}
        facts |= {"body": self.kind_of_schema(body)} if body and "Nothing" not in str(body) else {}
        facts |= {"isDryRun": True} if "x-dry-run" in operation else {}
        for status, response in operation["responses"].items():
            if status == "200" and (item := self.item(self.schema_in(response))):
                facts["item"] = item
        return facts

    def schema_in(self, part: Json) -> Json:
        return part.get("content", {}).get("application/json", {}).get("schema", {})

    def item(self, schema: Json) -> str:
        """The class of the items of a page."""
        if not schema.get("$ref", "").endswith("Page"):
            return ""
        embedded = self.resolved(schema)["properties"].get("_embedded")
        if not embedded:
            return ""
        (items,) = self.resolved(embedded)["properties"].values()
        return class_name(items["items"]["$ref"].rpartition("/")[2])

    def kind_of_schema(self, schema: Json) -> str:
        """A word for how a value is written: `[` begins a list, and `=` the name of a body."""
        name = schema.get("$ref", "").rpartition("/")[2]
        whole = self.resolved(schema)
        if "oneOf" in whole and "discriminator" not in whole:  # the other one is null
            return self.kind_of_schema(whole["oneOf"][0])
        types = whole.get("type", [])
        kinds = {types} if isinstance(types, str) else {*types}
        if "array" in kinds:
            return "[" + self.kind_of_schema(whole["items"])
        if "discriminator" in whole or "properties" in whole:
            self.describe(name, whole)
            return f"={class_name(name)}"
        known = {"object": "map", "boolean": "bool", "integer": "int"}
        simple = [word for kind, word in known.items() if kind in kinds]
        formats = {"date-time": "time", "date": "date"}
        return (simple or [formats.get(whole.get("format", ""), "text")])[0]

    def describe(self, name: str, schema: Json) -> None:
        if class_name(name) in self.bodies:
            return
        facts = self.bodies[class_name(name)] = {}
        if "discriminator" in schema:
            field = schema["discriminator"]["propertyName"]
            for value, place in schema["discriminator"]["mapping"].items():
                kind = facts[f"{field}={value}"] = self.kind_of_schema({"$ref": place})
                self.bodies[kind[1:]][field] = CHOSEN
            return
        for field, inner in schema["properties"].items():
            facts[field] = self.kind_of_schema(inner)

    def resolved(self, part: Json) -> Json:
        if "$ref" not in part:
            return part
        found = self.document
        for step in part["$ref"].split("/")[1:]:
            found = found[step]
        return found


# --- The call for a request ----------------------------------------------------------------------


def client_call(
    method: str, path: str, query: dict[str, Json], headers: dict[str, str], body: Json
) -> ClientCall:
    """The call that sends a request. In the path, `$name` is a placeholder.

    Raises:
        Uncallable: the clients have no such operation, parameter, header or field.
    """
    operation, arguments = operation_at(method, path)
    given = dict(query)
    is_dry_run = given.pop(DRY_RUN, "") == "true"
    kinds = operation.get("query", {})
    if headers.keys() - operation.get("headers", ()) or given.keys() - kinds.keys():
        raise Uncallable
    if is_dry_run and not operation.get("isDryRun"):
        raise Uncallable
    kind = operation.get("body", "")
    if body and not kind:
        raise Uncallable
    if kind:
        check_body(kind, body or {})
    return ClientCall(
        operation["name"],
        arguments,
        {name: parameter(value, kinds[name]) for name, value in given.items()},
        kinds,
        body or {},
        kind,
        headers.get("Idempotency-Key", ""),
        headers.get("If-Match", ""),
        is_dry_run,
        operation.get("item", ""),
    )


def operation_at(method: str, path: str) -> tuple[Json, list[str]]:
    """The facts of an operation, and the words in the place of its parameters."""
    for pattern, facts in call_patterns()[method]:
        if found := pattern.fullmatch(path):
            return facts, [word_in(each) for each in found.groups()]
    raise Uncallable


@cache
def call_patterns() -> dict[str, list[tuple[re.Pattern[str], Json]]]:
    """The operations by method; first those whose paths have fewer parameters."""
    found: dict[str, list[tuple[re.Pattern[str], Json]]] = defaultdict(list)
    for name, facts in sorted(known_calls()["calls"].items(), key=lambda each: each[0].count("{")):
        method, _, path = name.partition(" ")
        found[method].append((re.compile(PLACE.sub("([^/]+)", path)), facts))
    return found


def query_in(text: str) -> dict[str, Json]:
    """The parameters; several values of one are joined, and those of metadata are an object."""
    found: dict[str, Json] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        name, value = unquote_plus(name), unquote_plus(value)
        if inner := METADATA.fullmatch(name):
            found.setdefault(inner[1], {})[inner[2]] = value
        else:
            found[name] = f"{found[name]},{value}" if name in found else value
    return found


def parameter(value: Json, kind: str) -> Json:
    if kind.startswith("["):
        parts = [value] if isinstance(value, Blank) else value.split(",")
        return [word_in(each) for each in parts]
    return word_in(value) if isinstance(value, str) else value


def word_in(text: str) -> str:
    """A text, or a placeholder."""
    if isinstance(text, Blank):
        return text
    return Blank(text.removeprefix("$").lower()) if text.startswith("$") else text


def check_body(kind: str, value: Json) -> None:
    """Compare a body with its fields.

    Raises:
        Uncallable: it has a field, or the type of a value, that the class has not.
    """
    if isinstance(value, Blank) or value is None:
        return
    if kind.startswith("["):
        for each in value:
            check_body(kind[1:], each)
    elif kind.startswith("="):
        fields, inner = fields_of_body(kind[1:], value)[1], value
        if inner.keys() - fields.keys():
            raise Uncallable
        for name, each in inner.items():
            check_body(fields[name], each)
    elif kind == "map":
        if not all(isinstance(each, str) for each in value.values()):
            raise Uncallable
    elif not isinstance(value, bool if kind == "bool" else str):
        raise Uncallable


def fields_of_body(name: str, value: Json) -> tuple[str, dict[str, str]]:
    """The class of a body and its fields: of several classes, the one that its data choose."""
    facts = known_calls()["bodies"][name]
    if not any("=" in each for each in facts):
        return name, facts
    for choice, kind in facts.items():
        field, _, word = choice.partition("=")
        if value.get(field) == word:
            return fields_of_body(kind[1:], value)
    raise Uncallable
