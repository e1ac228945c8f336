"""The texts that errors can have, as the code has them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tests.support.source_code import modules

PLACES = {"Message": 0, "FieldError": 2, "WrongAmount": 1}
"""The calls that have a text, and which argument it is."""


def texts() -> set[str]:
    """Every text that an error can have, as the code has it."""
    return {*written_texts(), *registered_texts(), *field_texts()}


def written_texts() -> Iterator[str]:
    """The texts in calls: of `Message`, of field errors, and those given to a refusal."""
    yield from (str(text.value) for _, text in given_texts() if isinstance(text, ast.Constant))


def unknown_texts() -> list[str]:
    """Calls whose text is put together, so that no catalogue can know it."""
    built = ast.JoinedStr | ast.BinOp
    return [f"{path}:{text.lineno}" for path, text in given_texts() if isinstance(text, built)]


def given_texts() -> Iterator[tuple[str, ast.expr]]:
    """The texts of calls with their modules; of a variable, what the module assigns to it."""
    for path, tree in modules().items():
        nodes = [*ast.walk(tree)]
        given = [text_of_call(node) for node in nodes if isinstance(node, ast.Call)]
        names = {text.id for text in given if isinstance(text, ast.Name)}
        yield from ((path, text) for text in given if text and not isinstance(text, ast.Name))
        for node in nodes:
            if isinstance(node, ast.Assign) and names & {
                ast.unparse(each) for each in node.targets
            }:
                yield path, node.value


def text_of_call(node: ast.Call) -> ast.expr | None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    place = PLACES.get(name, 0 if is_refusal(node.func) else -1)
    return node.args[place] if 0 <= place < len(node.args) else None


def is_refusal(function: ast.expr) -> bool:
    """Whether it is a class of `errors`, as it is called where it is raised."""
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "errors"
        and function.attr[0].isupper()
        and function.attr != "Inconsistent"
    )


def registered_texts() -> Iterator[str]:
    """The title and the detail of every code, and the sentences of limits."""
    from iocash import errors
    from iocash.errors import conflicts

    for kind in errors.REGISTRY.values():
        yield from (kind.title(), kind.detail)
    yield from conflicts.LIMITS.values()


def field_texts() -> Iterator[str]:
    """The messages of all fields and serializers of ours."""
    from iocash import urls
    from iocash.http import serializers

    assert urls.urlpatterns  # so that all of them are loaded
    for kind in subclasses(serializers.Explaining):
        if not kind.__module__.startswith("tests"):
            yield from map(str, messages_of(kind).values())


def messages_of(kind: type[Any]) -> dict[str, Any]:
    """The messages of a field, with those that it inherits, as DRF merges them."""
    messages: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        messages |= base.__dict__.get("default_error_messages", {})
    return messages


def subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)
