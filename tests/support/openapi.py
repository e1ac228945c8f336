"""Every answer that a test gets is held against the OpenAPI documents."""

from __future__ import annotations

import json
import re
from functools import cache, reduce
from operator import getitem
from threading import Lock
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from iocash.docs.reference import ALIASES, OWN, PUBLISHED, Document

Json = Any


@cache
def written(source: Document = OWN) -> str:
    """A document of the real server, as it is written down."""
    return source.text()


LOCK = Lock()
"""The generator of the documents is not safe for threads: one at a time makes them."""


def document(source: Document = OWN) -> Json:
    with LOCK:
        return made(source)


@cache
def made(source: Document) -> Json:
    """The document, in which objects and enumerations have described members only."""
    described = json.loads(written(source))
    close(described["components"]["schemas"])
    return described


def close(schema: Json) -> None:
    if isinstance(schema, list):
        for each in schema:
            close(each)
    if isinstance(schema, dict):
        for each in schema.values():
            close(each)
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
        if "x-extensible-enum" in schema:
            schema["enum"] = schema["x-extensible-enum"]


def source_of(address: str) -> Document:
    return PUBLISHED if ALIASES in address else OWN


def resolved(described: Json, source: Document) -> Json:
    """What is meant, where the document refers to it."""
    while "$ref" in described:
        described = reduce(getitem, described["$ref"].split("/")[1:], document(source))
    return described


@cache
def paths(source: Document) -> list[tuple[re.Pattern[str], str]]:
    return [(pattern(path), path) for path in sorted(document(source)["paths"])]


def pattern(path: str) -> re.Pattern[str]:
    """What addresses of the path look like: ids are UUIDs, other names are words."""
    words = re.sub(r"\{\w+(?<!Id)\}", "[a-z-]+", path)
    return re.compile(re.sub(r"\{\w+\}", "[0-9a-f-]{36}", words))


def path_of(address: str) -> str | None:
    """The path that a document has for an address."""
    known = paths(source_of(address))
    return next((path for pattern, path in known if pattern.fullmatch(address)), None)


def operation(method: str, address: str) -> Json:
    """The operation that a document has at an address; None when it has none."""
    path = path_of(address)
    return document(source_of(address))["paths"][path].get(method.lower()) if path else None


def parameters(operation: Json, source: Document = OWN) -> list[Json]:
    """The parameters of an operation, also those that it shares with others."""
    return [resolved(each, source) for each in operation.get("parameters", [])]


@cache
def validator(reference: str, source: Document = OWN) -> Draft202012Validator:
    resource = Resource.from_contents(document(source), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("document", resource)
    return Draft202012Validator({"$ref": f"document#{reference}"}, registry=registry)


def check(method: str, address: str, status: int, headers: Any, content: Json) -> None:
    """Fail unless the document says that this may be answered: status, code, body and headers."""
    path = address.removeprefix("http://testserver").partition("?")[0]
    described, source = operation(method, path), source_of(path)
    if described is None:
        return
    responses = dict(described["responses"])
    if "x-dry-run" in described:
        responses["200"] = described["x-dry-run"]
    assert str(status) in responses, f"{method} {path} does not document {status}: {content}"
    response = resolved(responses[str(status)], source)
    if status >= 400:
        assert content["code"] in response["x-codes"], (method, path, content)
        check_conflict(content, source)
    schema = response["content"]["application/json"]["schema"]
    for reference in [schema["$ref"]] if "$ref" in schema else []:
        check_shape(reference.removeprefix("#"), content, source)
    for name in set(headers) & {"ETag", "Location", "Idempotent-Replayed", "X-Sandbox"}:
        assert name in response["headers"], f"{method} {path} {status} does not document {name}"
    if "Location" in response["headers"]:
        assert "Location" in headers, f"{method} {path} {status} lacks its Location"


def check_conflict(content: Json, source: Document) -> None:
    """Fail if a 409 has other facts than those that are described for its code."""
    if "conflict" in content:
        known = document(source)["components"]["schemas"]["Conflict"]["x-schemas"]
        check_shape(f"/components/schemas/{known[content['code']]}", content["conflict"], source)


def check_shape(reference: str, content: Json, source: Document = OWN) -> None:
    wrong = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator(reference, source).iter_errors(content)
    ]
    assert not wrong, wrong
