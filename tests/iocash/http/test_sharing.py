"""What occurs again in the OpenAPI document is described once."""

from __future__ import annotations

from typing import Any

from iocash.http.openapi.sharing import Occurrence, share


def test_part_that_occurs_again_is_replaced_by_a_reference() -> None:
    part, other = {"a": 1}, {"b": 2}
    first: dict[str, Any] = {"x": part, "y": {**part}, "z": {"c": 3}}
    second: list[Any] = [other, {**other}]
    occurrences = [Occurrence(first, key, "Name") for key in first]
    occurrences += [Occurrence(second, at, "Name") for at in range(2)]
    assert share("examples", occurrences) == {"Name": part, "Name-2": other}
    one, two = ({"$ref": f"#/components/examples/{name}"} for name in ("Name", "Name-2"))
    assert first == {"x": one, "y": one, "z": {"c": 3}}
    assert second == [two, two]
