"""What the OpenAPI document would say several times is a component, to which it refers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

Json = dict[str, Any]


class Occurrence(NamedTuple):
    """Where a part of the document is, and what it is named if it occurs again."""

    container: Any
    key: Any
    name: str


def share(section: str, occurrences: Iterable[Occurrence]) -> Json:
    """Replace each part that occurs again by a reference to a section of the components.

    Return these parts, by name.
    """
    occurrences = list(occurrences)
    found = [container[key] for container, key, _ in occurrences]
    shared: Json = {}
    for (container, key, name), part in zip(occurrences, found, strict=True):
        if found.count(part) > 1:
            known = [known for known, each in shared.items() if each == part]
            known = known or [free_name(name, shared)]
            shared[known[0]] = part
            container[key] = {"$ref": f"#/components/{section}/{known[0]}"}
    return dict(sorted(shared.items()))


def free_name(name: str, taken: Json) -> str:
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 2)))
    return next(each for each in names if each not in taken)
