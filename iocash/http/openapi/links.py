"""The links from what an operation creates to how it is read, and to what can follow."""

from __future__ import annotations

import re
from typing import Any

from iocash.http.rendering import JSON

Json = dict[str, Any]

CREATED = ("201", "202")


def link_creations(paths: Json) -> None:
    """Give each response with something new its links."""
    reading = reading_paths(paths)
    for path, methods in paths.items():
        for method in ("post", "put"):
            responses = methods.get(method, {}).get("responses", {})
            for status in responses.keys() & {*CREATED}:
                target = (
                    path if is_resource(paths, path) else reading.get(answered(responses[status]))
                )
                if target:
                    is_here = target == path or not target.endswith("}")
                    responses[status]["links"] = links(paths, target, is_here=is_here)
                elif listing := path_of_movements(paths, path):
                    responses[status]["links"] = {"list": link_to_operation(paths, listing)}


def path_of_movements(paths: Json, path: str) -> str:
    """Where the movements of a new batch or operation are listed: above it, or below it."""
    if path.endswith("/batch"):
        return path.rpartition("/")[0]
    below = f"{path}/{{operationId}}"
    return below if below in paths else ""


def link_to_operation(paths: Json, listing: str) -> Json:
    """Link a batch or an operation to the list of the movements that it has created."""
    above = listing.removesuffix("/{operationId}")
    values = ids_of(above, is_here=True) | {"operationId": "$response.body#/operationId"}
    return {"operationId": paths[listing]["get"]["operationId"], "parameters": values}


def reading_paths(paths: Json) -> dict[str, str]:
    """Where each kind of resource is read, by the schema of the answer to its creation.

    That is the schema of reading it by its id. `TermsContent` is a `TermsAnswer` with its content,
    and a `…SecretAnswer` an `…Answer` with a secret that is shown once.
    """
    found = {
        path: answered(methods["get"]["responses"]["200"])
        for path, methods in paths.items()
        if "get" in methods
    }
    by_id = {schema: path for path, schema in found.items() if path.endswith("}")}
    whole = {
        schema.removesuffix("Content") + "Answer": path
        for path, schema in found.items()
        if schema.endswith("Content") and not path.endswith("}")
    }
    secret = {
        f"{schema.removesuffix('Answer')}SecretAnswer": path for schema, path in by_id.items()
    }
    return by_id | whole | secret


def is_resource(paths: Json, path: str) -> bool:
    """Whether GET at the path answers what POST or PUT creates there."""
    methods = paths[path]
    return "get" in methods and not answered(methods["get"]["responses"]["200"]).endswith("Page")


def answered(response: Json) -> str:
    return str(response["content"][JSON]["schema"].get("$ref", ""))


def links(paths: Json, target: str, *, is_here: bool) -> Json:
    """Link to reading the target, and to each POST directly below it."""
    below = re.compile(re.escape(target) + "/[^/{}]+")
    found = {"read": paths[target]["get"]}
    for path, methods in paths.items():
        if below.fullmatch(path) and "post" in methods:
            found[methods["post"]["operationId"]] = methods["post"]
    values = ids_of(target, is_here=is_here)
    return {
        name: {"operationId": operation["operationId"], "parameters": values}
        for name, operation in found.items()
    }


def ids_of(target: str, *, is_here: bool) -> Json:
    """Where the ids of a path are found: in the path of the request, or in the answer."""
    names = re.findall(r"\{(\w+)\}", target)
    if is_here:
        return {name: f"$request.path.{name}" for name in names}
    *above, own = names
    return {name: f"$response.body#/{name}" for name in above} | {own: "$response.body#/id"}
