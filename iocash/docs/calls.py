"""Every call of the API in curl, Python and TypeScript, at /api/docs/calls.

The page is generated from the OpenAPI document and the recorded examples. A test runs every
example and compares the response.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache, reduce
from html import escape
from http import HTTPStatus
from operator import getitem
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from iocash.docs import examples, guides, reference
from iocash.docs.client_calls import API, DRY_RUN, Uncallable, client_call
from iocash.docs.in_clients import ShownCall, python_call, typescript_call, with_imports
from iocash.docs.layout import Blank
from iocash.http import problems
from iocash.http.naming import camel, snake
from iocash.http.rendering import dump
from iocash.http.views import marked, page

Json = Any

RECORDED_AT = "https://iocash.example"
"""The server in recorded answers; pages replace it by their own origin."""

WIDTH = 88
ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
PARAMETER = re.compile(r"\{(\w+)\}")


class Example(NamedTuple):
    """A request in each language, and its responses by status."""

    kind: str
    order: Snippet
    curl: str
    python: str
    """Empty, as is `typescript`: the clients don't have the operation."""
    typescript: str
    answers: dict[str, str]


class Call(NamedTuple):
    """One operation: its path, description, scope, optional parameters and examples."""

    id: str
    method: str
    path: str
    sentence: str
    scope: str
    others: list[str]
    also: list[str]
    examples: list[Example]


class Chapter(NamedTuple):
    """The calls with one tag."""

    tag: str
    calls: list[Call]


@page
def every_call(request: HttpRequest) -> HttpResponse:
    """The page, with the origin of this request."""
    return HttpResponse(rendered().replace(RECORDED_AT, escape(problems.origin(request))))


@cache
def rendered() -> str:
    """The page, rendered once per process."""
    context = guides.guide_context(guides.CALLS, RECORDED_AT) | {"chapters": chapters()}
    return render_to_string("docs/calls.html", context | guides.navigation())


@cache
def chapters() -> list[Chapter]:
    """Every operation of our own paths, by tag."""
    document = json.loads(dump(reference.OWN.whole()))
    calls: dict[str, list[Call]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation["parameters"] = parameters(operation, document)
            calls[operation["tags"][0]].append(call(method.upper(), path, operation))
    return [Chapter(tag, several) for tag, several in calls.items() if several]


def parameters(operation: Json, document: Json) -> list[Json]:
    """The parameters of an operation, with what the document describes elsewhere."""
    found = [resolved(each, document) for each in operation.get("parameters", [])]
    return [{**each, "schema": resolved(each["schema"], document)} for each in found]


def resolved(part: Json, document: Json) -> Json:
    return reduce(getitem, part["$ref"].split("/")[1:], document) if "$ref" in part else part


def call(method: str, path: str, operation: Json) -> Call:
    (scope,) = [each for way in operation["security"] for each in way["bearer"]] or [""]
    kept = examples.recorded_examples()["operations"].get(f"{method} {path}", {})
    words, others = kept.get("words", {}), []
    for parameter in operation["parameters"]:
        if word := words.get(parameter["name"]):
            path = path.replace(f"{{{parameter['name']}}}", word)
            others += [each for each in parameter["schema"]["enum"] if each != word]
    kinds = [*sent(operation, kept)] or ["example"]
    shown = [example(method, path, operation, kind, kept) for kind in kinds]
    also = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
    also -= kept.get("query", {}).keys()
    if method == "PUT" and takes(operation, "If-Match"):
        also.add("If-Match")
    sentence = marked(f"{operation['summary']}. {operation['description']}")
    return Call(
        operation["operationId"], method, path, sentence, scope, others, sorted(also), shown
    )


def sent(operation: Json, kept: Json) -> Json:
    """The recorded bodies; none if the operation takes none."""
    return kept.get("requests", {}) if "requestBody" in operation else {}


def takes(operation: Json, header: str) -> bool:
    return any(each["name"] == header for each in operation["parameters"])


def example(method: str, path: str, operation: Json, kind: str, kept: Json) -> Example:
    body = blanked(sent(operation, kept).get(kind))
    query = {DRY_RUN: "true"} if kind == DRY_RUN else blanked(kept.get("query", {}))
    key = kept.get("keys", {}).get(kind)
    has_etag = method == "PATCH" and takes(operation, "If-Match")
    order = Snippet(method, path, query, body, key, has_etag, bool(operation["security"]))
    return Example(kind, order, order.curl(), *order.in_clients(), answers(operation, kind, kept))


def answers(operation: Json, kind: str, kept: Json) -> dict[str, str]:
    """The responses to one example, by status; empty if there is no recorded one."""
    found = {}
    for status in successes(operation):
        shown = kept.get("answers", {}).get(status)
        title = f"{status} {HTTPStatus(int(status)).phrase}"
        if shown is None:
            found[title] = ""
        elif kind in shown:
            found[title] = json.dumps(shown[kind], indent=2, ensure_ascii=False)
    return found


def successes(operation: Json) -> Json:
    """The responses of an operation that are no refusals, by status, with that to a dry run."""
    found = {status: each for status, each in operation["responses"].items() if status < "300"}
    return found | ({"200": operation["x-dry-run"]} if "x-dry-run" in operation else {})


# --- Placeholders for ids ------------------------------------------------------------------------


def blanked(value: Json, name: str = "", known: dict[str, list[str]] | None = None) -> Json:
    """Replace ids by placeholders, named after their fields; the second of a field has a 2."""
    known = {} if known is None else known
    if isinstance(value, dict):
        return {each: blanked(inner, each, known) for each, inner in value.items()}
    if isinstance(value, list):
        return [blanked(each, name, known) for each in value]
    if not isinstance(value, str) or not ID.fullmatch(value):
        return value
    ids = known.setdefault(name, [])
    if value not in ids:
        ids.append(value)
    number = ids.index(value) + 1
    return Blank(snake(name) if number == 1 else f"{snake(name)}_{number}")


def blanks(value: Json) -> Iterator[Blank]:
    """The placeholders in a value."""
    if isinstance(value, Blank):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from blanks(each)


# --- The languages ------------------------------------------------------------------------------


class Snippet(NamedTuple):
    """A request, to be written in each language."""

    method: str
    path: str
    query: Json
    body: Json
    key: str | None
    has_etag: bool
    has_secret: bool

    def names(self) -> list[str]:
        """The names of the placeholders, without duplicates, in order."""
        in_path = [snake(name) for name in PARAMETER.findall(self.path)]
        return list(dict.fromkeys([*in_path, *blanks(self.query), *blanks(self.body)]))

    def url(self, api: str, name: Callable[[str], str]) -> str:
        """The address. `name` writes a placeholder, and `api` is the address of the API."""
        path = PARAMETER.sub(lambda found: name(snake(found[1])), self.path)
        marked = {
            each: f"\0{value}\0" if isinstance(value, Blank) else value
            for each, value in self.query.items()
        }
        query = urlencode(marked, safe=":\0")
        query = re.sub("\0(\\w+)\0", lambda found: name(found[1]), query)
        here = api + path.removeprefix(API) if path.startswith(API) else RECORDED_AT + path
        return f"{here}?{query}" if query else here

    def curl(self) -> str:
        begin = [f"{name.upper()}=0198…" for name in self.names()]
        method = f"-X {self.method} " if self.method in {"PUT", "PATCH"} else ""
        parts = [f'curl {method}"{self.url("$API", lambda name: f"${name.upper()}")}"']
        if self.has_secret:
            parts.append('-H "Authorization: Bearer $KEY"')
        if self.key:
            parts.append(f"-H 'Idempotency-Key: {self.key}'")
        if self.has_etag:
            begin.append("ETAG='\"…\"'")
            parts.append('-H "If-Match: $ETAG"')
        if self.body is not None:
            parts.append("-H 'Content-Type: application/json'")
            parts.append(f"-d '{literal(self.body, in_shell)}'")
        return "\n".join([*begin, " \\\n  ".join(parts)])

    def in_clients(self) -> tuple[str, str]:
        """The call in Python and in TypeScript; empty: the clients don't have it."""
        path = PARAMETER.sub(lambda found: f"${snake(found[1])}", self.path)
        headers = {"Idempotency-Key": self.key} if self.key else {}
        headers |= {"If-Match": Blank("etag")} if self.has_etag else {}
        try:
            call = client_call(self.method, path, self.query, headers, self.body)
        except Uncallable:
            return "", ""
        known = dict.fromkeys(self.names(), "0198…")
        known |= {"etag": '"…"'} if self.has_etag else {}
        python = [f"{name} = {in_literal(value)}" for name, value in known.items()]
        typescript = [
            f"const {camel(name)} = {in_literal(value)};" for name, value in known.items()
        ]
        shown = ShownCall(call)
        return (
            with_imports("\n".join([*python, python_call(shown)])),
            "\n".join([*typescript, typescript_call(shown)]),
        )


def in_literal(text: str) -> str:
    """A text in Python and TypeScript, as few quotes as possible escaped."""
    return f"'{text}'" if '"' in text else f'"{text}"'


def literal(value: Json, word: Callable[[Json], str], indent: str = "") -> str:
    """A value in JSON; `word` writes what is in it."""
    if not isinstance(value, dict | list):
        return word(value)
    inner = f"{indent}  "
    if isinstance(value, dict):
        parts = [f'"{name}": {literal(each, word, inner)}' for name, each in value.items()]
    else:
        parts = [literal(each, word, inner) for each in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(indent + line) < WIDTH and "\n" not in line:
        return line
    lines = ",\n".join(inner + part for part in parts)
    return f"{opening}\n{lines}\n{indent}{closing}"


def in_shell(word: Json) -> str:
    """JSON inside single quotes; placeholders close and reopen them."""
    if isinstance(word, Blank):
        return f"\"'${word.upper()}'\""
    return json.dumps(word, ensure_ascii=False).replace("'", "'\\''")
