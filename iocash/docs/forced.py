"""The table of the guide about sandboxes: the refusals that each operation can be asked for.

It is made of the OpenAPI document, which has all codes of each operation.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final, NamedTuple

from iocash.docs.calls import resolved
from iocash.docs.reference import OWN
from iocash.http.parsing import BODIES
from iocash.http.rendering import dump

Json = dict[str, Any]

PREFIX: Final = "/api/v1"
USUAL: Final = ("reference", "alias", "description", "userName", "otp", "status")
"""Fields for the text, the usual ones first; `concept` is not one of them."""


class ForcedCall(NamedTuple):
    """An operation, the field that takes the text, and the codes that few others have."""

    call: str
    field: str
    codes: tuple[str, ...]
    everything: tuple[str, ...]
    """All of its codes."""


class ForcedTable(NamedTuple):
    """All operations, and the codes that they share."""

    everywhere: tuple[str, ...]
    with_body: tuple[str, ...]
    """The further codes of each operation with a body."""
    calls: tuple[ForcedCall, ...]


@cache
def forced_table() -> ForcedTable:
    """All operations with credentials, in the order of the document."""
    document = json.loads(dump(OWN.whole()))
    found = [
        forced_call(method.upper(), path, operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["security"]
    ]
    everywhere = shared(found)
    with_body = tuple(
        code
        for code in shared([each for each in found if each.call.split()[0] in BODIES])
        if code not in everywhere
    )
    known = {*everywhere, *with_body}
    calls = [
        each._replace(codes=tuple(code for code in each.everything if code not in known))
        for each in found
    ]
    return ForcedTable(everywhere, with_body, tuple(calls))


def shared(calls: list[ForcedCall]) -> tuple[str, ...]:
    """The codes that all of these operations have."""
    common = set.intersection(*(set(each.everything) for each in calls))
    return tuple(code for code in calls[0].everything if code in common)


def forced_call(method: str, path: str, operation: Json, document: Json) -> ForcedCall:
    responses = [resolved(each, document) for each in operation["responses"].values()]
    codes = tuple(code for each in responses for code in each.get("x-codes", ()))
    names = fields_of(operation, document)
    field = next((name for name in (*USUAL, *names) if name in names), "")
    return ForcedCall(f"{method} {path.removeprefix(PREFIX) or '/'}", field, (), codes)


def fields_of(operation: Json, document: Json) -> list[str]:
    """The names of the fields of the body, but `concept`."""
    content = resolved(operation.get("requestBody", {}), document).get("content", {})
    schema = resolved(content.get("application/json", {}).get("schema", {}), document)
    variants = [resolved(each, document) for each in schema.get("oneOf", [schema])]
    return [name for each in variants for name in each.get("properties", ()) if name != "concept"]
