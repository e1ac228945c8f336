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

KEPT = {"self", "first", "last", "next", "resume"}
"""The links that examples show in the document. Each resource has more."""


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
    contents = [*contents_of(result["paths"])]
    leave_out_pages(contents, components["schemas"])
    show_each_shape_once(contents)
    components["examples"] = shown | share("examples", examples_of(contents))
    return result


def contents_of(paths: Json) -> Iterator[Json]:
    """Each body and success with examples; first those of GET, which show the whole resource."""
    operations = [(method, each) for methods in paths.values() for method, each in methods.items()]
    for _, operation in sorted(operations, key=lambda each: each[0] != "get"):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            content = part.get("content", {}).get(JSON, {})
            if "examples" in content:
                yield content


def leave_out_pages(contents: list[Json], schemas: Json) -> None:
    """Leave out the example of each page whose items have an example of their own elsewhere."""
    shown = {schema_of(content) for content in contents}
    for content in list(contents):
        name = schema_of(content)
        if name.endswith("Page") and item_of(schemas[name], schemas) in shown:
            del content["examples"]
            contents.remove(content)


def item_of(page: Json, schemas: Json) -> str:
    """The name of the schema of what a page lists."""
    embedded = page["properties"]["_embedded"]
    (items,) = schemas[referred(embedded)]["properties"].values()
    return referred(items["items"])


def show_each_shape_once(contents: list[Json]) -> None:
    """Give all examples of one kind, of one schema, the value of the first.

    The page of calls shows what each operation answers. Here ten operations that answer a wallet
    would show ten wallets, and the document would be a tenth larger.
    """
    first: dict[tuple[str, str], Json] = {}
    for content in contents:
        for kind, example in content["examples"].items():
            content["examples"][kind] = first.setdefault((schema_of(content), kind), example)


def examples_of(contents: list[Json]) -> Iterator[Occurrence]:
    """Each example, named by its schema."""
    for content in contents:
        for kind in content["examples"]:
            yield Occurrence(content["examples"], kind, schema_of(content))


def schema_of(content: Json) -> str:
    return referred(content["schema"])


def referred(schema: Json) -> str:
    """The name of the component to which a schema refers."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def illustrate_operation(operation: Json, kept: Json) -> None:
    if "requestBody" in operation:
        operation["requestBody"]["content"][JSON]["examples"] = named(kept["requests"])
    apart = {"200"} if operation.get("x-dry-run") else set()
    for status in kept["answers"].keys() - apart:
        answers = kept["answers"][status]
        operation["responses"][status]["content"][JSON]["examples"] = named(answers)


def illustrate_refusal(response: Json) -> None:
    """Refer to the example of each code of the refusal, if there is one."""
    known = [code for code in response["x-codes"] if code in recorded_examples()["refusals"]]
    if known:
        shown = {code: {"$ref": f"#/components/examples/{code}"} for code in known}
        response["content"][JSON]["examples"] = shown


def named(values: dict[str, Json]) -> Json:
    return {name: {"value": without_neighbours(value)} for name, value in values.items()}


def without_neighbours(value: Json) -> Json:
    """Leave the links to itself and to other pages, and the first item of each list."""
    if isinstance(value, list):
        return [without_neighbours(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: with_less(name, each) for name, each in value.items()}


def with_less(name: str, value: Json) -> Json:
    if name == "_links" and "self" in value:
        return {rel: link for rel, link in value.items() if rel in KEPT}
    if name == "_embedded":
        value = {collection: items[:1] for collection, items in value.items()}
    return without_neighbours(value)
