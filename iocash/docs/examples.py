"""The examples of the OpenAPI document: requests and responses that a test recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.conf import settings

from iocash.http.rendering import JSON

Json = Any

FILE = settings.BASE_DIR / "docs" / "examples.json"


@cache
def recorded_examples() -> Json:
    """What was kept of the test's story, by operation; its refusals by code."""
    return json.loads(FILE.read_text())


def illustrate(result: Json, **kwargs: Any) -> Json:
    """Add the recorded examples to operations and refusals; a hook of drf-spectacular.

    The document has one example of each resource, and no long lists. The page of calls has all that
    was recorded.
    """
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            kept = recorded_examples()["operations"].get(f"{method.upper()} {path}")
            if kept:
                illustrate_operation(operation, kept)
    components = result["components"]
    for response in components["responses"].values():
        illustrate_refusal(response)
    refusals = recorded_examples()["refusals"]
    known = {code for each in components["responses"].values() for code in each["x-codes"]}
    shared = share_answers(result["paths"])
    shown = {code: refusals[code] for code in sorted(known & {*refusals})}
    components["examples"] = named(shown | dict(sorted(shared.items())))
    return result


def illustrate_operation(operation: Json, kept: Json) -> None:
    if "requestBody" in operation:
        operation["requestBody"]["content"][JSON]["examples"] = named(kept["requests"])
    for status, answers in kept["answers"].items():
        shown = {name: brief(value) for name, value in answers.items()}
        operation["responses"][status]["content"][JSON]["examples"] = named(shown)


def brief(value: Json) -> Json:
    """The value of an answer; a page has its first row only, other lists their first ten."""
    if not isinstance(value, dict):
        return value
    short = {name: each[:10] if isinstance(each, list) else each for name, each in value.items()}
    rows = value.get("_embedded", {})
    if rows:
        short["_embedded"] = {name: each[:1] for name, each in rows.items()}
    return short


def share_answers(paths: Json) -> Json:
    """Refer to one example of each schema, where an answer has one. Return them by schema."""
    shared: Json = {}
    for content in answered_contents(paths):
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        if name and len(content.get("examples", ())) == 1:
            ((kind, example),) = content["examples"].items()
            shared.setdefault(name, example["value"])
            content["examples"] = {kind: {"$ref": f"#/components/examples/{name}"}}
    return shared


def answered_contents(paths: Json) -> Iterator[Json]:
    """The JSON that operations answer."""
    for methods in paths.values():
        for operation in methods.values():
            for response in operation["responses"].values():
                if JSON in response.get("content", ()):
                    yield response["content"][JSON]


def illustrate_refusal(response: Json) -> None:
    """Refer to the example of each code of the refusal, if there is one."""
    known = [code for code in response["x-codes"] if code in recorded_examples()["refusals"]]
    if known:
        shown = {code: {"$ref": f"#/components/examples/{code}"} for code in known}
        response["content"][JSON]["examples"] = shown


def named(values: dict[str, Json]) -> Json:
    return {name: {"value": value} for name, value in values.items()}
