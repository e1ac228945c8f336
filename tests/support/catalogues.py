"""The texts that errors can have, and the catalogue of their translations.

`DEBUG=1 python -m tests.support.catalogues` compiles `iocash/locale/es/LC_MESSAGES/django.po`. The
result is under version control, so that nobody needs GNU gettext to install or change the server.
"""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.source_code import modules

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "iocash" / "locale" / "es" / "LC_MESSAGES" / "django.po"
COMPILED = SOURCE.with_suffix(".mo")

PLACES = {"Message": 0, "FieldError": 2, "WrongAmount": 1}
"""The calls that have a text, and which argument it is."""


# --- The texts in the code ---------------------------------------------------------------------


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


# --- The catalogue -----------------------------------------------------------------------------


def read_source(text: str) -> dict[str, str]:
    """The translations of a `.po` file without plurals and contexts.

    Raises:
        ValueError: a text occurs twice, or is marked as fuzzy or obsolete.
    """
    found: dict[str, str] = {}
    parts: dict[str, str] = {}
    current = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith(("#,", "#~")):
            raise ValueError(f"not a finished translation: {line}")
        if line.startswith(("msgid ", "msgstr ")):
            current = line.partition(" ")[0]
            parts[current] = ast.literal_eval(line.partition(" ")[2])
        if line.startswith('"'):
            parts[current] += ast.literal_eval(line)
        if not line and parts:
            if parts["msgid"] in found:
                raise ValueError(f"twice: {parts['msgid']}")
            found[parts["msgid"]] = parts["msgstr"]
            parts = {}
    return found


def compiled(translations: dict[str, str]) -> bytes:
    """The `.mo` file of GNU gettext: tables of lengths and places, then the texts."""
    pairs = [(one.encode(), other.encode()) for one, other in sorted(translations.items())]
    texts = [each[0] for each in pairs], [each[1] for each in pairs]
    place = 28 + 16 * len(pairs)
    tables, data = b"", b""
    for column in texts:
        for each in column:
            tables += struct.pack("<II", len(each), place + len(data))
            data += each + b"\0"
    second = 28 + 8 * len(pairs)
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, second, 0, place)
    return head + tables + data


def main() -> None:
    COMPILED.write_bytes(compiled(read_source(SOURCE.read_text())))


if __name__ == "__main__":
    main()
