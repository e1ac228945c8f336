"""The examples of the OpenAPI document: requests and responses that a test recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.conf import settings

from iocash.http.openapi.sharing import Occurrence, share
from iocash.http.rendering import JSON

Json = Any

FILE = settings.BASE_DIR / "docs" / "examples.json"


@cache
def recorded_examples() -> Json:
    """What was kept of the test's story, by operation; its refusals by code."""
    return json.loads(FILE.read_text())


def illustrate(result: Json, **kwargs: Any) -> Json:
    """Add the recorded examples to operations and refusals; a hook of drf-spectacular."""
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
    shown = named({code: refusals[code] for code in sorted(known & {*refusals})})
    components["examples"] = shown | share("examples", examples_of(result["paths"]))
    return result


def examples_of(paths: Json) -> Iterator[Occurrence]:
    """Each example of a body or of a success, named by its schema."""
    for operation in (each for methods in paths.values() for each in methods.values()):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            content = part.get("content", {}).get(JSON, {})
            for kind in content.get("examples", {}):
                name = content["schema"]["$ref"].rpartition("/")[2]
                yield Occurrence(content["examples"], kind, name)


def illustrate_operation(operation: Json, kept: Json) -> None:
    if "requestBody" in operation:
        operation["requestBody"]["content"][JSON]["examples"] = named(kept["requests"])
    for status, answers in kept["answers"].items():
        operation["responses"][status]["content"][JSON]["examples"] = named(answers)


def illustrate_refusal(response: Json) -> None:
    """Refer to the example of each code of the refusal, if there is one."""
    known = [code for code in response["x-codes"] if code in recorded_examples()["refusals"]]
    if known:
        shown = {code: {"$ref": f"#/components/examples/{code}"} for code in known}
        response["content"][JSON]["examples"] = shown


def named(values: dict[str, Json]) -> Json:
    return {name: {"value": value} for name, value in values.items()}
