"""What several places of the OpenAPI document have in common is a component."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

Json = dict[str, Any]


class Place(NamedTuple):
    """A part of the document: what it is in, its key there, and what to name it."""

    container: Any
    key: Any
    name: str

    @property
    def part(self) -> Any:
        return self.container[self.key]


def share(section: str, places: Iterable[Place]) -> Json:
    """Move what is in several places to a section of the components: they refer to it.

    Return it, by name.
    """
    places = list(places)
    found = [place.part for place in places]
    shared: Json = {}
    for place, part in zip(places, found, strict=True):
        if found.count(part) > 1:
            known = [name for name, each in shared.items() if each == part]
            name = known[0] if known else free_name(place.name, shared)
            shared[name] = part
            place.container[place.key] = {"$ref": f"#/components/{section}/{name}"}
    return dict(sorted(shared.items()))


def free_name(name: str, taken: Json) -> str:
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 2)))
    return next(each for each in names if each not in taken)
