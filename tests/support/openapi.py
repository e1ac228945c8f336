"""Every answer that a test gets is held against the OpenAPI document."""

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

from iocash.docs import reference

Json = Any


@cache
def written() -> str:
    """The document of the real server, as it is written down."""
    return reference.document_text()


LOCK = Lock()
"""The generator of the document is not safe for threads: one at a time makes it."""


def document() -> Json:
    with LOCK:
        return made()


@cache
def made() -> Json:
    """The document, in which an object has no other members than those that are described."""
    described = json.loads(written())
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


def resolved(described: Json) -> Json:
    """What is meant, where the document refers to it."""
    while "$ref" in described:
        described = reduce(getitem, described["$ref"].split("/")[1:], document())
    return described


@cache
def paths() -> list[tuple[re.Pattern[str], str]]:
    return [(pattern(path), path) for path in sorted(document()["paths"])]


def pattern(path: str) -> re.Pattern[str]:
    """What addresses of the path look like: ids are UUIDs, other names are words."""
    words = re.sub(r"\{\w+(?<!Id)\}", "[a-z-]+", path)
    return re.compile(re.sub(r"\{\w+\}", "[0-9a-f-]{36}", words))


def path_of(address: str) -> str | None:
    """The path that the document has for an address."""
    return next((path for pattern, path in paths() if pattern.fullmatch(address)), None)


def operation(method: str, address: str) -> Json:
    """The operation that the document has at an address; None when it has none."""
    path = path_of(address)
    return document()["paths"][path].get(method.lower()) if path else None


@cache
def validator(reference: str) -> Draft202012Validator:
    resource = Resource.from_contents(document(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("document", resource)
    return Draft202012Validator({"$ref": f"document#{reference}"}, registry=registry)


def check(method: str, address: str, status: int, headers: Any, content: Json) -> None:
    """Fail unless the document says that this may be answered: status, code, body and headers."""
    path = address.removeprefix("http://testserver").partition("?")[0]
    described = operation(method, path)
    if described is None:
        return
    responses = described["responses"]
    assert str(status) in responses, f"{method} {path} does not document {status}: {content}"
    response = resolved(responses[str(status)])
    if status >= 400:
        codes = response["content"]["application/json"]["schema"]["allOf"][1]
        assert content["code"] in codes["properties"]["code"]["enum"], (method, path, content)
        check_shape("/components/schemas/Error", content)
    else:
        schema = response["content"]["application/json"]["schema"]
        for reference in [schema["$ref"]] if "$ref" in schema else []:
            check_shape(reference.removeprefix("#"), content)
    for name in set(headers) & {"ETag", "Location", "Idempotent-Replayed"}:
        assert name in response["headers"], f"{method} {path} {status} does not document {name}"
    if "Location" in response["headers"]:
        assert "Location" in headers, f"{method} {path} {status} lacks its Location"


def check_shape(reference: str, content: Json) -> None:
    wrong = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator(reference).iter_errors(content)
    ]
    assert not wrong, wrong
