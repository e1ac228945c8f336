"""Every operation of the API, read from the URL map.

The callback of the identity provider is none of them: clients don't call it. The operations that
exist in sandboxes only are none either: `tests/wallets/views/test_sandbox.py` asks them the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLResolver, get_resolver

from tests.support.people import dump
from tests.support.resources import ENDPOINTS, Endpoint

METHODS = ("get", "post", "put", "patch", "delete")


def shape(route: str) -> str:
    """The route without the names of what stands in it."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "{}", route)


EXPECTED = {(each.method, shape(f"api/v1/{each.path}")): each for each in ENDPOINTS}


@dataclass(frozen=True)
class Operation:
    """A method at an address."""

    method: str
    route: str
    view: Any

    def __str__(self) -> str:
        return f"{self.method.upper()} /{self.route}"

    @property
    def expected(self) -> Endpoint | None:
        """Its line in the table of endpoints; None for the root and for ioCash's own addresses."""
        return EXPECTED.get((self.method.upper(), shape(self.route)))

    @property
    def declared_scope(self) -> str | None:
        scope: str | None = self.view.view_class.scope
        declared = self.view.view_class.operations[self.method.upper()]
        reads = self.method == "get" or declared.reads
        return scope and f"{scope}:{'read' if reads else 'write'}"

    @property
    def scope(self) -> str | None:
        return self.expected.scope if self.expected else self.declared_scope

    @property
    def seen(self) -> int:
        """What reading Alice's things answers: she is no company."""
        return 404 if "juridical/<" in self.route else 200

    def body(self) -> bytes:
        kind = self.view.view_class.operations[self.method.upper()].body
        return dump(kind().get_initial() if kind else {})


def addresses(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns, route)
        elif "api/v" in route and entry.callback.view_class.schema is not None:
            yield route, entry.callback


def operations() -> Iterator[Operation]:
    for route, callback in API:
        methods = callback.view_initkwargs.get(
            "http_method_names", callback.view_class.http_method_names
        )
        for method in METHODS:
            if method in methods and hasattr(callback.view_class, method):
                yield Operation(method, route, callback)


API = [each for each in addresses(get_resolver().url_patterns) if "/sandbox/" not in each[0]]
ALL = list(operations())


def body_of(endpoint: Endpoint) -> Any:
    """The serializer of its body."""
    (found,) = (each for each in ALL if each.expected is endpoint)
    return found.view.view_class.operations[endpoint.method].body()
